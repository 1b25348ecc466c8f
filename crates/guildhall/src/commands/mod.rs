//! One file for each verb but `serve`.

mod backup;
mod completions;
mod copy;
mod demo;
mod deployment;
mod export;
mod key;
mod migrate;
mod openapi;
mod restore;
mod verify;

use std::process::ExitCode;

use crate::cli::Verb;
use crate::config::{self, LogConfig};
use crate::failure::Failure;
use crate::{logging, serve};

/// Does what was asked for.
pub(crate) fn run(verb: Verb) -> Result<ExitCode, Failure> {
    if let Verb::Serve(words) = verb {
        return serve::run(&config::server(words.config, words.options)?);
    }
    logging::start(&LogConfig::of_a_verb())?;
    match verb {
        // Handled above, before a log was started that is not the server's.
        Verb::Serve(_) => Ok(()),
        Verb::Key(verb) => key::run(verb),
        Verb::Deployment(verb) => deployment::run(verb),
        Verb::Verify(words) => return verify::run(words),
        Verb::Backup(words) => backup::run(words),
        Verb::Restore(words) => restore::run(words),
        Verb::Export(words) => export::run(words),
        Verb::Copy(words) => copy::run(words),
        Verb::Migrate(words) => migrate::run(words),
        Verb::Demo(words) => demo::run(words),
        Verb::Openapi => openapi::run(),
        Verb::Completions { shell } => completions::run(shell),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// Waits for what the database does on its own threads.
fn wait<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(&error))?
        .block_on(work)
}
