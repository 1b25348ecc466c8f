//! Members: who belongs to an organization, and which roles they hold there.

mod commands;
mod expiry;
mod queries;
mod rows;

pub use commands::{AddMember, UpdateMember, add, assign_role, remove, unassign_role, update};
pub use queries::{MemberFilter, MemberSort, effort, list, of_user};

pub(crate) use commands::remove_everywhere;
pub(crate) use expiry::{due, sweep};
pub(crate) use rows::MemberRecord;

use guildhall_db::Stmt;

/// Every statement of this noun, for the tests that prepare them on each engine.
pub(crate) fn statements() -> Vec<&'static Stmt> {
    [
        commands::STATEMENTS,
        expiry::STATEMENTS,
        queries::ORDERS,
        queries::STATEMENTS,
        rows::STATEMENTS,
    ]
    .concat()
}
