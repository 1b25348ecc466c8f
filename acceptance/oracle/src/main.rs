//! `cargo run --release -- 10000000` compares decisions, a sample of them over HTTP;
//! `cargo run --release --features bench -- bench` measures.

use std::{process::ExitCode, time::Instant};

use guildhall_acceptance_oracle::agree::{SAMPLED_EVERY, agree};

#[cfg(feature = "bench")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: guildhall-acceptance-oracle CHECKS [SEED] | bench [MEMBERS…]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        #[cfg(feature = "bench")]
        ["bench", sizes @ ..] => {
            let Ok(sizes) = sizes
                .iter()
                .map(|size| size.parse())
                .collect::<Result<Vec<_>, _>>()
            else {
                eprintln!("{USAGE}");
                return ExitCode::FAILURE;
            };
            guildhall_acceptance_oracle::bench::run(sizes);
        }
        [checks, seed @ ..] => {
            let seed = seed.first().map_or(Some(1), |seed| seed.parse().ok());
            let (Ok(checks), Some(seed)) = (checks.parse(), seed) else {
                eprintln!("{USAGE}");
                return ExitCode::FAILURE;
            };
            let start = Instant::now();
            let report = agree(checks, seed, SAMPLED_EVERY, |_| {});
            println!("{report} in {:.0} s", start.elapsed().as_secs_f64());
            if !report.agrees() {
                return ExitCode::FAILURE;
            }
        }
        [] => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
