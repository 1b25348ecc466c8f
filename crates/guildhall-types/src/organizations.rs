//! Organizations: the customers of the application, the unit of everything.

use serde::{Deserialize, Serialize};

use crate::ids::OrganizationId;
use crate::json::JsonObject;
use crate::roles::Role;
use crate::time::Timestamp;

/// An organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Organization {
    /// The organization's id.
    pub id: OrganizationId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its own fields last changed; changes of members and roles do not count.
    pub updated_at: Timestamp,
    /// Its name; not unique.
    #[cfg_attr(feature = "openapi", schema(example = "Acme"))]
    pub name: String,
    /// Its description, or the empty string.
    pub description: String,
    /// Where its image is served, or the empty string.
    pub image_url: String,
    /// How many members it has.
    pub member_count: i64,
    /// Metadata that the application shows to its users.
    pub public_metadata: JsonObject,
    /// Metadata that the application keeps to itself.
    pub private_metadata: JsonObject,
    /// A readable name for addresses, unique in the deployment.
    pub slug: Option<String>,
    /// The id that another system knows it by, unique in the deployment.
    pub external_id: Option<String>,
    /// Since when the organization is suspended: every check in it is denied, nothing is lost; null when it is not.
    pub suspended_at: Option<Timestamp>,
}

/// An organization with what hangs on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrganizationDetails {
    /// The organization itself.
    #[serde(flatten)]
    pub organization: Organization,
    /// The deployment's roles and the organization's own, oldest first.
    pub roles: Vec<Role>,
    /// Empty: workspaces are not served yet.
    pub workspaces: Vec<serde_json::Value>,
    /// Empty: segments are not served yet.
    pub segments: Vec<serde_json::Value>,
}
