//! `cargo xtask bench`: builds the server and the bench for release and measures.

use crate::{
    failure::Outcome,
    process::run,
    project::{Profile, Project},
};

/// Every word after `bench` goes to the bench as it is.
pub(crate) fn command(project: &Project, words: &[String]) -> Outcome {
    let server = project.build(Profile::Release, &["guildhall", "guildhall-bench"])?;
    let mut bench = project.program(server.with_file_name("guildhall-bench"));
    run(bench.args(words).env("GUILDHALL_BIN", server))
}
