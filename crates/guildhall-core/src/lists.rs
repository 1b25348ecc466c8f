//! Lists: the statements of a noun's orders, and a page read from one of them.

use guildhall_db::{Column, Param, Row, Stmt, Value};
use guildhall_types::Page;
use serde::Serialize;

use crate::cursor::{Binding, Cursor, Key};
use crate::paging::{Order, PageRequest};
use crate::refusal::Refusal;
use crate::scope::ReadTx;

/// The column from which on a list has those of its noun: before them stands the sort key.
pub(crate) const FIRST: usize = 1;

/// The two statements of one order.
///
/// They take the deployment, the sort key and id of the row before the page, how many rows to read and how many to skip;
/// from `?6` on, what the list is narrowed to.
#[derive(Debug)]
pub(crate) struct Ordered {
    pub(crate) ascending: Stmt,
    pub(crate) descending: Stmt,
    pub(crate) keys: Keys,
}

/// What an order goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys {
    /// Numbers and times.
    Numbers,
    /// Folded texts.
    Texts,
}

/// Declares the [`Ordered`] of a noun, enumerated and not glued together at run time: source × sort key. The columns begin
/// with the id, by which equal sort keys are told apart.
macro_rules! orders {
    ($columns:expr, $id:literal; $($name:ident: $from:expr, $keys:ident $key:literal;)+) => {
        $(static $name: $crate::lists::Ordered = $crate::lists::Ordered {
            ascending: guildhall_db::Stmt::new(concat!("SELECT ", $key, ", ", $columns, " FROM ", $from,
                " AND (", $key, ", ", $id, ") > (?2, ?3) ORDER BY ", $key, " ASC, ", $id, " ASC LIMIT ?4 OFFSET ?5")),
            descending: guildhall_db::Stmt::new(concat!("SELECT ", $key, ", ", $columns, " FROM ", $from,
                " AND (", $key, ", ", $id, ") < (?2, ?3) ORDER BY ", $key, " DESC, ", $id, " DESC LIMIT ?4 OFFSET ?5")),
            keys: $crate::lists::Keys::$keys,
        };)+

        /// Every statement of the noun's lists, for the tests that prepare them on each engine.
        pub(crate) static ORDERS: &[&guildhall_db::Stmt] = &[$(&$name.ascending, &$name.descending),+];
    };
}
pub(crate) use orders;

/// A list in one order.
pub(crate) struct List<'a, Q> {
    /// Everything that the caller asked for but the place of the page: what a cursor is bound to.
    pub(crate) query: Q,
    pub(crate) ordered: &'static Ordered,
    /// What the statement takes from `?6` on.
    pub(crate) filters: &'a [&'a dyn Param],
    /// How many rows it has.
    pub(crate) total: u64,
}

impl Column for Key {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        match value {
            Value::Int(number) => Ok(Self::Int(number)),
            Value::Text(text) => Ok(Self::Text(text.to_owned())),
            _ => Err("not a sort key"),
        }
    }
}

impl Keys {
    /// The place before the first row of the order.
    fn start(self, order: Order) -> Cursor {
        let key = match (self, order) {
            (Self::Numbers, Order::Ascending) => Key::Int(i64::MIN),
            (Self::Numbers, Order::Descending) => Key::Int(i64::MAX),
            (Self::Texts, Order::Ascending) => Key::Text(String::new()),
            (Self::Texts, Order::Descending) => Key::Text(char::MAX.to_string()),
        };
        let id = match order {
            Order::Ascending => 0,
            Order::Descending => i64::MAX,
        };
        Cursor { key, id }
    }
}

impl<Q: Serialize> List<'_, Q> {
    /// The page that is asked for; `read` reads the noun's columns from [`FIRST`] on.
    pub(crate) fn page<T>(
        &self,
        tx: &ReadTx<'_>,
        request: &PageRequest,
        read: impl Fn(&Row<'_>, usize) -> Result<T, Refusal>,
    ) -> Result<Page<T>, Refusal> {
        let deployment = tx.deployment.id();
        let binding = || Binding::new(deployment, &(&self.query, request.order.word()));
        let place = request
            .cursor(binding)?
            .unwrap_or_else(|| self.ordered.keys.start(request.order));
        let statement = match request.order {
            Order::Ascending => &self.ordered.ascending,
            Order::Descending => &self.ordered.descending,
        };
        let limit = request.limit as usize;
        // One more than the page, to see whether anything follows.
        let fetch = i64::from(request.limit) + 1;
        let mut params: Vec<&dyn Param> =
            vec![&deployment, &place.key, &place.id, &fetch, &request.offset];
        params.extend(self.filters);
        let expected = u64::from(request.limit).min(self.total);
        let mut data = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
        let (mut last, mut has_more) = (None, false);
        tx.sql.each(statement, &params, |row| {
            if data.len() == limit {
                has_more = true;
                return Ok(());
            }
            data.push(read(row, FIRST)?);
            if data.len() == limit {
                let (key, id) = (row.get(0)?, row.get(FIRST)?);
                last = Some(Cursor { key, id });
            }
            Ok::<_, Refusal>(())
        })?;
        let next_cursor = last.filter(|_| has_more).map(|last| last.encode(binding()));
        Ok(request.filled(data, self.total, has_more, next_cursor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_begins_before_every_row() {
        let numbers = (
            Keys::Numbers,
            [Key::Int(0), Key::Int(1_735_787_045_123_456)],
        );
        let texts = (
            Keys::Texts,
            [Key::Text(String::new()), Key::Text("école".to_owned())],
        );
        for (keys, row_keys) in [numbers, texts] {
            let first = keys.start(Order::Ascending);
            let last = keys.start(Order::Descending);
            for key in row_keys {
                let id = 1;
                assert!((&first.key, first.id) < (&key, id), "{key:?}");
                assert!((&key, id) < (&last.key, last.id), "{key:?}");
            }
        }
    }
}
