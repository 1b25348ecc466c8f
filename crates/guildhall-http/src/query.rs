//! Query strings. Parameters that a route does not know are ignored (wire contract, section 1.3).

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use guildhall_core::{Order, PageLimits, PageRequest};
use guildhall_types::ErrorCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::change::invalid_field;
use crate::problem::ProblemResponse;

/// The query string of a list.
#[derive(Clone, Debug)]
pub(crate) struct ListQuery<F, P = Paging> {
    pub(crate) paging: P,
    pub(crate) filter: F,
}

/// What every list takes.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// How many items a page has; a larger number than the list allows is cut.
    #[param(value_type = Option<u64>, minimum = 1)]
    limit: Option<String>,
    /// How many items to skip. Far into a list, `cursor` is the faster way.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 10_000_000)]
    offset: Option<String>,
    /// Where the page before ended: its `next_cursor`. Cannot be combined with `offset`.
    cursor: Option<String>,
    /// What the list is ordered by; an unknown word stands for `created_at`.
    pub(crate) sort_key: Option<String>,
    /// `asc` or `desc`, which is the default.
    pub(crate) sort_order: Option<String>,
}

/// What a list takes that has one order and is too long for an offset.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CursorPaging {
    /// How many items a page has; a larger number than the list allows is cut.
    #[param(value_type = Option<u64>, minimum = 1)]
    limit: Option<String>,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

impl CursorPaging {
    /// The page that is asked for.
    pub(crate) fn request(&self, limits: PageLimits) -> Result<PageRequest, ProblemResponse> {
        let limit = number("limit", self.limit.as_deref())?;
        by_cursor(limits, limit, self.cursor.clone())
    }
}

impl Paging {
    /// The page that is asked for.
    pub(crate) fn request(&self, limits: PageLimits) -> Result<PageRequest, ProblemResponse> {
        let ascending = self
            .sort_order
            .as_deref()
            .is_some_and(|order| order.eq_ignore_ascii_case("asc"));
        let order = if ascending {
            Order::Ascending
        } else {
            Order::Descending
        };
        let (limit, offset) = (
            number("limit", self.limit.as_deref())?,
            number("offset", self.offset.as_deref())?,
        );
        let cursor = self.cursor.clone().filter(|cursor| !cursor.is_empty());
        Ok(PageRequest::new(limits, limit, offset, cursor, order)?)
    }
}

/// A page of what has one order and no offset; a blank cursor is absent.
pub(crate) fn by_cursor(
    limits: PageLimits,
    limit: Option<i64>,
    cursor: Option<String>,
) -> Result<PageRequest, ProblemResponse> {
    let cursor = cursor.filter(|cursor| !cursor.is_empty());
    let request = PageRequest::new(limits, limit, None, cursor, Order::Ascending)?;
    Ok(request)
}

/// A whole number; blank is absent.
pub(crate) fn number(field: &str, raw: Option<&str>) -> Result<Option<i64>, ProblemResponse> {
    let Some(text) = raw.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let number = text.parse::<i64>();
    number
        .map(Some)
        .map_err(|_| invalid_field(field, "must be a whole number of 64 bits"))
}

/// An id in a query string; blank is absent.
pub(crate) fn id<Id: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    raw: Option<&str>,
) -> Result<Option<Id>, ProblemResponse> {
    let Some(text) = raw.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|error: Id::Err| invalid_field(field, error.to_string()))
}

impl<S, F, P> FromRequestParts<S> for ListQuery<F, P>
where
    S: Send + Sync,
    F: DeserializeOwned + Send,
    P: DeserializeOwned + Send,
{
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let malformed = || {
            let message =
                "the query string is not valid: each parameter may be there once, in UTF-8";
            ProblemResponse::new(ErrorCode::InvalidRequest, message)
        };
        // PostgreSQL cannot hold U+0000 in a text.
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            let message = "the query string must not contain the character U+0000";
            return Err(ProblemResponse::new(ErrorCode::InvalidRequest, message));
        }
        let paging = Query::<P>::from_request_parts(parts, state).await;
        let filter = Query::<F>::from_request_parts(parts, state).await;
        let (Query(paging), Query(filter)) = (
            paging.map_err(|_| malformed())?,
            filter.map_err(|_| malformed())?,
        );
        Ok(Self { paging, filter })
    }
}
