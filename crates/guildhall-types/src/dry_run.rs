//! What a change would do, told without doing it (`?dry_run=true`).

use serde::Serialize;
use serde_json::value::RawValue;

use crate::ids::{MemberId, UserId};
use crate::{Page, Problem, Revision};

/// The answer to a change that was only tried.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DryRun {
    /// Always true: what tells this answer from that of the change itself.
    #[cfg_attr(feature = "openapi", schema(example = true))]
    pub dry_run: bool,
    /// Whether the change would be made.
    pub would_succeed: bool,
    /// What the change would be answered instead; null when it would be made.
    pub refusal: Option<Problem>,
    /// The revision of the organization that was looked at, and that still holds. Null when the change would be
    /// refused, when the organization does not exist yet, and for a change of a user.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "59392107315200001@7"))]
    pub revision: Option<Revision>,
    /// What the change would answer; null when it would be refused. Ids of what would be created are examples.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub answer: Option<Box<RawValue>>,
    /// Who would gain and lose what. Null when the change would be refused, and for a change of a user.
    pub access: Option<AccessDifference>,
}

/// Who would gain and who would lose access to what in an organization.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessDifference {
    /// How many members would gain a permission.
    pub members_gaining: u64,
    /// How many members would lose a permission.
    pub members_losing: u64,
    /// How many permissions somebody would gain.
    pub permissions_gained: u64,
    /// How many permissions somebody would lose.
    pub permissions_lost: u64,
    /// The permissions that most members would gain, at most 100.
    pub gained: Vec<PermissionCount>,
    /// The permissions that most members would lose, at most 100.
    pub lost: Vec<PermissionCount>,
    /// The members whose access would change, in the order of their user ids.
    pub changes: Page<AccessChange>,
}

/// A permission, and how many members it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PermissionCount {
    /// The permission as a role holds it; a pattern stays a pattern.
    #[cfg_attr(feature = "openapi", schema(example = "documents:write"))]
    pub permission: String,
    /// How many members would gain or lose it.
    pub members: u64,
}

/// What would change for one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessChange {
    /// The user.
    pub user_id: UserId,
    /// The member; an example when the member would be added.
    pub member_id: MemberId,
    /// The permissions that the member would have and has not.
    pub gained: Vec<String>,
    /// The permissions that the member has and would have no longer.
    pub lost: Vec<String>,
}
