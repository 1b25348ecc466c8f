//! Explanations, lists and differences.

use guildhall_access::{
    Demand, DeploymentSnapshot, MemberDiff, Membership, OrganizationChange, OrganizationSnapshot,
    Reason, diff,
};
use guildhall_types::ids::UserId;

use crate::make::{
    ADA, AUDITOR, BOB, EDITOR, EVE, assignment, at, deployment, member, noon, organization, role,
    role_id, user,
};

/// Ada writes by two roles, one of which ends; Bob is suspended; Eve reads.
fn world() -> (OrganizationSnapshot, DeploymentSnapshot) {
    let ada = Membership {
        expires_at: Some(at(500)),
        roles: vec![
            assignment(EDITOR, Some(300)),
            assignment(AUDITOR, Some(700)),
        ],
        ..member(ADA, &[])
    };
    let bob = Membership {
        suspended: true,
        ..member(BOB, &[EDITOR])
    };
    let acme = organization(
        &[
            role(EDITOR, &["documents:write", "documents:*"]),
            role(3, &["documents:read"]),
        ],
        &[ada, bob, member(EVE, &[3])],
    );
    (acme, deployment(&[role(AUDITOR, &["*"])]))
}

#[test]
fn an_allow_is_explained_by_every_path() {
    let (acme, deployment) = world();
    let moment = noon(&acme, &deployment);
    let explanation = moment.explain(user(ADA), &Demand::All(&["documents:write"]));
    assert!(explanation.decision.allowed());
    assert_eq!(explanation.membership, acme.membership(user(ADA)));
    let [written] = explanation.permissions.as_slice() else {
        panic!()
    };
    let paths: Vec<_> = written
        .paths
        .iter()
        .map(|path| {
            (
                path.role.role.id.raw(),
                path.role.is_deployment_level,
                &*path.held,
                path.until,
            )
        })
        .collect();
    assert_eq!(
        paths,
        [
            (EDITOR, false, "documents:write", Some(at(300))),
            (EDITOR, false, "documents:*", Some(at(300))),
            (AUDITOR, true, "*", Some(at(500))),
        ]
    );
    assert!(written.given_by.is_empty());
}

#[test]
fn a_deny_is_explained_by_what_is_missing_and_who_would_give_it() {
    let (acme, deployment) = world();
    let moment = noon(&acme, &deployment);
    let demand = Demand::All(&["documents:read", "documents:write"]);
    let explanation = moment.explain(user(EVE), &demand);
    assert_eq!(explanation.decision.reason(), Reason::MissingPermission);
    let [read, write] = explanation.permissions.as_slice() else {
        panic!()
    };
    assert_eq!((read.paths.len(), read.given_by.len()), (1, 0));
    assert_eq!(
        (write.permission.as_str(), write.paths.len()),
        ("documents:write", 0)
    );
    let givers: Vec<_> = write
        .given_by
        .iter()
        .map(|giver| giver.role.id.raw())
        .collect();
    assert_eq!(givers, [EDITOR, AUDITOR]);
}

#[test]
fn who_is_not_let_in_has_no_path() {
    let (acme, deployment) = world();
    let moment = noon(&acme, &deployment);
    let explanation = moment.explain(user(BOB), &Demand::Any(&["documents:write"]));
    assert_eq!(explanation.decision.reason(), Reason::MembershipSuspended);
    assert!(explanation.permissions[0].paths.is_empty());
    assert_eq!(
        moment.permissions_of(user(BOB)),
        Err(Reason::MembershipSuspended)
    );
    assert_eq!(moment.permissions_of(user(99)), Err(Reason::NotAMember));
}

#[test]
fn the_permissions_of_a_member_are_listed_as_held() {
    let (acme, deployment) = world();
    let permissions = noon(&acme, &deployment).permissions_of(user(ADA)).unwrap();
    let texts: Vec<_> = permissions
        .iter()
        .map(|held| (&*held.permission, held.paths[0].until))
        .collect();
    assert_eq!(
        texts,
        [
            ("*", Some(at(500))),
            ("documents:*", Some(at(300))),
            ("documents:write", Some(at(300)))
        ]
    );
}

#[test]
fn holders_are_paged_by_user() {
    let (acme, deployment) = world();
    let moment = noon(&acme, &deployment);
    let users = |after: Option<UserId>| -> Vec<i64> {
        let demand = Demand::Any(&["documents:read"]);
        moment
            .holders(&demand, after)
            .map(|(user, _)| user.raw())
            .collect()
    };
    assert_eq!(users(None), [ADA, EVE]);
    assert_eq!(users(Some(user(ADA))), [EVE]);
    assert!(users(Some(user(EVE))).is_empty());
}

fn effects(
    before: &OrganizationSnapshot,
    after: &OrganizationSnapshot,
) -> Vec<(i64, Vec<String>, Vec<String>)> {
    let deployment = deployment(&[role(AUDITOR, &["*"])]);
    let texts = |texts: &[std::sync::Arc<str>]| texts.iter().map(ToString::to_string).collect();
    diff(&noon(before, &deployment), &noon(after, &deployment), None)
        .map(
            |MemberDiff {
                 user_id,
                 gained,
                 lost,
                 ..
             }| (user_id.raw(), texts(&gained), texts(&lost)),
        )
        .collect()
}

#[test]
fn a_difference_names_who_gains_and_who_loses() {
    let (acme, _) = world();
    let after = |change| acme.apply(2, &change).unwrap();
    let none = Vec::<String>::new;
    let some = |text: &str| vec![text.to_owned()];

    let set = after(OrganizationChange::RoleSet(role(3, &["documents:list"])));
    assert_eq!(
        effects(&acme, &set),
        [(EVE, some("documents:list"), some("documents:read"))]
    );

    let renamed = after(OrganizationChange::RoleSet(guildhall_access::Role::new(
        role_id(3),
        "Reader",
        ["documents:read"],
    )));
    assert_eq!(effects(&acme, &renamed), []);

    let removed = after(OrganizationChange::MemberRemoved(user(EVE)));
    assert_eq!(
        effects(&acme, &removed),
        [(EVE, none(), some("documents:read"))]
    );
    assert_eq!(
        effects(&removed, &acme),
        [(EVE, some("documents:read"), none())]
    );

    let back = after(OrganizationChange::MemberSet(member(BOB, &[3])));
    assert_eq!(
        effects(&acme, &back),
        [(BOB, some("documents:read"), none())]
    );

    let closed = after(OrganizationChange::Suspended(true));
    assert_eq!(effects(&acme, &closed).len(), 2);
    assert_eq!(effects(&acme, &after(OrganizationChange::Nothing)), []);
}

#[test]
fn what_another_text_gives_already_is_not_gained() {
    let set = |permissions: &[&str]| {
        organization(&[role(EDITOR, permissions)], &[member(EVE, &[EDITOR])])
    };
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (before, after, gained, lost) in [
        (
            &["*"][..],
            &["*", "documents:read", "documents:*"][..],
            &[][..],
            &[][..],
        ),
        (&["documents:*"], &["documents:read"], &[], &["documents:*"]),
        (&["documents:read"], &["documents:*"], &["documents:*"], &[]),
        (&["a:*:c"], &["a:*"], &["a:*"], &[]),
        (&["a:*"], &["a:*:c", "a:b:c", "*:b"], &["*:b"], &["a:*"]),
    ] {
        let expected = [(EVE, texts(gained), texts(lost))];
        let expected = expected
            .as_slice()
            .get(usize::from(gained.len() + lost.len() == 0)..);
        assert_eq!(effects(&set(before), &set(after)), expected.unwrap());
    }

    // No pattern gives what is exact-only: there the text itself is a gain.
    let mut exact = DeploymentSnapshot::builder(1);
    exact.exact_only("documents:delete");
    let exact = exact.finish();
    let (before, after) = (set(&["*"]), set(&["*", "documents:delete"]));
    let changes: Vec<_> = diff(&noon(&before, &exact), &noon(&after, &exact), None).collect();
    assert_eq!(*changes[0].gained, ["documents:delete".into()]);
}

#[test]
fn a_difference_by_time_is_a_difference() {
    let (acme, deployment) = world();
    let now = noon(&acme, &deployment);
    // At 300 one of Ada's two roles ends, but the other gives everything; at 500 her membership does.
    let [soon, later] = [at(300), at(500)].map(|now| guildhall_access::Moment {
        now,
        ..noon(&acme, &deployment)
    });
    assert_eq!(diff(&now, &soon, None).count(), 0);
    let changed: Vec<_> = diff(&now, &later, None)
        .map(|change| change.user_id)
        .collect();
    assert_eq!(changed, [user(ADA)]);
    assert_eq!(diff(&now, &later, Some(user(ADA))).count(), 0);
}
