//! Each rule of the decision, with what would pass without it.

use guildhall_access::{
    Demand, DeploymentChange, DeploymentSnapshot, Membership, Moment, OrganizationChange, Reason,
};
use guildhall_types::Timestamp;

use crate::make::{
    ADA, AUDITOR, BOB, EDITOR, EVE, assignment, at, deployment, member, noon, organization, reason,
    role, role_id, user,
};

#[test]
fn a_role_gives_its_permissions_and_no_others() {
    let acme = organization(
        &[role(EDITOR, &["documents:read"])],
        &[member(ADA, &[EDITOR])],
    );
    let deployment = deployment(&[]);
    let moment = noon(&acme, &deployment);
    assert_eq!(reason(&moment, ADA, "documents:read"), Reason::Granted);
    assert_eq!(
        reason(&moment, ADA, "documents:write"),
        Reason::MissingPermission
    );
}

#[test]
fn a_role_of_the_deployment_is_combined_at_check_time() {
    let acme = organization(&[], &[member(ADA, &[AUDITOR])]);
    let before = deployment(&[role(AUDITOR, &["ledger:read"])]);
    assert_eq!(
        reason(&noon(&acme, &before), ADA, "ledger:read"),
        Reason::Granted
    );
    let change = DeploymentChange::RoleSet(role(AUDITOR, &["ledger:export"]));
    let after = before.apply(2, &change).unwrap();
    assert_eq!(
        reason(&noon(&acme, &after), ADA, "ledger:read"),
        Reason::MissingPermission
    );
    assert_eq!(
        reason(&noon(&acme, &after), ADA, "ledger:export"),
        Reason::Granted
    );
    let gone = after
        .apply(3, &DeploymentChange::RoleRemoved(role_id(AUDITOR)))
        .unwrap();
    assert_eq!(
        reason(&noon(&acme, &gone), ADA, "ledger:export"),
        Reason::MissingPermission
    );
}

#[test]
fn who_is_no_member_is_denied() {
    let acme = organization(&[role(EDITOR, &["*"])], &[member(ADA, &[EDITOR])]);
    let deployment = deployment(&[]);
    assert_eq!(
        reason(&noon(&acme, &deployment), EVE, "a"),
        Reason::NotAMember
    );
}

#[test]
fn an_unknown_role_gives_nothing() {
    let acme = organization(&[role(EDITOR, &["*"])], &[member(ADA, &[EDITOR, 99])]);
    let deployment = deployment(&[]);
    let gone = OrganizationChange::RoleRemoved(role_id(EDITOR));
    let acme = acme.apply(2, &gone).unwrap();
    assert_eq!(
        reason(&noon(&acme, &deployment), ADA, "a"),
        Reason::MissingPermission
    );
    assert_eq!(acme.membership(user(ADA)).unwrap().roles.len(), 2);
}

#[test]
fn a_suspended_membership_gives_nothing_and_loses_nothing() {
    let ada = member(ADA, &[EDITOR]);
    let suspended = Membership {
        suspended: true,
        ..ada.clone()
    };
    let acme = organization(
        &[role(EDITOR, &["*"])],
        &[suspended, member(BOB, &[EDITOR])],
    );
    let deployment = deployment(&[]);
    assert_eq!(
        reason(&noon(&acme, &deployment), ADA, "a"),
        Reason::MembershipSuspended
    );
    assert_eq!(reason(&noon(&acme, &deployment), BOB, "a"), Reason::Granted);
    let acme = acme.apply(2, &OrganizationChange::MemberSet(ada)).unwrap();
    assert_eq!(reason(&noon(&acme, &deployment), ADA, "a"), Reason::Granted);
}

#[test]
fn a_membership_ends_at_its_time() {
    let acme = |expires_at| {
        let ada = Membership {
            expires_at: Some(at(expires_at)),
            ..member(ADA, &[EDITOR])
        };
        organization(&[role(EDITOR, &["*"])], &[ada])
    };
    let deployment = deployment(&[]);
    for (expires_at, expected) in [
        (99, Reason::MembershipExpired),
        (100, Reason::MembershipExpired),
        (101, Reason::Granted),
    ] {
        let acme = acme(expires_at);
        assert_eq!(
            reason(&noon(&acme, &deployment), ADA, "a"),
            expected,
            "{expires_at}"
        );
    }
}

#[test]
fn an_assignment_ends_at_its_time_and_no_other_with_it() {
    let roles = [role(EDITOR, &["write"]), role(3, &["read"])];
    let deployment = deployment(&[]);
    for (expires_at, expected) in [
        (99, Reason::MissingPermission),
        (100, Reason::MissingPermission),
        (101, Reason::Granted),
    ] {
        let ada = Membership {
            roles: vec![assignment(EDITOR, Some(expires_at)), assignment(3, None)],
            ..member(ADA, &[])
        };
        let acme = organization(&roles, &[ada]);
        let moment = noon(&acme, &deployment);
        assert_eq!(reason(&moment, ADA, "write"), expected, "{expires_at}");
        assert_eq!(reason(&moment, ADA, "read"), Reason::Granted);
    }
}

#[test]
fn a_disabled_user_is_denied_in_every_organization() {
    let acme = organization(
        &[role(EDITOR, &["*"])],
        &[member(ADA, &[EDITOR]), member(BOB, &[EDITOR])],
    );
    let mut builder = DeploymentSnapshot::builder(1);
    builder.disabled_user(user(ADA));
    let disabled = builder.finish();
    assert_eq!(
        reason(&noon(&acme, &disabled), ADA, "a"),
        Reason::UserDisabled
    );
    assert_eq!(reason(&noon(&acme, &disabled), BOB, "a"), Reason::Granted);
    for change in [
        DeploymentChange::UserDisabled(user(ADA), false),
        DeploymentChange::UserRemoved(user(ADA)),
    ] {
        let enabled = disabled.apply(2, &change).unwrap();
        assert_eq!(reason(&noon(&acme, &enabled), ADA, "a"), Reason::Granted);
        let again = enabled
            .apply(3, &DeploymentChange::UserDisabled(user(ADA), true))
            .unwrap();
        assert_eq!(reason(&noon(&acme, &again), ADA, "a"), Reason::UserDisabled);
    }
}

#[test]
fn a_suspended_organization_denies_everybody() {
    let acme = organization(&[role(EDITOR, &["*"])], &[member(ADA, &[EDITOR])]);
    let deployment = deployment(&[]);
    let suspended = acme.apply(2, &OrganizationChange::Suspended(true)).unwrap();
    assert!(suspended.suspended());
    assert_eq!(
        reason(&noon(&suspended, &deployment), ADA, "a"),
        Reason::OrganizationSuspended
    );
    let back = suspended
        .apply(3, &OrganizationChange::Suspended(false))
        .unwrap();
    assert_eq!(reason(&noon(&back, &deployment), ADA, "a"), Reason::Granted);
}

#[test]
fn of_several_reasons_the_first_is_told() {
    let mut suspended = Membership {
        suspended: true,
        expires_at: Some(at(1)),
        ..member(ADA, &[])
    };
    let mut builder = DeploymentSnapshot::builder(1);
    builder.disabled_user(user(ADA)).disabled_user(user(EVE));
    let disabled = builder.finish();
    let enabled = deployment(&[]);
    let acme = organization(&[], &[suspended.clone()]);
    let closed = acme.apply(2, &OrganizationChange::Suspended(true)).unwrap();
    assert_eq!(
        reason(&noon(&closed, &disabled), EVE, "a"),
        Reason::OrganizationSuspended
    );
    assert_eq!(
        reason(&noon(&acme, &disabled), EVE, "a"),
        Reason::NotAMember
    );
    assert_eq!(
        reason(&noon(&acme, &disabled), ADA, "a"),
        Reason::UserDisabled
    );
    assert_eq!(
        reason(&noon(&acme, &enabled), ADA, "a"),
        Reason::MembershipSuspended
    );
    suspended.suspended = false;
    let acme = organization(&[], &[suspended]);
    assert_eq!(
        reason(&noon(&acme, &enabled), ADA, "a"),
        Reason::MembershipExpired
    );
}

#[test]
fn what_is_exact_only_is_given_by_no_pattern() {
    let roles = [role(EDITOR, &["*", "keys:*"]), role(3, &["keys:revoke"])];
    let acme = organization(&roles, &[member(ADA, &[EDITOR]), member(BOB, &[EDITOR, 3])]);
    let mut builder = DeploymentSnapshot::builder(1);
    builder.exact_only("keys:revoke");
    let deployment = builder.finish();
    let moment = noon(&acme, &deployment);
    assert_eq!(
        reason(&moment, ADA, "keys:revoke"),
        Reason::MissingPermission
    );
    assert_eq!(reason(&moment, ADA, "keys:read"), Reason::Granted);
    assert_eq!(reason(&moment, BOB, "keys:revoke"), Reason::Granted);
}

#[test]
fn all_asks_for_each_and_any_for_one() {
    let roles = [role(EDITOR, &["a"]), role(3, &["b"])];
    let acme = organization(&roles, &[member(ADA, &[EDITOR, 3])]);
    let deployment = deployment(&[]);
    let moment = noon(&acme, &deployment);
    let allowed = |demand: Demand<'_>| moment.check(user(ADA), &demand).allowed();
    assert!(allowed(Demand::All(&["a", "b"])) && !allowed(Demand::All(&["a", "b", "c"])));
    assert!(allowed(Demand::Any(&["c", "b"])) && !allowed(Demand::Any(&["c", "d"])));
}

#[test]
fn who_asks_for_nothing_is_denied() {
    let acme = organization(&[role(EDITOR, &["*"])], &[member(ADA, &[EDITOR])]);
    let deployment = deployment(&[]);
    let moment = noon(&acme, &deployment);
    for demand in [Demand::All(&[]), Demand::Any(&[])] {
        let decision = moment.check(user(ADA), &demand);
        assert_eq!(decision.reason(), Reason::MissingPermission);
        assert_eq!(moment.holders(&demand, None).count(), 0);
    }
}

#[test]
fn time_is_the_only_thing_that_a_moment_adds() {
    let ada = Membership {
        expires_at: Some(at(100)),
        ..member(ADA, &[EDITOR])
    };
    let acme = organization(&[role(EDITOR, &["a"])], &[ada]);
    let deployment = deployment(&[]);
    let late = noon(&acme, &deployment);
    let early = Moment {
        now: at(99),
        ..late
    };
    assert_eq!(reason(&early, ADA, "a"), Reason::Granted);
    assert_eq!(reason(&late, ADA, "a"), Reason::MembershipExpired);
}

#[test]
fn what_never_ends_is_not_over_at_the_end_of_time() {
    let acme = organization(&[role(EDITOR, &["a"])], &[member(ADA, &[EDITOR])]);
    let deployment = deployment(&[]);
    let moment = Moment {
        now: Timestamp::from_micros(i64::MAX),
        ..noon(&acme, &deployment)
    };
    assert_eq!(reason(&moment, ADA, "a"), Reason::Granted);
}

#[test]
fn only_one_reason_allows() {
    use guildhall_access::Decision;
    let reasons = [
        (Reason::Granted, "granted"),
        (Reason::OrganizationNotFound, "organization_not_found"),
        (Reason::OrganizationSuspended, "organization_suspended"),
        (Reason::NotAMember, "not_a_member"),
        (Reason::UserDisabled, "user_disabled"),
        (Reason::MembershipSuspended, "membership_suspended"),
        (Reason::MembershipExpired, "membership_expired"),
        (Reason::MissingPermission, "missing_permission"),
    ];
    for (reason, word) in reasons {
        assert_eq!(reason.word(), word);
        assert_eq!(Decision::from(reason).allowed(), reason == Reason::Granted);
    }
}
