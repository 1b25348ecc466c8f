//! The steps that cargo does with this workspace.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    failure::{Failure, Outcome},
    process::{require, run},
    project::Project,
    test::acceptance::{ORACLE, RUST_SDK},
    tidy::Tree,
    tools,
};

pub(super) fn fmt(project: &Project) -> Outcome {
    run(&mut project.cargo(&["fmt", "--all", "--check"]))?;
    for beside in [RUST_SDK, ORACLE] {
        if project.path(beside).is_file() {
            run(&mut project.cargo(&["fmt", "--check", "--manifest-path", beside]))?;
        }
    }
    Ok(())
}

pub(super) fn clippy(project: &Project) -> Outcome {
    run(&mut project.cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ]))
}

/// With the private items: the documentation of the code is for those who work on it.
pub(super) fn rustdoc(project: &Project) -> Outcome {
    let mut rustdoc = project.cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
    ]);
    run(rustdoc.env("RUSTDOCFLAGS", "--deny warnings"))
}

/// The tests, and then that each snapshot belongs to one of them.
pub(super) fn nextest(project: &Project) -> Outcome {
    // The tests of TLS make their certificates; those of torture make the disk slow and full.
    require("openssl", "openssl")?;
    require("strace", "strace")?;
    require("unshare", "util-linux")?;
    let references = project.target().join("insta-references.txt");
    if references.exists() {
        fs::remove_file(&references)
            .map_err(Failure::doing("removing the last list of snapshots"))?;
    }
    let mut nextest = project.program(tools::NEXTEST.ensure(project)?);
    nextest.args(["nextest", "run", "--workspace", "--locked", "--cargo-quiet"]);
    run(nextest.env("INSTA_SNAPSHOT_REFERENCES_FILE", &references))?;
    let used = if references.exists() {
        fs::read_to_string(&references).map_err(Failure::doing("reading the list of snapshots"))?
    } else {
        String::new()
    };
    let tree = Tree::load(project)?;
    let snapshots = tree
        .paths()
        .filter(|path| is_snapshot(path))
        .map(|path| project.path(path));
    match unreferenced(snapshots, &used).as_slice() {
        [] => Ok(()),
        lost => Err(Failure::new(format!(
            "no test uses these snapshots; remove them:\n{}",
            lost.join("\n")
        ))),
    }
}

pub(super) fn doctest(project: &Project) -> Outcome {
    run(&mut project.cargo(&["test", "--workspace", "--locked", "--doc"]))
}

fn is_snapshot(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "snap")
}

/// The snapshots that are not in the list that insta wrote while the tests ran.
fn unreferenced(snapshots: impl Iterator<Item = PathBuf>, used: &str) -> Vec<String> {
    let used: BTreeSet<PathBuf> = used.lines().map(resolved).collect();
    snapshots
        .filter(|path| !used.contains(&resolved(path)))
        .map(|path| path.display().to_string())
        .collect()
}

/// The path without `..`, which insta writes; as it is where there is no such file.
fn resolved(path: impl AsRef<Path>) -> PathBuf {
    path.as_ref()
        .canonicalize()
        .unwrap_or_else(|_| path.as_ref().to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_no_test_asked_for_is_named() {
        let snapshots = ["/a/used.snap", "/a/lost.snap"].map(PathBuf::from);
        assert_eq!(
            unreferenced(snapshots.into_iter(), "/a/used.snap\n"),
            ["/a/lost.snap"]
        );
        assert!(is_snapshot("a/b.snap") && !is_snapshot("a/b.snap.new"));
    }
}
