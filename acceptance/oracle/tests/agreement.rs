//! Half a million decisions, made twice; and whether the comparison would notice an engine that is wrong.

use guildhall_acceptance_oracle::{
    agree::{Flaw, SAMPLED_EVERY, agree},
    world::{Member, World},
};
use guildhall_access::Reason;

const CHECKS: usize = 500_000;

/// A reason that is told more rarely than this is not tested.
const REASON_PERCENT_MIN: usize = 2;

#[test]
fn cedar_decides_the_same() {
    let report = agree(CHECKS, 1, SAMPLED_EVERY, |_| {});
    println!("{report}");
    assert!(report.agrees(), "{report}");
    let told = |reason| report.reasons.get(&reason).copied().unwrap_or_default();
    for reason in [
        Reason::Granted,
        Reason::OrganizationSuspended,
        Reason::NotAMember,
        Reason::UserDisabled,
        Reason::MembershipSuspended,
        Reason::MembershipExpired,
        Reason::MissingPermission,
    ] {
        let is_told = told(reason) * 100 >= report.checks * REASON_PERCENT_MIN;
        assert!(is_told, "{}: {report}", reason.word());
    }
}

/// The one rule of which a server cannot be told yet.
const EXACT_ONLY: &str = "what is exact-only";

/// The teeth: an engine that forgets one rule, by a world in which the rule has nothing to say.
#[test]
fn an_engine_that_forgets_a_rule_disagrees() {
    fn each_member(world: &mut World, change: fn(&mut Member)) {
        world.members.iter_mut().for_each(change);
    }
    let flaws: [(&str, Flaw); 9] = [
        ("the organization's suspension", |world| {
            world.suspended = false;
        }),
        ("disabled users", |world| world.disabled.clear()),
        ("suspended memberships", |world| {
            each_member(world, |member| member.suspended = false);
        }),
        ("the end of memberships", |world| {
            each_member(world, |member| member.end = None);
        }),
        ("the end of assignments", |world| {
            each_member(world, |member| {
                member.roles.iter_mut().for_each(|(_, end)| *end = None);
            });
        }),
        ("that the last moment is before the end", |world| {
            each_member(world, |member| member.end = member.end.map(|end| end + 1));
        }),
        (EXACT_ONLY, |world| world.exact_only.clear()),
        ("the roles of the deployment", |world| {
            world.roles.retain(|role| !role.is_deployment_level);
        }),
        ("patterns", |world| {
            let texts = world.roles.iter_mut().flat_map(|role| &mut role.texts);
            texts.for_each(|text| *text = text.replace(":*", ":**"));
        }),
    ];
    for (rule, flaw) in flaws {
        let report = agree(20_000, 2, 2, flaw);
        assert!(report.disagreements > 0, "nobody noticed: {rule}");
        for asked in ["check", "check-batch", "lists"] {
            let is_noticed = report.over_http.disagreements.contains_key(asked);
            assert_eq!(is_noticed, rule != EXACT_ONLY, "{rule}, over HTTP: {asked}");
        }
    }
}
