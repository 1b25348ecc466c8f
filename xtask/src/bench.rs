//! `cargo xtask bench`: builds the server and the bench for release and measures; `cargo xtask bench access`: the access
//! engine in process, beside the engines of others.

use crate::{
    failure::Outcome,
    process::run,
    project::{Profile, Project},
    test::acceptance::ORACLE,
};

/// Every word after `bench` goes to the bench as it is.
pub(crate) fn command(project: &Project, words: &[String]) -> Outcome {
    if let [first, sizes @ ..] = words
        && first == "access"
    {
        return access(project, sizes);
    }
    let server = project.build(Profile::Release, &["guildhall", "guildhall-bench"])?;
    let mut bench = project.program(server.with_file_name("guildhall-bench"));
    run(bench.args(words).env("GUILDHALL_BIN", server))
}

/// Every word is the size of an organization; without any, those of the table in `docs/benchmarks.md`.
fn access(project: &Project, sizes: &[String]) -> Outcome {
    let mut cargo = project.cargo(&["run", "--release", "--locked", "--features", "bench"]);
    cargo
        .args(["--manifest-path", ORACLE, "--", "bench"])
        .args(sizes);
    run(cargo.env("CARGO_TARGET_DIR", project.target()))
}
