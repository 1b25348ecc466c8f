//! Pages: what every list has in common.

use guildhall_types::limits::OFFSET_MAX;
use guildhall_types::{ErrorCode, Page};

use crate::cursor::{Binding, Cursor};
use crate::refusal::Refusal;

/// The direction of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Smallest or oldest first.
    Ascending,
    /// Largest or newest first.
    #[default]
    Descending,
}

impl Order {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }
}

/// Items of a page that is still read like a single object.
const SHORT_LIMIT_MAX: u32 = 100;

/// How much work a read may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A few rows, found by an index.
    Short,
    /// Perhaps many.
    Long,
}

/// Which page of a list is wanted.
#[derive(Clone, Debug)]
pub struct PageRequest {
    pub(crate) limit: u32,
    pub(crate) offset: i64,
    pub(crate) order: Order,
    cursor: Option<String>,
}

/// The limits of one list.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// Items of a page when the caller names no number.
    pub default: u32,
    /// Items of a page at most; a larger number is cut to it.
    pub max: u32,
}

impl PageRequest {
    /// Checks what the caller asked for: `limit` at least 1, `offset` at least 0, and not both an offset and a cursor.
    pub fn new(
        limits: PageLimits,
        limit: Option<i64>,
        offset: Option<i64>,
        cursor: Option<String>,
        order: Order,
    ) -> Result<Self, Refusal> {
        let limit = limit
            .unwrap_or_else(|| i64::from(limits.default))
            .min(i64::from(limits.max));
        let limit = u32::try_from(limit)
            .ok()
            .filter(|limit| *limit > 0)
            .ok_or_else(|| {
                Refusal::field(ErrorCode::InvalidRequest, "limit", "must be at least 1")
            })?;
        let offset = offset.unwrap_or_default();
        if !u64::try_from(offset).is_ok_and(|offset| offset <= OFFSET_MAX) {
            let message = format!("must be 0 to {OFFSET_MAX}; page with `cursor` to go further");
            return Err(Refusal::field(ErrorCode::InvalidRequest, "offset", message));
        }
        if offset > 0 && cursor.is_some() {
            return Err(Refusal::field(
                ErrorCode::InvalidRequest,
                "cursor",
                "cannot be combined with `offset`",
            ));
        }
        Ok(Self {
            limit,
            offset,
            order,
            cursor,
        })
    }

    /// How much work the page is, given whether the list stands in this order in an index and has no filter.
    pub(crate) fn effort(&self, indexed: bool) -> Effort {
        if indexed && self.offset == 0 && self.limit <= SHORT_LIMIT_MAX {
            Effort::Short
        } else {
            Effort::Long
        }
    }

    /// The place that the caller's cursor names.
    pub(crate) fn cursor(
        &self,
        binding: impl FnOnce() -> Binding,
    ) -> Result<Option<Cursor>, Refusal> {
        self.cursor
            .as_deref()
            .map(|text| Cursor::decode(text, binding()))
            .transpose()
    }

    /// The page made of rows that were found elsewhere than in one statement; one more than the page has tells that others
    /// follow.
    pub(crate) fn page<T>(
        &self,
        mut rows: Vec<T>,
        total: u64,
        binding: Binding,
        cursor: impl FnOnce(&T) -> Cursor,
    ) -> Page<T> {
        let has_more = rows.len() > self.limit as usize;
        rows.truncate(self.limit as usize);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|last| cursor(last).encode(binding));
        self.filled(rows, total, has_more, next_cursor)
    }

    /// The page with these items.
    pub(crate) fn filled<T>(
        &self,
        data: Vec<T>,
        total: u64,
        has_more: bool,
        next_cursor: Option<String>,
    ) -> Page<T> {
        Page {
            data,
            total,
            limit: u64::from(self.limit),
            offset: u64::try_from(self.offset).unwrap_or_default(),
            has_more,
            next_cursor,
        }
    }

    /// The page of a list with at most one item.
    pub(crate) fn page_of_one<T>(&self, item: Option<T>) -> Page<T> {
        let total = u64::from(item.is_some());
        let data: Vec<T> = item
            .into_iter()
            .filter(|_| self.offset == 0 && self.cursor.is_none())
            .collect();
        self.filled(data, total, false, None)
    }
}
