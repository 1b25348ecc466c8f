//! Roles: named sets of permissions, of one organization or of the whole deployment.

use serde::{Deserialize, Serialize};

use crate::ids::{DeploymentId, OrganizationId, RoleId};
use crate::time::Timestamp;

/// A role as organizations and members show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Role {
    /// The role's id.
    pub id: RoleId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its name or permissions last changed.
    pub updated_at: Timestamp,
    /// Its name, unique within its organization without regard to case.
    #[cfg_attr(feature = "openapi", schema(example = "Billing"))]
    pub name: String,
    /// What it permits, in the order given.
    #[cfg_attr(feature = "openapi", schema(example = json!(["invoices:read", "invoices:pay"])))]
    pub permissions: Vec<String>,
    /// Whether the role belongs to the deployment and every organization sees it.
    pub is_deployment_level: bool,
}

/// A role of the deployment, as the settings show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeploymentRole {
    /// The role itself.
    #[serde(flatten)]
    pub role: Role,
    /// The deployment it belongs to.
    pub deployment_id: DeploymentId,
    /// Always null: the role belongs to no organization.
    pub organization_id: Option<OrganizationId>,
}

/// What `POST /organizations/{id}/roles` takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateRole {
    /// 1 to 100 characters after trimming.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, example = "Billing"))]
    pub name: String,
    /// At most 1,000, each of 1 to 128 visible characters; repeated ones are dropped.
    #[cfg_attr(feature = "openapi", schema(example = json!(["invoices:read", "invoices:pay"])))]
    pub permissions: Vec<String>,
}

/// What `PATCH /organizations/{id}/roles/{role_id}` takes; what is absent or null stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateRole {
    /// The new name.
    pub name: Option<String>,
    /// The new set of permissions, in place of the old one.
    pub permissions: Option<Vec<String>>,
}
