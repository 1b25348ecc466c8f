//! The steps that run on PostgreSQL: each starts a server, uses it and stops it, whatever became of the use.

mod release;
mod server;
mod suite;
mod user;

use crate::{failure::Outcome, project::Project, test::acceptance};

use release::Release;
use server::Server;

/// Under which every transaction that says nothing else is serializable.
const SERIALIZABLE: &[&str] = &["default_transaction_isolation=serializable"];

/// The tests of the rules and of the API on Debian's PostgreSQL, in a database whose language sorts as people do.
pub(super) fn oldest(project: &Project) -> Outcome {
    Server::lend(project, Release::Oldest, &[], |url| {
        suite::run_on(project, url)
    })
}

/// The same on the newest PostgreSQL.
pub(super) fn newest(project: &Project) -> Outcome {
    Server::lend(project, Release::Newest, &[], |url| {
        suite::run_on(project, url)
    })
}

/// The same on the newest, at the strictest isolation level.
pub(super) fn serializable(project: &Project) -> Outcome {
    Server::lend(project, Release::Newest, SERIALIZABLE, |url| {
        suite::run_on(project, url)
    })
}

/// The JavaScript SDK with servers on the newest PostgreSQL.
pub(super) fn js_sdk(project: &Project) -> Outcome {
    Server::lend(project, Release::Newest, &[], |url| {
        acceptance::js_sdk_on_postgres(project, url)
    })
}

/// The Rust SDK with the same.
pub(super) fn rust_sdk(project: &Project) -> Outcome {
    Server::lend(project, Release::Newest, &[], |url| {
        acceptance::rust_sdk_on_postgres(project, url)
    })
}
