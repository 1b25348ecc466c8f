//! `cargo xtask tidy`: what the rules of the house say and a machine can know.
//!
//! Every check reads the whole tree and answers all that breaks its rule, so that one run shows everything.

mod dependencies;
mod documents;
mod markdown;
mod modules;
mod nouns;
mod packages;
mod text;
mod tree;
mod walls;

use std::path::Path;

use crate::{
    failure::{Failure, Outcome},
    project::Project,
};
pub(crate) use tree::Tree;
use tree::{File, Violation};

const CHECKS: &[fn(&Tree) -> Vec<Violation>] = &[
    text::check,
    walls::check,
    nouns::check,
    modules::check,
    dependencies::check,
    documents::check,
];

/// Takes no arguments: there is no rule to leave out.
pub(crate) fn command(project: &Project, words: &[String]) -> Outcome {
    if !words.is_empty() {
        return Err(Failure::new("`cargo xtask tidy` takes no arguments"));
    }
    check(project)
}

/// Prints every violation as `file:line: what is wrong`.
pub(crate) fn check(project: &Project) -> Outcome {
    let tree = Tree::load(project)?;
    let mut violations: Vec<Violation> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    violations.extend(packages::check(project)?);
    violations.sort();
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        1 => Err(Failure::new("1 rule of the house is broken")),
        count => Err(Failure::new(format!(
            "the rules of the house are broken in {count} places"
        ))),
    }
}

/// Whether a path ends in this extension.
fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

/// Whether `line` has `word` with no letter, digit or underscore beside it.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(start, _)| {
        let (before, rest) = line.split_at(start);
        let after = rest.strip_prefix(word).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_not_a_part_of_another() {
        assert!(has_word("use axum::Router", "axum"));
        assert!(!has_word("taxum", "axum") && !has_word("axum_server", "axum"));
        assert!(has_word("axums axum", "axum"));
    }
}
