//! What goes to the terminal: answers to stdout, remarks to stderr.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::failure::Failure;

/// Writes an answer to stdout.
///
/// A reader that went away, as `head` does, has what it wanted: that is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    written(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    )
}

/// Judges the outcome of writing to stdout.
pub(crate) fn written(outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(|error| Failure::refused("cannot write the answer", &error)),
    }
}

/// Writes an answer of one line to stdout.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n"))
}

/// Writes an answer for programs to stdout.
pub(crate) fn json(answer: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(answer).map_err(|error| Failure::internal(&error))?)
}

/// Writes a remark to stderr. There is nobody to tell when that fails.
pub(crate) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Shows the help that was asked for, or what is wrong with the words of the command line.
pub(crate) fn usage(answer: &clap::Error) -> ExitCode {
    // Clap colours it where there is a terminal; a reader that went away is no failure.
    drop(answer.print());
    u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}
