//! The layer of the environment: `GUILDHALL_LISTEN` says what `--listen` says.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Command};

use super::Read;
use crate::failure::Failure;

/// Reads the variables of a layer; an empty one says nothing.
///
/// Not by clap's own means: its message about a bad variable names the flag, which nobody has written.
pub(super) fn read<Layer: Args>(read: Read<'_>) -> Result<Layer, Failure> {
    let command = Layer::augment_args(Command::new("environment").no_binary_name(true));
    let mut words = Vec::new();
    for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
        let variable = variable(flag);
        let Some(value) = read(&variable).filter(|value| !value.is_empty()) else {
            continue;
        };
        let mut word = OsString::from(format!("--{flag}="));
        word.push(&value);
        // One at a time, so that the message can name the variable.
        command
            .clone()
            .try_get_matches_from([&word])
            .map_err(|error| {
                let value = value.display();
                Failure::Usage(format!(
                    "the variable {variable} is `{value}`: it {}",
                    reason(&error)
                ))
            })?;
        words.push(word);
    }
    let wrong = |error: clap::Error| Failure::Usage(error.to_string());
    let matches = command.try_get_matches_from(words).map_err(wrong)?;
    Layer::from_arg_matches(&matches).map_err(wrong)
}

/// The variable of a flag.
fn variable(flag: &str) -> String {
    format!("GUILDHALL_{}", flag.replace('-', "_").to_uppercase())
}

/// What follows "it": the parser's own words, or the values that there are.
fn reason(error: &clap::Error) -> String {
    match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(values))) => {
            let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("must be one of {}", values.join(", "))
        }
        _ => "cannot be read".to_owned(),
    }
}
