//! Members: the users of an organization, with the roles they hold there.

use serde::{Deserialize, Serialize, Serializer};

use crate::ids::{MemberId, OrganizationId, RoleId, UserId};
use crate::json::{JsonObject, Shared};
use crate::organizations::Organization;
use crate::patch::Patch;
use crate::roles::Role;
use crate::time::Timestamp;

/// A role as a member holds it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberRole {
    /// The role itself.
    // The members of a page hold few different ones, and share them.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(value_type = Role))]
    pub role: Shared<Role>,
    /// When the member ceases to hold it; absent where it is held without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Serialize for MemberRole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Ending<'a> {
            #[serde(flatten)]
            role: &'a Role,
            expires_at: Timestamp,
        }
        match self.expires_at {
            None => self.role.serialize(serializer),
            Some(expires_at) => {
                let role = &*self.role;
                Ending { role, expires_at }.serialize(serializer)
            }
        }
    }
}

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
    pub roles: Vec<MemberRole>,
    /// Metadata of the membership.
    pub public_metadata: JsonObject,
    /// When the membership ends by itself; null for one without limit.
    pub expires_at: Option<Timestamp>,
    /// Since when the member is suspended: every check is denied, nothing is lost; null for one who is not.
    pub suspended_at: Option<Timestamp>,
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
    /// When the membership ends by itself; null for one without limit.
    pub expires_at: Option<Timestamp>,
    /// Since when the member is suspended; null for one who is not.
    pub suspended_at: Option<Timestamp>,
    /// The roles that the user holds there.
    pub roles: Vec<MemberRole>,
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
    /// When the membership ends by itself, in the future; absent or null for one without limit.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// What `PATCH /organizations/{id}/members/{member_id}` takes; what is absent stays, and so does what is null, but
/// for `expires_at`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateMember {
    /// The new set of roles, in place of the old one; an empty list takes all roles away. A role that stays keeps its
    /// `expires_at`.
    pub role_ids: Option<Vec<RoleId>>,
    /// The new metadata, in place of the old.
    pub public_metadata: Option<JsonObject>,
    /// When the membership ends by itself, in the future; null takes the limit away.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Timestamp>))]
    pub expires_at: Patch<Timestamp>,
    /// `true` suspends the member, `false` ends the suspension.
    pub suspended: Option<bool>,
}

/// What `POST /organizations/{id}/members/{member_id}/roles/{role_id}` takes; the body may be absent.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AssignRole {
    /// When the member ceases to hold the role, in the future; absent or null for a role without limit, also when it was
    /// held with one.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}
