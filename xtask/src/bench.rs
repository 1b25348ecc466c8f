//! `cargo xtask bench`: builds the server and the bench for release and measures; `cargo xtask bench access`: only the
//! access engine in process, beside the engines of others.

use std::path::PathBuf;

use crate::{
    failure::Outcome,
    process::run,
    project::{Profile, Project},
    test::acceptance::ORACLE,
};

/// The verb of the bench that measures nothing.
const SEED: &str = "seed";

/// Every word after `bench` goes to the bench as it is.
pub(crate) fn command(project: &Project, words: &[String]) -> Outcome {
    if let [first, sizes @ ..] = words
        && first == "access"
    {
        return access(project, sizes);
    }
    let server = project.build(Profile::Release, &["guildhall", "guildhall-bench"])?;
    let mut bench = project.program(server.with_file_name("guildhall-bench"));
    bench.args(words).env("GUILDHALL_BIN", server);
    if words.first().is_none_or(|verb| verb != SEED) {
        bench.env("GUILDHALL_ORACLE", oracle(project)?);
    }
    run(&mut bench)
}

/// Every word is the size of an organization; without any, those of the table in `docs/benchmarks.md`.
fn access(project: &Project, sizes: &[String]) -> Outcome {
    let mut oracle = project.program(oracle(project)?);
    run(oracle.arg("bench").args(sizes))
}

/// Builds the program that measures the engine, and answers where it is.
fn oracle(project: &Project) -> Outcome<PathBuf> {
    let mut cargo = project.cargo(&["build", "--release", "--locked", "--features", "bench"]);
    cargo.args(["--manifest-path", ORACLE]);
    run(cargo.env("CARGO_TARGET_DIR", project.target()))?;
    Ok(project.target().join("release/guildhall-acceptance-oracle"))
}
