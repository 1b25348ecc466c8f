//! Access: may this user do this here, and why.
//!
//! The requests borrow their texts from the body they are read from: a check is asked far more often than anything
//! else, and what it asks for is read once and thrown away.

mod asked;
pub mod authzen;
mod explain;
mod lists;
mod reasons;

use serde::{Deserialize, Serialize};

pub use asked::Asked;
pub use explain::{AccessPath, AccessRole, Explanation, Granted, MissingPermission};
pub use lists::{AccessHolder, AccessOrganization, EffectivePermission, GivingRole};
pub use reasons::Reason;

use crate::ids::{OrganizationId, UserId};
use crate::json::Object;
use crate::revisions::Revision;

/// How several permissions are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each of them must be held.
    #[default]
    All,
    /// One of them is enough.
    Any,
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// From memory: never older than a change that this server has acknowledged.
    #[default]
    Cached,
    /// Not older than the database was when the question arrived, whoever changed it.
    Full,
}

/// What `POST /access/check` takes: may the user do this in the organization?
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessCheck<'a> {
    /// Who wants to do it.
    pub user_id: UserId,
    /// Where.
    pub organization_id: OrganizationId,
    /// What: one permission, or a list of them. Always meant literally: `*` in it is a character like any other.
    #[serde(borrow)]
    pub permission: Asked<'a>,
    /// Whether all permissions of a list must be held, which is the default, or any of them.
    pub mode: Option<Mode>,
    /// A `guildhall-revision` that a change answered: the answer is not older than that.
    pub at_least: Option<Revision>,
    /// `cached`, which is the default, or `full`.
    pub consistency: Option<Consistency>,
}

/// The answer of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessDecision {
    /// Whether the user may do it.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
    /// The revision of the organization that the answer holds at; null when there is no such organization.
    pub revision: Option<Revision>,
}

/// One of the checks of a batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchedCheck<'a> {
    /// Who wants to do it.
    pub user_id: UserId,
    /// Where.
    pub organization_id: OrganizationId,
    /// What: one permission, or a list of them. Always meant literally.
    #[serde(borrow)]
    pub permission: Asked<'a>,
    /// Whether all permissions of a list must be held, which is the default, or any of them.
    pub mode: Option<Mode>,
    /// A `guildhall-revision` that a change answered: the answer is not older than that.
    pub at_least: Option<Revision>,
}

/// What `POST /access/check-batch` takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessCheckBatch<'a> {
    /// At least one check, at most 1,000.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 1000, value_type = Vec<BatchedCheck>))]
    pub checks: Vec<Object<BatchedCheck<'a>>>,
    /// A `guildhall-revision` that a change answered: no answer is older than that.
    pub at_least: Option<Revision>,
    /// `cached`, which is the default, or `full`.
    pub consistency: Option<Consistency>,
}

/// The answers of a batch.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessDecisions {
    /// One answer for each check, in the order of the checks. Those of one organization are of one moment.
    pub results: Vec<AccessDecision>,
}
