//! SQL texts, each written once.

use std::sync::OnceLock;

/// One SQL statement in the portable subset, with `?1` placeholders.
///
/// It takes only `&'static str`: SQL glued together at run time does not compile.
#[derive(Debug)]
pub struct Stmt {
    text: &'static str,
    /// Made at the first use.
    postgres: OnceLock<String>,
}

impl Stmt {
    /// The statement with this text.
    pub const fn new(text: &'static str) -> Self {
        Self {
            text,
            postgres: OnceLock::new(),
        }
    }

    /// The text as SQLite reads it.
    pub fn sqlite(&self) -> &'static str {
        self.text
    }

    /// The text as PostgreSQL reads it, with `$1` placeholders.
    pub fn postgres(&'static self) -> &'static str {
        self.postgres.get_or_init(|| dollars(self.text))
    }

    /// The first words, to name the statement in an error or a log.
    pub fn name(&self) -> &'static str {
        let line = self.text.trim_start().lines().next().unwrap_or_default();
        line.split_once(" (").map_or(line, |(head, _)| head)
    }
}

/// The text with `$` for each `?` that is not inside a literal.
fn dollars(text: &str) -> String {
    let mut quoted = false;
    text.chars()
        .map(|char| {
            quoted ^= char == '\'';
            if char == '?' && !quoted { '$' } else { char }
        })
        .collect()
}

/// Declares the statements of one noun and the list of them that the tests prepare on every engine.
///
/// ```
/// guildhall_db::statements! {
///     FIND = "SELECT name FROM things WHERE id = ?1";
///     INSERT = "INSERT INTO things (id, name) VALUES (?1, ?2)";
/// }
/// assert_eq!(STATEMENTS.len(), 2);
/// assert_eq!(FIND.name(), "SELECT name FROM things WHERE id = ?1");
/// assert_eq!(INSERT.name(), "INSERT INTO things");
/// ```
#[macro_export]
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$meta])* static $name: $crate::Stmt = $crate::Stmt::new($text);)+

        /// Every statement of this module, for the tests that prepare them on each engine.
        pub(crate) static STATEMENTS: &[&$crate::Stmt] = &[$(&$name),+];
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_outside_of_literals() {
        let told = dollars("SELECT '?1', 'it''s ?2' || ?10 FROM a WHERE b = ?1");
        assert_eq!(told, "SELECT '?1', 'it''s ?2' || $10 FROM a WHERE b = $1");
    }
}
