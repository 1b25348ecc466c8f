//! How much of other people's code we build.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Violation;
use crate::{
    failure::{Failure, Outcome},
    process::capture,
    project::Project,
};

/// Every package is somebody to trust and something to compile.
const PACKAGES_MAX: usize = 250;

const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Counts the packages, ours among them, that a build with all tests may reach on Linux.
pub(super) fn check(project: &Project) -> Outcome<Option<Violation>> {
    let arguments = [
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        PLATFORM,
    ];
    let metadata = capture(&mut project.cargo(&arguments))?;
    let count = count(&metadata)?;
    println!("{count} of at most {PACKAGES_MAX} packages");
    Ok(judge(count))
}

fn judge(count: usize) -> Option<Violation> {
    (count > PACKAGES_MAX).then(|| Violation {
        path: "Cargo.lock".to_owned(),
        line: 1,
        message: format!("{count} packages on {PLATFORM}, at most {PACKAGES_MAX}"),
    })
}

fn count(metadata: &str) -> Outcome<usize> {
    let metadata: Value =
        serde_json::from_str(metadata).map_err(Failure::doing("reading `cargo metadata`"))?;
    let nodes = metadata.pointer("/resolve/nodes").and_then(Value::as_array);
    let nodes = nodes.ok_or_else(|| Failure::new("`cargo metadata` names no packages"))?;
    Ok(nodes
        .iter()
        .filter_map(|node| node.get("id"))
        .filter_map(Value::as_str)
        .collect::<BTreeSet<_>>()
        .len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_counted_once() {
        let metadata = r#"{"resolve": {"nodes": [{"id": "a"}, {"id": "b"}, {"id": "a"}]}}"#;
        assert_eq!(count(metadata).unwrap(), 2);
        count("{}").unwrap_err();
    }

    #[test]
    fn the_251st_package_is_refused() {
        assert_eq!(judge(250), None);
        let refused = judge(251).unwrap().to_string();
        assert_eq!(
            refused,
            "Cargo.lock:1: 251 packages on x86_64-unknown-linux-gnu, at most 250"
        );
    }
}
