//! The files of the project, as git knows them, and what can be wrong with one.

use std::{collections::BTreeSet, fmt, fs};

use crate::{failure::Outcome, process::capture, project::Project};

/// Every file that is committed, or would be by `git add --all`.
#[derive(Debug)]
pub(crate) struct Tree {
    paths: BTreeSet<String>,
    files: Vec<File>,
}

/// A text file: its path from the root, with `/`, and what stands in it.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

impl Tree {
    pub(crate) fn load(project: &Project) -> Outcome<Self> {
        let mut git = project.program("git");
        let listed = capture(git.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let paths: BTreeSet<String> = listed
            .split_terminator('\0')
            .filter(|path| project.path(path).is_file())
            .map(str::to_owned)
            .collect();
        let files = paths
            .iter()
            .filter_map(|path| {
                let text = fs::read_to_string(project.path(path)).ok()?;
                (!text.contains('\0')).then(|| File {
                    path: path.clone(),
                    text,
                })
            })
            .collect();
        Ok(Self { paths, files })
    }

    /// A tree for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self {
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            files: files
                .iter()
                .map(|(path, text)| File {
                    path: (*path).to_owned(),
                    text: (*text).to_owned(),
                })
                .collect(),
        }
    }

    /// Every path, of pictures too.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// The files that are text.
    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is such a file, or a directory with files in it.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let directory = format!("{path}/");
        self.paths.contains(path)
            || self
                .paths
                .range(directory.clone()..)
                .next()
                .is_some_and(|found| found.starts_with(&directory))
    }
}

impl File {
    /// The lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .zip(1..)
            .map(|(line, number)| (number, line))
    }

    /// The crate of the workspace that the file belongs to.
    pub(super) fn package(&self) -> Option<&str> {
        let name = self
            .path
            .strip_prefix("crates/")
            .and_then(|rest| rest.split_once('/'))
            .map(|(name, _)| name);
        name.or_else(|| self.path.starts_with("xtask/").then_some("xtask"))
    }

    pub(super) fn violation(&self, line: usize, message: impl Into<String>) -> Violation {
        Violation {
            path: self.path.clone(),
            line,
            message: message.into(),
        }
    }
}

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// The violations as a person reads them, for tests.
#[cfg(test)]
pub(super) fn said(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_there_when_a_file_is_in_it() {
        let tree = Tree::of(&[("docs/a/one.md", ""), ("docs/ab.md", "")]);
        assert!(tree.has("docs/a") && tree.has("docs/a/") && tree.has("docs/ab.md"));
        assert!(!tree.has("docs/b") && !tree.has("doc"));
    }

    #[test]
    fn a_file_knows_its_crate() {
        let tree = Tree::of(&[
            ("crates/guildhall-db/src/lib.rs", ""),
            ("xtask/src/a.rs", ""),
            ("README.md", ""),
        ]);
        let packages: Vec<_> = tree.files().iter().map(File::package).collect();
        assert_eq!(packages, [Some("guildhall-db"), Some("xtask"), None]);
    }

    #[test]
    fn this_project_is_read_as_git_sees_it() {
        let tree = Tree::load(&Project::find().unwrap()).unwrap();
        assert!(tree.has("xtask/src/main.rs") && !tree.has("target"));
    }
}
