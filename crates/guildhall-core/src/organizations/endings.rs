//! Searching names: every ending of a folded name is a row, so that a substring is a range.
//!
//! `acme` has the endings `acme`, `cme`, `me`, `e`; the substring `cm` is a prefix of the second. Endings are cut to
//! [`ENDING_CHARS`]; a longer search text reads the range of its first characters and compares the rest.

use std::collections::BTreeSet;

use guildhall_db::statements;
use guildhall_types::ids::OrganizationId;

use crate::refusal::Refusal;
use crate::scope::WriteTx;

statements! {
    INSERT = "INSERT INTO organization_name_endings (deployment_id, ending, organization_id) VALUES (?1, ?2, ?3)";
    DELETE = "DELETE FROM organization_name_endings
        WHERE deployment_id = ?1 AND ending = ?2 AND organization_id = ?3";
}

/// Characters that an ending keeps.
const ENDING_CHARS: usize = 32;

/// The last character there is: no text that begins with `x` sorts after `x` followed by it.
const LAST_CHAR: char = char::MAX;

/// Makes the endings of an organization those of `after` instead of those of `before`.
pub(super) fn replace(
    tx: &WriteTx<'_>,
    id: OrganizationId,
    before: &str,
    after: &str,
) -> Result<(), Refusal> {
    let deployment = tx.deployment.id();
    let (old, new) = (endings(before), endings(after));
    for ending in old.difference(&new) {
        tx.sql
            .exec_exactly(1, &DELETE, &[&deployment, ending, &id])?;
    }
    for ending in new.difference(&old) {
        tx.sql
            .exec_exactly(1, &INSERT, &[&deployment, ending, &id])?;
    }
    Ok(())
}

/// The range of endings that a folded search text begins: from the first, up to but without the second.
pub(super) fn range(search: &str) -> (String, String) {
    let from: String = search.chars().take(ENDING_CHARS).collect();
    let to = format!("{from}{LAST_CHAR}");
    (from, to)
}

/// The endings that a folded name has.
pub(crate) fn endings(name_key: &str) -> BTreeSet<&str> {
    name_key
        .char_indices()
        .map(|(start, _)| {
            let ending = name_key.get(start..).unwrap_or_default();
            let end = ending
                .char_indices()
                .nth(ENDING_CHARS)
                .map_or(ending.len(), |(end, _)| end);
            ending.get(..end).unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_substring_begins_an_ending() {
        let name = "école – 日本 & co";
        let endings = endings(name);
        for (start, _) in name.char_indices() {
            for (end, _) in name.char_indices().filter(|(end, _)| *end > start) {
                let (from, to) = range(&name[start..end]);
                assert!(
                    endings.range(from.as_str()..to.as_str()).next().is_some(),
                    "{from}"
                );
            }
        }
        let (from, to) = range("cole x");
        assert!(endings.range(from.as_str()..to.as_str()).next().is_none());
    }

    #[test]
    fn endings_are_cut() {
        let name = "x".repeat(200);
        assert_eq!(endings(&name).len(), ENDING_CHARS);
        assert_eq!(range(&name).0.chars().count(), ENDING_CHARS);
    }
}
