//! A new database for a test, of the engine that the tests are run on.
//!
//! The engine is SQLite, or PostgreSQL when [`DATABASE_URL`] names one: the same tests run on both. `cargo xtask test` starts
//! the servers; what a test leaves in one goes away with it.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

pub use guildhall_db::run_steps;
use guildhall_db::{PostgresOptions, Source};
use tempfile::TempDir;

/// The variable that names the PostgreSQL to run the tests on.
pub const DATABASE_URL: &str = "GUILDHALL_TEST_DATABASE_URL";

/// The name of the file on SQLite.
const FILE: &str = "guildhall.db";

/// Connections of one server under test: there are many at once.
const CONNECTIONS: usize = 8;

/// A place with a database that nobody else has.
#[derive(Debug)]
pub struct Place {
    directory: TempDir,
    source: Source,
}

impl Place {
    /// A place whose database is yet to be made.
    ///
    /// # Errors
    /// Of the file system, which has no room for a directory.
    pub fn new() -> std::io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let source = match database_url() {
            Some(url) => Source::Postgres(PostgresOptions {
                schema: Some(schema()),
                connections: CONNECTIONS,
                ..PostgresOptions::new(url)
            }),
            None => Source::Sqlite(directory.path().join(FILE)),
        };
        Ok(Self { directory, source })
    }

    /// Where the database is.
    pub fn source(&self) -> Source {
        self.source.clone()
    }

    /// The directory, which goes away with this.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Whether the tests run on PostgreSQL.
pub fn on_postgres() -> bool {
    database_url().is_some()
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is no setting of the server, but of the run of the tests"
)]
fn database_url() -> Option<String> {
    std::env::var(DATABASE_URL).ok()
}

/// A name that no other test has: they run in processes of their own, and what they leave stays for a while.
fn schema() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("test_{:016x}", RandomState::new().hash_one(number))
}
