//! Two engines, one SQL: connections, transactions, statements, group commit, migrations.
//!
//! This room knows SQLite and PostgreSQL, and knows no organization. The rooms above hand it
//! *commands*: synchronous closures over a [`Tx`], pure functions of the transaction, that may be run more
//! than once. Each SQL statement is a [`Stmt`], written once in the subset that both engines read.
//!
//! - [`Database::write`] runs a command; it is durable when the answer arrives.
//! - [`Database::point`] runs a short read.
//! - [`Database::list`] runs a read that may be long, where it delays nobody.
//! - [`Database::long_read`] runs the operator's look at everything, which nothing stops.
//!
//! What the operator does to a database that is not served is in [`missing_steps`], [`run_steps`], [`read_whole`] and [`fill`].

mod database;
mod error;
mod job;
mod migrations;
mod postgres;
mod sqlite;
mod statement;
mod tx;
mod value;
mod whole;

pub use database::{BatchHook, Database, DatabaseStats, Options, Source, Verdict};
pub use error::DbError;
pub use migrations::Migration;
pub use postgres::{CONNECTIONS, PostgresOptions, STATEMENT_TIMEOUT};
pub use sqlite::backup::{BackupError, Progress, copy_database, inspect_database};
pub use sqlite::lock::{DirectoryLock, LockError};
pub use statement::Stmt;
pub use tx::{Row, Tx};
pub use value::{Column, Param, Value};
pub use whole::{fill, missing_steps, read_whole, run_steps};
