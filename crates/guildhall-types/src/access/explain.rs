//! Why a check is answered as it is, at length.

use serde::Serialize;

use super::Reason;
use crate::ids::{MemberId, RoleId};
use crate::ledger::Actor;
use crate::revisions::Revision;
use crate::time::Timestamp;

/// The answer of `POST /access/explain`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// Whether the user may do it.
    pub allowed: bool,
    /// Why, as a check says it.
    pub reason: Reason,
    /// The revision of the organization that the answer holds at; null when there is no such organization.
    pub revision: Option<Revision>,
    /// The membership that everything hangs on; null when the user is not a member.
    pub member_id: Option<MemberId>,
    /// Until when the membership lasts; null when it has no end, or there is none.
    pub membership_expires_at: Option<Timestamp>,
    /// Every way from the membership to a permission that was asked for and is held now.
    pub paths: Vec<AccessPath>,
    /// The permissions that were asked for and are not held, each with the roles that would give it.
    pub missing: Vec<MissingPermission>,
}

/// One way from the membership to a permission.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessPath {
    /// The permission that was asked for.
    #[cfg_attr(feature = "openapi", schema(example = "invoices:pay"))]
    pub permission: String,
    /// What the role holds: the permission itself, or the pattern that matches it.
    #[cfg_attr(feature = "openapi", schema(example = "invoices:*"))]
    pub held_as: String,
    /// The role.
    pub role: AccessRole,
    /// Until when the member holds the role; null when that has no end.
    pub expires_at: Option<Timestamp>,
    /// The change that gave the member the role as it is held; null when it was made by a version that did not keep it.
    pub granted: Option<Granted>,
    /// The change that last set the permissions of the role; null when it was made by a version that did not keep it.
    pub role_changed: Option<Revision>,
}

/// A role, named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessRole {
    /// The role's id.
    pub id: RoleId,
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(example = "Billing"))]
    pub name: String,
    /// Whether the role belongs to the deployment and every organization sees it.
    pub is_deployment_level: bool,
}

/// The change that gave a role to a member.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Granted {
    /// The revision of the organization that the change made.
    pub revision: Revision,
    /// When it was made, as the ledger says.
    pub at: Option<Timestamp>,
    /// Who made it.
    pub by: Actor,
}

/// A permission that was asked for and is not held.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MissingPermission {
    /// The permission.
    #[cfg_attr(feature = "openapi", schema(example = "invoices:pay"))]
    pub permission: String,
    /// The roles of the organization and of the deployment that would give it.
    pub roles: Vec<AccessRole>,
}
