//! The one envelope of every list (wire contract, section 2).

use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items of this page.
    pub data: Vec<T>,
    /// How many items match the filters, over all pages.
    pub total: u64,
    /// The page size in force, after capping.
    pub limit: u64,
    /// How many items stand before this page; 0 when the page was asked for by cursor.
    pub offset: u64,
    /// Whether items follow this page.
    pub has_more: bool,
    /// What to send as `cursor` for the page that follows; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The page of a list that is always given whole.
    pub fn whole(data: Vec<T>) -> Self {
        let total = data.len() as u64;
        Self {
            data,
            total,
            limit: total.max(1),
            offset: 0,
            has_more: false,
            next_cursor: None,
        }
    }
}

impl<T> Page<T> {
    /// The same page with other items.
    pub fn map<U>(self, mut item: impl FnMut(T) -> U) -> Page<U> {
        self.replace(|data| data.into_iter().map(&mut item).collect())
    }

    /// The same page with other items; the first error ends it.
    pub fn try_map<U, E>(self, mut item: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let (data, rest) = self.split();
        let data = data.into_iter().map(&mut item).collect::<Result<_, E>>()?;
        Ok(rest.replace(|_: Vec<()>| data))
    }

    fn split(self) -> (Vec<T>, Page<()>) {
        let mut data = Vec::new();
        let rest = self.replace(|items| {
            data = items;
            Vec::new()
        });
        (data, rest)
    }

    fn replace<U>(self, data: impl FnOnce(Vec<T>) -> Vec<U>) -> Page<U> {
        let Self {
            data: items,
            total,
            limit,
            offset,
            has_more,
            next_cursor,
        } = self;
        Page {
            data: data(items),
            total,
            limit,
            offset,
            has_more,
            next_cursor,
        }
    }
}
