//! Snapshots as values: what they hold, and how one becomes the next.

use guildhall_access::{
    DeploymentChange, Gap, Membership, OrganizationChange, OrganizationSnapshot,
};

use crate::make::{
    ADA, AUDITOR, BOB, EDITOR, EVE, assignment, at, deployment, member, organization, role,
    role_id, user,
};

#[test]
fn a_snapshot_tells_what_was_put_in() {
    let (ada, bob) = (member(ADA, &[EDITOR]), member(BOB, &[]));
    let acme = organization(&[role(EDITOR, &["a"])], &[bob.clone(), ada.clone()]);
    assert_eq!(acme.id().raw(), 7);
    assert_eq!(
        (acme.revision(), acme.member_count(), acme.suspended()),
        (1, 2, false)
    );
    assert_eq!(acme.membership(user(ADA)), Some(ada.clone()));
    assert_eq!(acme.membership(user(EVE)), None);
    assert_eq!(
        acme.members_after(None).collect::<Vec<_>>(),
        [ada, bob.clone()]
    );
    assert_eq!(
        acme.members_after(Some(user(ADA))).collect::<Vec<_>>(),
        [bob]
    );
    assert_eq!(acme.roles().count(), 1);
}

#[test]
fn of_two_memberships_of_one_user_the_last_stays() {
    let old = member(ADA, &[EDITOR]);
    let new = Membership {
        suspended: true,
        ..member(ADA, &[])
    };
    let acme = organization(&[], &[old, member(BOB, &[]), new.clone()]);
    let once = organization(&[], &[new.clone(), member(BOB, &[])]);
    assert_eq!(acme.membership(user(ADA)), Some(new));
    assert_eq!((acme.member_count(), acme.bytes()), (2, once.bytes()));
}

#[test]
fn only_the_next_revision_is_applied() {
    let acme = organization(&[], &[]);
    for found in [0, 1, 3, i64::MIN, i64::MAX] {
        let gap = acme.apply(found, &OrganizationChange::Nothing).unwrap_err();
        assert_eq!(gap, Gap { expected: 2, found });
        let gap = deployment(&[])
            .apply(found, &DeploymentChange::Nothing)
            .unwrap_err();
        assert_eq!(gap, Gap { expected: 2, found });
    }
    assert_eq!(
        acme.apply(2, &OrganizationChange::Nothing)
            .unwrap()
            .revision(),
        2
    );
    let after = deployment(&[])
        .apply(2, &DeploymentChange::Nothing)
        .unwrap();
    assert_eq!(after.revision(), 2);
    let text = Gap {
        expected: 2,
        found: 4,
    }
    .to_string();
    assert_eq!(text, "revision 2 is the next to apply, not 4");
}

#[test]
fn a_change_leaves_the_old_snapshot_as_it_was() {
    let ada = member(ADA, &[EDITOR]);
    let old = organization(&[role(EDITOR, &["a"])], std::slice::from_ref(&ada));
    let bytes = old.bytes();
    let mut new = old.clone();
    for change in [
        OrganizationChange::MemberSet(member(BOB, &[EDITOR])),
        OrganizationChange::MemberRemoved(user(ADA)),
        OrganizationChange::RoleRemoved(role_id(EDITOR)),
        OrganizationChange::Suspended(true),
    ] {
        new = new.apply(new.revision() + 1, &change).unwrap();
    }
    assert_eq!(
        (new.member_count(), new.roles().count(), new.suspended()),
        (1, 0, true)
    );
    assert_eq!(
        (old.member_count(), old.roles().count(), old.suspended()),
        (1, 1, false)
    );
    assert_eq!((old.membership(user(ADA)), old.bytes()), (Some(ada), bytes));
}

#[test]
fn removing_what_is_not_there_changes_nothing() {
    let acme = organization(&[role(EDITOR, &["a"])], &[member(ADA, &[EDITOR])]);
    for change in [
        OrganizationChange::MemberRemoved(user(EVE)),
        OrganizationChange::RoleRemoved(role_id(AUDITOR)),
    ] {
        let after = acme.apply(2, &change).unwrap();
        assert_eq!((after.member_count(), after.roles().count()), (1, 1));
        assert_eq!(after.bytes(), acme.bytes());
    }
}

#[test]
fn members_of_equal_standing_share_it_in_whatever_order_they_hold_their_roles() {
    let roles = [EDITOR, AUDITOR, EDITOR];
    let one = organization(&[], &[member(ADA, &[EDITOR, AUDITOR]), member(BOB, &[])]);
    let three = organization(
        &[],
        &[
            member(ADA, &roles[..2]),
            member(BOB, &[]),
            member(EVE, &roles[1..]),
            member(14, &roles),
        ],
    );
    assert_eq!(three.bytes() - one.bytes(), 2 * 24);
    let late = one
        .apply(2, &OrganizationChange::MemberSet(member(EVE, &roles)))
        .unwrap();
    assert_eq!(late.bytes() - one.bytes(), 24);
}

#[test]
fn the_bytes_are_those_of_the_state_whatever_led_to_it() {
    let roles = [role(EDITOR, &["a", "b:*"])];
    let acme = organization(&roles, &[member(ADA, &[EDITOR]), member(BOB, &[])]);
    let changes = [
        OrganizationChange::MemberSet(member(EVE, &[EDITOR, AUDITOR])),
        OrganizationChange::RoleSet(role(3, &["c"])),
        OrganizationChange::MemberSet(member(BOB, &[AUDITOR])),
        OrganizationChange::MemberSet(member(BOB, &[])),
        OrganizationChange::MemberRemoved(user(EVE)),
        OrganizationChange::RoleRemoved(role_id(3)),
    ];
    let mut changed = acme.clone();
    for change in &changes {
        changed = changed.apply(changed.revision() + 1, change).unwrap();
    }
    assert_eq!(changed.bytes(), acme.bytes());
}

/// As companies are: most people have one role, some have more, a few are there for a time only or are set aside.
fn typical(id: i64) -> Membership {
    let own = 1 + id % 6;
    let mut roles = vec![assignment(AUDITOR, None)];
    roles.extend((id % 4 == 0).then(|| assignment(own + 2, None)));
    roles.extend((id % 20 == 0).then(|| assignment(own + 3, None)));
    Membership {
        suspended: id % 100 == 7,
        expires_at: (id % 50 == 13).then(|| at(id)),
        roles,
        ..member(id, &[])
    }
}

fn company(members: i64) -> OrganizationSnapshot {
    let roles: Vec<_> = (3..10)
        .map(|id| role(id, &["documents:read", "invoices:*"]))
        .collect();
    let members: Vec<_> = (1..=members).map(|id| typical(id * 7)).collect();
    organization(&roles, &members)
}

#[test]
fn a_member_costs_at_most_32_bytes_from_a_thousand_on() {
    let empty = company(0).bytes();
    for members in [1_000, 1_025, 5_000, 100_000_u32] {
        let bytes = company(members.into()).bytes() - empty;
        assert!(
            bytes <= 32 * members as usize,
            "{bytes} bytes for {members} members"
        );
    }
}

#[test]
fn members_who_came_one_by_one_cost_no_more() {
    let mut acme = company(0);
    let empty = acme.bytes();
    for id in 1..=2_000 {
        let change = OrganizationChange::MemberSet(typical(id * 7 % 2_003));
        acme = acme.apply(acme.revision() + 1, &change).unwrap();
    }
    assert_eq!(acme.member_count(), 2_000);
    assert!(
        acme.bytes() - empty <= 32 * 2_000,
        "{}",
        acme.bytes() - empty
    );
}
