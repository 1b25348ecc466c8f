//! The programs that the tests use and that cargo can install: their versions stand here and nowhere else.

use std::{fmt, path::PathBuf, process::Command};

use crate::{
    failure::{Failure, Outcome},
    process::run,
    project::Project,
};

/// The test runner. A newer one on the machine will do.
pub(crate) const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    version: Version(0, 9, 143),
};

/// Licences, sources, advisories, and the walls between our crates.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: Version(0, 20, 2),
};

/// A program of the registry, in the oldest version that will do, which is also the one that is installed.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: Version,
}

impl Tool {
    /// The program, from `.tools` or the machine; if neither has it, it is built and put into `.tools`.
    pub(crate) fn ensure(&self, project: &Project) -> Outcome<PathBuf> {
        let own = project.path(".tools/bin").join(self.name);
        for candidate in [own.clone(), PathBuf::from(self.name)] {
            if self.is_new_enough(&candidate) {
                return Ok(candidate);
            }
        }
        self.install(project)?;
        if self.is_new_enough(&own) {
            return Ok(own);
        }
        Err(Failure::new(format!(
            "{} {} was installed, but {} does not answer",
            self.name,
            self.version,
            own.display()
        )))
    }

    fn is_new_enough(&self, program: &PathBuf) -> bool {
        let Ok(output) = Command::new(program).arg("--version").output() else {
            return false;
        };
        Version::find(&String::from_utf8_lossy(&output.stdout))
            .is_some_and(|found| found >= self.version)
    }

    /// Without optimisation: that builds in a third of the time, and these programs wait for others anyway.
    fn install(&self, project: &Project) -> Outcome {
        println!(
            "{} {} is missing; building it into .tools",
            self.name, self.version
        );
        let version = self.version.to_string();
        let mut install = project.cargo(&["install", "--locked", "--debug", "--root", ".tools"]);
        install.args(["--version", version.as_str(), self.name]);
        install
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("CARGO_TARGET_DIR");
        run(&mut install)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

impl Version {
    /// The first version in what a program says about itself.
    fn find(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let mut numbers = word.split('.').map(|number| number.parse().ok());
            Some(Self(numbers.next()??, numbers.next()??, numbers.next()??))
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_a_program_says() {
        assert_eq!(
            Version::find("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)"),
            Some(Version(0, 9, 143))
        );
        assert_eq!(Version::find("no number 1.2 here"), None);
        assert!(Version(0, 10, 0) > Version(0, 9, 143));
    }

    #[test]
    fn a_program_that_does_not_exist_is_not_new_enough() {
        assert!(!NEXTEST.is_new_enough(&PathBuf::from("no-such-program")));
    }
}
