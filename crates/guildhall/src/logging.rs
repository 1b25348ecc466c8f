//! The log on stderr: lines for a terminal, a JSON object a line for everything else.
//!
//! INVARIANT: no secret is ever logged. Keys have no `Debug` that shows them, and no event carries a header, a body
//! or a query string.

use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};
use crate::failure::Failure;

/// Starts the log of this process.
pub(crate) fn start(config: &LogConfig) -> Result<(), Failure> {
    let filter =
        EnvFilter::try_new(&config.filter).map_err(|error| Failure::Usage(error.to_string()))?;
    let is_terminal = io::stderr().is_terminal();
    let json = match config.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(is_terminal && config.colour)
        // Its words about a closed stderr would go to stderr, and panic there.
        .log_internal_errors(false);
    let started = if json {
        log.json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init()
    } else {
        log.with_target(false).try_init()
    };
    started.map_err(|error| Failure::Internal(error.to_string()))?;
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A panic is an event like any other, so that it is found where everything is found.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::error!(panic = message, "panicked at {place}");
}
