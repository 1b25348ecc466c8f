//! Members: the users of an organization, with the roles they hold there.

use serde::{Deserialize, Serialize};

use crate::ids::{MemberId, OrganizationId, RoleId, UserId};
use crate::json::JsonObject;
use crate::organizations::Organization;
use crate::roles::Role;
use crate::time::Timestamp;

/// The membership of a user in an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrganizationMember {
    /// The id of the membership, not of the user.
    pub id: MemberId,
    /// When the user was added.
    pub created_at: Timestamp,
    /// When roles or metadata last changed.
    pub updated_at: Timestamp,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The user.
    pub user_id: UserId,
    /// The roles that the member holds, of the organization and of the deployment, oldest first.
    pub roles: Vec<Role>,
    /// Metadata of the membership.
    pub public_metadata: JsonObject,
    /// The user's first name, or the empty string.
    pub first_name: String,
    /// The user's last name, or the empty string.
    pub last_name: String,
    /// The user's username.
    pub username: Option<String>,
    /// The user's primary e-mail address.
    pub primary_email_address: Option<String>,
    /// The user's primary phone number, in E.164 form.
    pub primary_phone_number: Option<String>,
    /// When the user was created.
    pub user_created_at: Timestamp,
}

/// A membership seen from the user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserOrganizationMembership {
    /// The id of the membership.
    pub id: MemberId,
    /// When the user was added.
    pub created_at: Timestamp,
    /// When roles or metadata last changed.
    pub updated_at: Timestamp,
    /// The organization's id.
    pub organization_id: OrganizationId,
    /// The user's id.
    pub user_id: UserId,
    /// Metadata of the membership.
    pub public_metadata: JsonObject,
    /// The roles that the user holds there.
    pub roles: Vec<Role>,
    /// The organization.
    pub organization: Organization,
}

/// What `POST /organizations/{id}/members` takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddMember {
    /// Who is added.
    pub user_id: UserId,
    /// The roles to begin with; empty or absent gives the deployment's default member role, if one is set.
    #[serde(default)]
    pub role_ids: Option<Vec<RoleId>>,
    /// Metadata of the membership.
    #[serde(default)]
    pub public_metadata: Option<JsonObject>,
}

/// What `PATCH /organizations/{id}/members/{member_id}` takes; what is absent or null stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateMember {
    /// The new set of roles, in place of the old one; an empty list takes all roles away.
    pub role_ids: Option<Vec<RoleId>>,
    /// The new metadata, in place of the old.
    pub public_metadata: Option<JsonObject>,
}
