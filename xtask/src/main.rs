//! What the project does with itself: every test, the generated files, the benchmarks.
//!
//! Run it as `cargo xtask <command>`. Each command is a module of its own; this file is their table.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking to the terminal is what this program does"
)]

mod bench;
mod failure;
mod generate;
mod process;
mod project;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use failure::{Failure, Outcome};
use project::Project;

/// One command: its name, the line that `cargo xtask` prints about it, and what it does with the words after it.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&Project, &[String]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        about: "every check and every test, cheapest first",
        run: test::command,
    },
    Command {
        name: "tidy",
        about: "the rules of the house that a machine can know",
        run: tidy::command,
    },
    Command {
        name: "generate",
        about: "write the derived files; `--check` only compares",
        run: generate::command,
    },
    Command {
        name: "bench",
        about: "build for release and measure; takes the bench's arguments",
        run: bench::command,
    },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Outcome {
    let Some((name, rest)) = words.split_first() else {
        return Err(Failure::new(format!("a command is missing\n{}", usage())));
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        println!("{}", usage());
        return Ok(());
    }
    let command = COMMANDS
        .iter()
        .find(|command| command.name == name)
        .ok_or_else(|| Failure::new(format!("no command `{name}`\n{}", usage())))?;
    (command.run)(&Project::find()?, rest)
}

fn usage() -> String {
    let lines = COMMANDS
        .iter()
        .map(|command| format!("  cargo xtask {:<9} {}\n", command.name, command.about));
    format!("commands:\n{}", lines.collect::<String>().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_answered_with_the_known_ones() {
        let failure = run(&["tset".to_owned()]).unwrap_err().to_string();
        assert!(failure.starts_with("no command `tset`"), "{failure}");
        assert!(failure.contains("cargo xtask test "), "{failure}");
    }
}
