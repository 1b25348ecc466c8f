//! What a snapshot says of its size is what the allocator gave, and a check asks the allocator for nothing.

use std::alloc::System;

use guildhall_access::{
    Assignment, Demand, DeploymentSnapshot, Membership, Moment, OrganizationChange,
    OrganizationSnapshot, Role,
};
use guildhall_types::{
    Timestamp,
    ids::{MemberId, OrganizationId, RoleId, UserId},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROLES: i64 = 8;

fn membership(user: i64) -> Membership {
    let assignment = |role| Assignment {
        role_id: RoleId::new(1 + role % ROLES).unwrap(),
        expires_at: None,
    };
    let second = (user % 4 == 0).then(|| assignment(user / 4));
    Membership {
        member_id: MemberId::new(user + 7).unwrap(),
        user_id: UserId::new(user).unwrap(),
        suspended: user % 100 == 7,
        expires_at: (user % 50 == 13).then(|| Timestamp::from_micros(user)),
        roles: [assignment(user % 3)].into_iter().chain(second).collect(),
    }
}

fn organization(members: i64) -> OrganizationSnapshot {
    let mut builder = OrganizationSnapshot::builder(OrganizationId::new(1).unwrap(), 1);
    for id in 1..=ROLES {
        let texts = (0..20).map(|n| format!("noun{id}:verb{n}"));
        builder.role(Role::new(
            RoleId::new(id).unwrap(),
            format!("role {id}"),
            texts,
        ));
    }
    for user in 1..=members {
        builder.member(membership(user * 5));
    }
    builder.finish()
}

/// One test without a harness, because the allocator counts for the whole process.
fn main() {
    for members in [0, 1_000, 20_000] {
        let region = Region::new(ALLOCATOR);
        let mut snapshot = organization(members);
        assert_is_honest(&snapshot, &region);
        for user in 1..=members / 2 {
            let user = user * 7 % (members * 6) + 1;
            let change = match user % 3 {
                0 => OrganizationChange::MemberRemoved(UserId::new(user).unwrap()),
                _ => OrganizationChange::MemberSet(membership(user)),
            };
            snapshot = snapshot.apply(snapshot.revision() + 1, &change).unwrap();
        }
        assert_is_honest(&snapshot, &region);
        assert_checks_for_free(&snapshot);
    }
}

fn assert_is_honest(snapshot: &OrganizationSnapshot, region: &Region<'_, System>) {
    let stats = region.change();
    let allocated = stats.bytes_allocated - stats.bytes_deallocated;
    let said = snapshot.bytes() - size_of::<OrganizationSnapshot>();
    assert_eq!(said, allocated, "{} members", snapshot.member_count());
}

fn assert_checks_for_free(organization: &OrganizationSnapshot) {
    let deployment = DeploymentSnapshot::builder(1).finish();
    let moment = Moment {
        organization,
        deployment: &deployment,
        now: Timestamp::from_micros(0),
    };
    let region = Region::new(ALLOCATOR);
    let mut allowed = 0;
    for user in 1..2_000 {
        let demand = Demand::Any(&["noun1:verb3", "noun2:verb19", "noun3:verb"]);
        let decision = moment.check(UserId::new(user).unwrap(), &demand);
        allowed += usize::from(decision.allowed());
    }
    assert_eq!(region.change().allocations, 0, "{allowed} allowed");
}
