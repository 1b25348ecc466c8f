//! Where the project lies on this machine, and the programs that it builds.

use std::{
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    failure::{Failure, Outcome},
    process::run,
};

/// The checkout that the command was called in.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    target: PathBuf,
}

impl Project {
    /// The nearest directory above the current one that holds this workspace.
    pub(crate) fn find() -> Outcome<Self> {
        let here =
            std::env::current_dir().map_err(Failure::doing("finding the current directory"))?;
        let root = here
            .ancestors()
            .find(|directory| directory.join("xtask/Cargo.toml").is_file())
            .ok_or_else(|| Failure::new("not inside a checkout of the project"))?
            .to_path_buf();
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |dir| root.join(dir));
        Ok(Self { root, target })
    }

    /// Where cargo builds, for this workspace and for the ones beside it.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A path of the project, from its name relative to the root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The text of a file of the project.
    pub(crate) fn read(&self, relative: &str) -> Outcome<String> {
        fs::read_to_string(self.path(relative))
            .map_err(Failure::doing(format!("reading {relative}")))
    }

    /// A program, to be started in the root of the project.
    pub(crate) fn program(&self, name: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        command
    }

    /// Cargo, for this workspace. Where nobody watches its progress, it speaks only of problems.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        if !std::io::stderr().is_terminal() {
            command.env("CARGO_TERM_QUIET", "true");
        }
        command
    }

    /// Builds the binaries of `packages` and answers where the one of the first package is.
    ///
    /// Cheap when nothing changed, so every step that needs the server asks for it again.
    pub(crate) fn build(&self, profile: Profile, packages: &[&str]) -> Outcome<PathBuf> {
        let mut command = self.cargo(&["build", "--locked", "--bins"]);
        if profile == Profile::Release {
            command.arg("--release");
        }
        for package in packages {
            command.args(["--package", package]);
        }
        run(&mut command)?;
        let name = packages
            .first()
            .ok_or_else(|| Failure::new("no package to build"))?;
        Ok(self.target.join(profile.directory()).join(name))
    }
}

/// The two ways in which the project's programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Profile {
    fn directory(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_found_from_inside() {
        let project = Project::find().unwrap();
        assert!(
            project
                .read("xtask/Cargo.toml")
                .unwrap()
                .contains("name = \"xtask\"")
        );
        let failure = project.read("no/such/file").unwrap_err().to_string();
        assert!(failure.starts_with("reading no/such/file: "), "{failure}");
    }
}
