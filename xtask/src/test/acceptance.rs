//! The steps that use the server from outside, as its users do, and one that uses the engine in it.
//!
//! Each of the others finds the path of the server's binary in the environment variable `GUILDHALL_BIN`, starts servers of
//! its own on free ports of the loopback interface, and ends with a status other than 0 when anything is wrong.

use std::process::Command;

use crate::{
    failure::{Failure, Outcome},
    process::{require, run},
    project::{Profile, Project},
};

/// The workspace of its own in which the published Rust SDK is tried.
pub(super) const RUST_SDK: &str = "acceptance/rust-sdk/Cargo.toml";

/// The workspace of its own in which the access engine is set beside the engines of others.
pub(crate) const ORACLE: &str = "acceptance/oracle/Cargo.toml";

/// Where the suites find the PostgreSQL for the servers that they start, if they are to use one.
const DATABASE_URL: &str = "GUILDHALL_DATABASE_URL";

const JS_SDK: &str = "acceptance/js-sdk";
const DOCS: &str = "acceptance/docs/run.mjs";
const SCHEMATHESIS: &str = "acceptance/schemathesis/run.sh";

/// Clippy and `cargo test` in `acceptance/oracle`: random worlds, decided by our engine and by another, some of them
/// over HTTP too.
pub(super) fn oracle(project: &Project) -> Outcome {
    exists(project, ORACLE)?;
    let cargo = |words: &[&str], after: &[&str]| {
        let mut cargo = project.cargo(words);
        cargo.env("CARGO_TARGET_DIR", project.target());
        run(cargo
            .args(["--locked", "--manifest-path", ORACLE])
            .args(after))
    };
    // With its benchmark, which no other step compiles.
    let lint = ["clippy", "--all-targets", "--all-features"];
    cargo(&lint, &["--", "--deny", "warnings"])?;
    cargo(&["test"], &[])
}

/// `npm ci` and `npm test` in `acceptance/js-sdk`.
pub(super) fn js_sdk(project: &Project) -> Outcome {
    run(&mut js_sdk_tests(project)?)
}

/// The same with servers on the PostgreSQL at `url`, each in a schema of its own.
pub(super) fn js_sdk_on_postgres(project: &Project, url: &str) -> Outcome {
    run(js_sdk_tests(project)?.env(DATABASE_URL, url))
}

fn js_sdk_tests(project: &Project) -> Outcome<Command> {
    run(&mut npm_ci(project, JS_SDK)?)?;
    served(project, npm(project, JS_SDK, &["test"]))
}

/// `npm ci` in a directory with a lock file.
pub(super) fn npm_ci(project: &Project, directory: &str) -> Outcome<Command> {
    exists(project, &format!("{directory}/package-lock.json"))?;
    require("node", "nodejs npm")?;
    require("npm", "nodejs npm")?;
    let words = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    Ok(npm(project, directory, &words))
}

fn npm(project: &Project, directory: &str, words: &[&str]) -> Command {
    let mut npm = project.program("npm");
    npm.current_dir(project.path(directory)).args(words);
    npm
}

/// `acceptance/docs/run.mjs`, which runs the examples of the documents with what `npm ci` of the step before installed.
pub(super) fn docs(project: &Project) -> Outcome {
    exists(project, DOCS)?;
    for (program, packages) in [
        ("node", "nodejs npm"),
        ("curl", "curl"),
        ("jq", "jq"),
        ("openssl", "openssl"),
    ] {
        require(program, packages)?;
    }
    let mut node = project.program("node");
    node.arg(DOCS);
    run(&mut served(project, node)?)
}

/// `cargo test` in `acceptance/rust-sdk`. It builds into our target directory, where much is built already.
pub(super) fn rust_sdk(project: &Project) -> Outcome {
    run(&mut rust_sdk_tests(project)?)
}

/// The same with servers on the PostgreSQL at `url`, each in a schema of its own.
pub(super) fn rust_sdk_on_postgres(project: &Project, url: &str) -> Outcome {
    run(rust_sdk_tests(project)?.env(DATABASE_URL, url))
}

fn rust_sdk_tests(project: &Project) -> Outcome<Command> {
    exists(project, RUST_SDK)?;
    let mut cargo = project.cargo(&["test", "--locked", "--manifest-path", RUST_SDK]);
    cargo.env("CARGO_TARGET_DIR", project.target());
    served(project, cargo)
}

/// `acceptance/schemathesis/run.sh`, which installs what its `requirements.txt` pins under `.tools`.
pub(super) fn schemathesis(project: &Project) -> Outcome {
    exists(project, SCHEMATHESIS)?;
    require("python3", "python3 python3-venv")?;
    let mut bash = project.program("bash");
    bash.arg(SCHEMATHESIS);
    run(&mut served(project, bash)?)
}

/// The command with the server, built for release, in its environment.
fn served(project: &Project, mut command: Command) -> Outcome<Command> {
    command.env(
        "GUILDHALL_BIN",
        project.build(Profile::Release, &["guildhall"])?,
    );
    Ok(command)
}

/// A missing suite fails: an acceptance that is not there has not been given.
fn exists(project: &Project, relative: &str) -> Outcome {
    if project.path(relative).is_file() {
        return Ok(());
    }
    Err(Failure::new(format!("{relative} is missing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_suite_is_a_failure() {
        let failure = exists(&Project::find().unwrap(), "acceptance/none/run.sh")
            .unwrap_err()
            .to_string();
        assert_eq!(failure, "acceptance/none/run.sh is missing");
    }
}
