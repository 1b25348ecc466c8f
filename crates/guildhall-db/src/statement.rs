//! SQL texts, each written once.

use std::sync::OnceLock;

/// One SQL statement in the portable subset, with `?1` placeholders; or, where a macro writes it, with a `?` for each column
/// in turn.
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

    /// For an `INSERT` of one row, what takes any number of such rows in PostgreSQL's binary form; `None` for any other.
    pub(crate) fn copy_in(&self) -> Option<String> {
        let (rows, _) = self
            .text
            .strip_prefix("INSERT INTO ")?
            .split_once(" VALUES (?")?;
        Some(format!("COPY {rows} FROM STDIN BINARY"))
    }

    /// The first words, to name the statement in an error or a log.
    pub fn name(&self) -> &'static str {
        let line = self.text.trim_start().lines().next().unwrap_or_default();
        line.split_once(" (").map_or(line, |(head, _)| head)
    }
}

/// The text with `$` for each `?` that is not inside a literal; one without a number gets the next.
fn dollars(text: &str) -> String {
    let (mut quoted, mut count) = (false, 0_u32);
    let mut chars = text.chars().peekable();
    let mut dollars = String::with_capacity(text.len());
    while let Some(char) = chars.next() {
        quoted ^= char == '\'';
        if char != '?' || quoted {
            dollars.push(char);
            continue;
        }
        dollars.push('$');
        if !chars.peek().is_some_and(char::is_ascii_digit) {
            count += 1;
            dollars.push_str(&count.to_string());
        }
    }
    dollars
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
        assert_eq!(
            Stmt::new("INSERT INTO a (b, c) VALUES (?, ?)")
                .copy_in()
                .as_deref(),
            Some("COPY a (b, c) FROM STDIN BINARY")
        );
        assert_eq!(dollars("VALUES (?, '?', ?)"), "VALUES ($1, '?', $2)");
    }
}
