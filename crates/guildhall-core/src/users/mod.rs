//! Users: the people of the application, known to the whole deployment.
//!
//! [`forms`] checks what comes in, [`commands`] changes users, [`queries`] reads them; [`identifiers`] are their
//! e-mail addresses and phone numbers. A user belongs to no organization: the deployment's revision orders the
//! changes, and each row remembers the one at which it last changed.

mod commands;
mod forms;
mod identifiers;
mod queries;
mod rows;

pub use commands::{create, delete, update};
pub use forms::{CreateUser, UpdateUser, UserForm};
pub use queries::{UserFilter, UserSort, details, effort, external_ids, list, with_external_id};

pub(crate) use rows::{load, require};

use guildhall_db::Stmt;

/// Every statement of this noun, for the tests that prepare them on each engine.
pub(crate) fn statements() -> Vec<&'static Stmt> {
    [
        commands::STATEMENTS,
        identifiers::STATEMENTS,
        queries::ORDERS,
        queries::STATEMENTS,
        rows::STATEMENTS,
    ]
    .concat()
}
