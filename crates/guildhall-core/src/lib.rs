//! The rules: organizations, members, roles, users, keys, and the ledger of every change.
//!
//! One module a noun, with its SQL, its queries and its commands side by side. Everything starts from a
//! [`Deployment`], which only a valid key, the operator or the server's own sweep gives, and goes through [`Guildhall`]:
//! [`Guildhall::write`] for a change, [`Guildhall::point`] for a short read, [`Guildhall::list`] for one that may be long.
//! No HTTP here.

pub mod access;
pub mod ambient;
pub mod backup;
pub mod copy;
mod counts;
mod cursor;
pub mod deployments;
pub mod export;
mod fields;
mod guildhall;
pub mod idempotency;
mod ids;
pub mod images;
pub mod keys;
pub mod ledger;
mod lists;
pub mod members;
mod normalise;
pub mod organizations;
mod paging;
mod refusal;
mod rehearsal;
pub mod roles;
pub mod schema;
mod scope;
pub mod sweep;
pub mod users;
pub mod verify;

pub use crate::access::difference::Difference;
pub use crate::guildhall::{
    ACCESS_CACHE_BYTES, Answer, ChangeRequest, DATABASE_FILE, Guildhall, MIGRATIONS, Settings,
    Written,
};
pub use crate::ids::Slot;
pub use crate::paging::{Effort, Order, PageLimits, PageRequest};
pub use crate::refusal::{Failure, Refusal, Refused};
pub use crate::rehearsal::{Foreseen, Rehearsal};
pub use crate::scope::{Deployment, OrganizationRead, ReadTx, Recorded, WriteTx};
pub use guildhall_db::{DatabaseStats, DbError, DirectoryLock, LockError, PostgresOptions, Source};
pub use guildhall_types::Revision;

/// Every SQL statement of this crate, for the tests that prepare them on each engine.
pub fn statements() -> Vec<&'static guildhall_db::Stmt> {
    let tools = [export::statements(), verify::statements()].concat();
    [rule_statements(), tools].concat()
}

/// The statements of the rules, which stay in one deployment; those of the operator's tools look at all.
pub fn rule_statements() -> Vec<&'static guildhall_db::Stmt> {
    let modules = [
        counts::STATEMENTS,
        deployments::STATEMENTS,
        idempotency::STATEMENTS,
        ids::STATEMENTS,
        images::STATEMENTS,
        keys::STATEMENTS,
        ledger::ORDERS,
        ledger::STATEMENTS,
        roles::STATEMENTS,
        scope::STATEMENTS,
    ];
    let nouns = [
        access::statements(),
        organizations::statements(),
        members::statements(),
        users::statements(),
    ];
    [modules.concat(), nouns.concat()].concat()
}
