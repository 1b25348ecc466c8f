//! The access engine: may this user do this here, why, and what if.
//!
//! This room is pure. It does no I/O, waits for nothing and reads no clock: a question is asked of a [`Moment`], which is
//! an organization, the deployment that it belongs to, and a time.
//!
//! # The model
//!
//! - A [`Role`] is a named [`PermissionSet`]: texts such as `documents:read`, or patterns such as `documents:*`
//!   ([`matches()`] states what they match). It belongs to one organization, or to the deployment: then members of every
//!   organization may hold it.
//! - A user is in an organization by a [`Membership`], which holds roles by [`Assignment`]s. Memberships and assignments may
//!   end at a time; memberships and whole organizations may be suspended; users may be disabled in the deployment.
//! - A check is allowed when the user is let in and a role that it holds now gives what is demanded. Everything else is
//!   denied, with the first [`Reason`] that applies. What does not exist gives nothing.
//!
//! # Snapshots
//!
//! [`OrganizationSnapshot`] and [`DeploymentSnapshot`] are values that never change. Each is the state at one revision, and
//! `apply` answers the state at the next: a snapshot is a fold over a ledger. A revision that does not follow is
//! refused as a [`Gap`], so that a snapshot is exactly its revision or is not there.
//!
//! Two versions share what did not change: members lie in a sorted map of three storeys of which a change copies one run
//! each, and members of equal roles, expiries and suspension point to one and the same value. A member costs 24 bytes
//! and a little, a check a few cache lines.
//!
//! # One decision
//!
//! [`Moment::check`], [`Moment::explain`], [`Moment::permissions_of`], [`Moment::holders`] and [`diff()`] are made from the same two
//! functions, and so agree. No decision is kept: what was true is not asked twice.
//!
//! # Example
//!
//! ```
//! use guildhall_access::{
//!     Assignment, Demand, DeploymentSnapshot, Membership, Moment, OrganizationChange, OrganizationSnapshot, Reason, Role, diff,
//! };
//! use guildhall_types::{
//!     Timestamp,
//!     ids::{MemberId, OrganizationId, RoleId, UserId},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (ada, editor) = (UserId::new(1)?, RoleId::new(2)?);
//! let deployment = DeploymentSnapshot::builder(1).finish();
//! let mut acme = OrganizationSnapshot::builder(OrganizationId::new(3)?, 7);
//! acme.role(Role::new(editor, "Editor", ["documents:*"]));
//! acme.member(Membership {
//!     member_id: MemberId::new(4)?,
//!     user_id: ada,
//!     suspended: false,
//!     expires_at: None,
//!     roles: vec![Assignment { role_id: editor, expires_at: Some("2026-07-01T00:00:00Z".parse()?) }],
//! });
//! let acme = acme.finish();
//!
//! // May Ada write in June? Until July.
//! let write = Demand::All(&["documents:write"]);
//! let june = Moment { organization: &acme, deployment: &deployment, now: "2026-06-01T00:00:00Z".parse()? };
//! assert!(june.check(ada, &write).allowed());
//! let july = Moment { now: "2026-07-01T00:00:00Z".parse()?, ..june };
//! assert_eq!(july.check(ada, &write).reason(), Reason::MissingPermission);
//!
//! // Why? By the pattern of the editors.
//! let explanation = june.explain(ada, &write);
//! assert_eq!(&*explanation.permissions[0].paths[0].held, "documents:*");
//!
//! // What if the role were gone? The next revision says so, and this one stays as it is.
//! let without = acme.apply(8, &OrganizationChange::RoleRemoved(editor))?;
//! let after = Moment { organization: &without, ..june };
//! let effects: Vec<_> = diff(&june, &after, None).collect();
//! assert_eq!(effects[0].user_id, ada);
//! assert_eq!(&*effects[0].lost[0], "documents:*");
//! # Ok(())
//! # }
//! ```

mod cursor;
mod deployment;
mod diff;
mod explain;
mod heap;
mod holders;
mod membership;
mod moment;
mod organization;
mod pattern;
mod permission_set;
mod role;
mod run;
mod sorted_map;

pub use deployment::{DeploymentBuilder, DeploymentChange, DeploymentSnapshot};
pub use diff::{MemberDiff, diff};
pub use explain::{EffectivePermission, ExplainedPermission, Explanation, Path, RoleSource};
pub use membership::{Assignment, Membership};
pub use moment::{Decision, Demand, Moment};
pub use organization::{Gap, OrganizationBuilder, OrganizationChange, OrganizationSnapshot};
pub use pattern::{is_pattern, matches};
pub use permission_set::PermissionSet;
pub use role::Role;

#[doc(inline)]
pub use guildhall_types::access::Reason;
