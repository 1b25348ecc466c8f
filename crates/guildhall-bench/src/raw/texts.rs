//! The statements of core that the loop issues: their texts, found by their first words and one more that only one of
//! them has, never copied.

use crate::failure::{Failure, Outcome};

/// The texts of core that the two commands issue, in their order.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) insert_organization: &'static str,
    pub(super) insert_ending: &'static str,
    pub(super) add_count: &'static str,
    pub(super) append_ledger: &'static str,
    pub(super) settle: &'static str,
    pub(super) claim: &'static str,
    pub(super) user_exists: &'static str,
    pub(super) member_settings: &'static str,
    pub(super) insert_member: &'static str,
    pub(super) scope_of_role: &'static str,
    pub(super) insert_link: &'static str,
    pub(super) load_member: &'static str,
    pub(super) find_role: &'static str,
}

impl Texts {
    pub(super) fn of_core() -> Outcome<Self> {
        let statements = guildhall_core::rule_statements();
        let find = |begin: &str, word: &str| {
            let mut found = statements
                .iter()
                .map(|statement| statement.sqlite())
                .filter(|text| text.starts_with(begin) && text.contains(word));
            match (found.next(), found.next()) {
                (Some(text), None) => Ok(text),
                _ => Err(Failure::new(format!(
                    "not exactly one statement of core begins with `{begin}` and has `{word}`"
                ))),
            }
        };
        Ok(Self {
            insert_organization: find("INSERT INTO organizations (", "")?,
            insert_ending: find("INSERT INTO organization_name_endings", "")?,
            add_count: find("INSERT INTO deployment_counts", "")?,
            append_ledger: find("INSERT INTO ledger (", "")?,
            settle: find("UPDATE organizations", "SET ledger_head")?,
            claim: find("UPDATE organizations", "RETURNING revision")?,
            user_exists: find("SELECT 1 FROM users", "id = ?2")?,
            member_settings: find(
                "SELECT default_org_member_role_id",
                "max_allowed_org_members",
            )?,
            insert_member: find("INSERT INTO organization_members", "")?,
            scope_of_role: find("SELECT scope", "scope = 0 AND id = ?3")?,
            insert_link: find("INSERT INTO organization_member_roles", "")?,
            load_member: find("SELECT m.id,", "m.id = ?3")?,
            find_role: find("SELECT id,", "scope = 0 AND id = ?3")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_still_has_the_statements() {
        Texts::of_core().unwrap();
    }
}
