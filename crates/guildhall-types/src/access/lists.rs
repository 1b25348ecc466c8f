//! The lists of access: who, where, what.

use serde::Serialize;

use super::AccessRole;
use crate::ids::{MemberId, OrganizationId, UserId};
use crate::time::Timestamp;

/// A member who has a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessHolder {
    /// The user.
    pub user_id: UserId,
    /// The membership.
    pub member_id: MemberId,
}

/// An organization in which a user has a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessOrganization {
    /// The organization.
    pub organization_id: OrganizationId,
    /// The membership.
    pub member_id: MemberId,
}

/// A permission that a member has, as its roles hold it: patterns stay patterns.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EffectivePermission {
    /// The permission or pattern.
    #[cfg_attr(feature = "openapi", schema(example = "invoices:*"))]
    pub permission: String,
    /// The roles that give it.
    pub roles: Vec<GivingRole>,
    /// Until when the member has it, if nothing changes; null when that has no end.
    pub expires_at: Option<Timestamp>,
}

/// A role that gives a permission to a member.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GivingRole {
    /// The role.
    #[serde(flatten)]
    pub role: AccessRole,
    /// Until when the member holds the role; null when that has no end.
    pub expires_at: Option<Timestamp>,
}
