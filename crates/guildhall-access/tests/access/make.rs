//! Short ways to make what the tests are about.

use guildhall_access::{
    Assignment, Demand, DeploymentSnapshot, Membership, Moment, OrganizationSnapshot, Reason, Role,
};
use guildhall_types::{
    Timestamp,
    ids::{MemberId, OrganizationId, RoleId, UserId},
};

pub(crate) const ADA: i64 = 11;
pub(crate) const BOB: i64 = 12;
pub(crate) const EVE: i64 = 13;

/// A role of the organization.
pub(crate) const EDITOR: i64 = 1;
/// A role of the deployment.
pub(crate) const AUDITOR: i64 = 2;

pub(crate) fn user(raw: i64) -> UserId {
    UserId::new(raw).unwrap()
}

pub(crate) fn role_id(raw: i64) -> RoleId {
    RoleId::new(raw).unwrap()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(0).plus_seconds(seconds)
}

pub(crate) fn role(id: i64, permissions: &[&str]) -> Role {
    Role::new(
        role_id(id),
        format!("role {id}"),
        permissions.iter().copied(),
    )
}

/// An active membership of roles that do not end.
pub(crate) fn member(user_id: i64, roles: &[i64]) -> Membership {
    Membership {
        member_id: MemberId::new(user_id + 1_000).unwrap(),
        user_id: user(user_id),
        suspended: false,
        expires_at: None,
        roles: roles.iter().map(|role| assignment(*role, None)).collect(),
    }
}

pub(crate) fn assignment(role: i64, expires_at: Option<i64>) -> Assignment {
    Assignment {
        role_id: role_id(role),
        expires_at: expires_at.map(at),
    }
}

pub(crate) fn organization(roles: &[Role], members: &[Membership]) -> OrganizationSnapshot {
    let mut builder = OrganizationSnapshot::builder(OrganizationId::new(7).unwrap(), 1);
    for role in roles {
        builder.role(role.clone());
    }
    for member in members {
        builder.member(member.clone());
    }
    builder.finish()
}

pub(crate) fn deployment(roles: &[Role]) -> DeploymentSnapshot {
    let mut builder = DeploymentSnapshot::builder(1);
    for role in roles {
        builder.role(role.clone());
    }
    builder.finish()
}

/// Noon, a hundred seconds after the beginning of time.
pub(crate) fn noon<'a>(
    organization: &'a OrganizationSnapshot,
    deployment: &'a DeploymentSnapshot,
) -> Moment<'a> {
    Moment {
        organization,
        deployment,
        now: at(100),
    }
}

/// The reason of a check of one permission, which explanation and lists must share.
pub(crate) fn reason(moment: &Moment<'_>, user_id: i64, permission: &str) -> Reason {
    let permissions = [permission];
    let demand = Demand::All(&permissions);
    let decision = moment.check(user(user_id), &demand);
    let explanation = moment.explain(user(user_id), &demand);
    assert_eq!(explanation.decision, decision);
    assert_eq!(
        !explanation.permissions[0].paths.is_empty(),
        decision.allowed()
    );
    let mut holders = moment.holders(&demand, None);
    assert_eq!(
        holders.any(|(id, _)| id == user(user_id)),
        decision.allowed()
    );
    decision.reason()
}
