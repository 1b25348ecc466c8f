//! The benchmarks (docs/benchmarks.md): a seeder, a load generator, and the ceilings that each figure stands beside.
//!
//! [`run`] goes through the [`scenarios`] on every data set that [`seed`] has made. A server is a process of its own
//! ([`child`]), and so is the [`bare`] one that is the ceiling of the reads; that of the writes is the [`raw`] loop.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a report on standard output and progress on standard error are what this program is for"
)]
#![expect(
    clippy::cast_precision_loss,
    reason = "rates and ratios need three digits, not nineteen"
)]

mod access;
mod bare;
mod child;
mod cold;
mod connection;
mod data_set;
mod failure;
mod generator;
mod histogram;
mod landscape;
mod machine;
mod names;
mod random;
mod raw;
mod report;
mod run;
mod scenarios;
mod seed;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::data_set::Plan;
use crate::failure::{Failure, Outcome};

/// The allocator of the server, so that the bare one has no other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Guildhall beside what the machine could do at best
#[derive(Debug, Parser)]
#[command(name = "guildhall-bench", max_term_width = 100)]
struct Cli {
    /// [default: run]
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Fill a data directory with organizations, members and roles
    Seed(Seed),
    /// Measure every scenario, and write the table
    Run(Run),
    /// Answer recorded bytes: the ceiling of the reads, started by `run`
    #[command(hide = true)]
    Bare(Bare),
}

#[derive(Debug, Args)]
struct Seed {
    /// Where; what an earlier run left there is used again if it is the same
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// How many organizations
    #[arg(long, value_name = "COUNT")]
    organizations: u64,
    /// Members of an organization on average
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    members_mean: u64,
}

#[derive(Debug, Args)]
struct Run {
    /// The data sets, by their number of organizations
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_values_t = [1_000, 100_000, 1_000_000])]
    organizations: Vec<u64>,
    /// Members of an organization on average
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    members_mean: u64,
    /// How long one run of one side takes
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,
    /// How often server and ceiling take turns
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    rounds: u32,
    /// A smoke test of about a minute: 1,000 organizations, short runs
    #[arg(long)]
    quick: bool,
    /// Only scenarios with this text in their name
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// The server [default: `guildhall` beside this program]
    #[arg(long, value_name = "FILE", env = "GUILDHALL_BIN")]
    server: Option<PathBuf>,
    /// The program that measures the engine beside others; without it, that is left out
    #[arg(long, value_name = "FILE", env = "GUILDHALL_ORACLE")]
    oracle: Option<PathBuf>,
    /// Where the data sets are kept
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    directory: PathBuf,
    /// Measure on the data sets, not on copies; what the scenarios write stays in them
    #[arg(long)]
    in_place: bool,
    /// Where the table goes [default: bench/results; of a smoke test, beside the data sets]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Bare {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    answers: PathBuf,
}

impl Run {
    fn settings(self) -> Outcome<run::Settings> {
        let program = std::env::current_exe().map_err(Failure::doing("finding this program"))?;
        let quick = self.quick;
        Ok(run::Settings {
            organizations: if quick {
                vec![1_000]
            } else {
                self.organizations
            },
            members_mean: self.members_mean,
            seconds: if quick { 0.5 } else { self.seconds.max(0.1) },
            rounds: if quick { 1 } else { self.rounds.max(1) },
            only: self.only,
            server: self
                .server
                .unwrap_or_else(|| program.with_file_name("guildhall")),
            results: self.results.unwrap_or_else(|| {
                if quick {
                    self.directory.join("results")
                } else {
                    "bench/results".into()
                }
            }),
            directory: self.directory,
            in_place: self.in_place,
            oracle: self.oracle,
            quick,
        })
    }
}

fn main() -> ExitCode {
    let verb = Cli::parse()
        .verb
        .or_else(|| Cli::parse_from(["guildhall-bench", "run"]).verb);
    match verb.map_or(Ok(()), carry_out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(verb: Verb) -> Outcome {
    // One thread: the generator must leave the cores to the server.
    let alone = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime
            .enable_all()
            .build()
            .map_err(Failure::doing("starting the runtime"))
    };
    match verb {
        Verb::Bare(bare) => bare::serve(bare.listen, &bare.answers),
        Verb::Run(run) => alone()?.block_on(run::run(&run.settings()?)),
        Verb::Seed(Seed {
            data_dir,
            organizations,
            members_mean,
        }) => alone()?
            .block_on(seed::seed(
                &data_dir,
                &Plan::new(organizations, members_mean),
            ))
            .map(drop),
    }
}
