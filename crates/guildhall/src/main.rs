//! The binary: the command line, the configuration, start and stop.
//!
//! [`cli`] says what can be asked for, [`config`] where a setting comes from; [`serve`] is the server, and
//! [`commands`] has one file for each other verb. The rules are in `guildhall-core`, the routes in `guildhall-http`.

mod cli;
mod commands;
mod config;
mod data_dir;
mod duration;
mod failure;
mod logging;
mod output;
mod progress;
mod serve;
mod store;
mod supervisor;
mod table;
mod welcome;

use std::process::ExitCode;

use clap::Parser;

/// Half the memory of the system's allocator under load, and faster in small allocations from many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return output::usage(&answer),
    };
    commands::run(cli.verb).unwrap_or_else(|failure| {
        output::note(&format!("error: {failure}"));
        failure.exit_code()
    })
}
