//! Organizations: the unit of everything.
//!
//! [`queries`] reads them, [`commands`] changes them; [`mod@endings`] is what makes searching them fast.

mod commands;
mod endings;
mod queries;
mod rows;

pub use commands::{
    CreateOrganization, OrganizationForm, UpdateOrganization, create, delete, update,
};
pub use queries::{OrganizationFilter, OrganizationSort, details, effort, list};

pub(crate) use endings::endings;
pub(crate) use rows::{OrganizationRow, columns};

use guildhall_db::Stmt;

/// Every statement of this noun, for the tests that prepare them on each engine.
pub(crate) fn statements() -> Vec<&'static Stmt> {
    [
        commands::STATEMENTS,
        endings::STATEMENTS,
        queries::ORDERS,
        queries::STATEMENTS,
        rows::STATEMENTS,
    ]
    .concat()
}
