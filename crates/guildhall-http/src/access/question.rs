//! The body of a question: it changes nothing, so any key may ask, and nothing is kept of it.

use axum::RequestExt;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use guildhall_types::ErrorCode;
use serde::Deserialize;

use crate::body::{self, BodyLimits};
use crate::change::Caller;
use crate::json;
use crate::problem::ProblemResponse;

/// A question, as it came: what is read from it borrows from here.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) caller: Caller,
    pub(crate) body: Bytes,
}

impl Question {
    /// What is asked.
    pub(crate) fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ProblemResponse> {
        json::parse(&self.body)
    }
}

impl<S: Sync> FromRequest<S> for Question {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, _: &S) -> Result<Self, ProblemResponse> {
        read(request, ErrorCode::UnsupportedMediaType).await
    }
}

/// Reads a question; `undeclared` is the code for a body that is not declared as JSON.
pub(super) async fn read(
    mut request: Request,
    undeclared: ErrorCode,
) -> Result<Question, ProblemResponse> {
    let caller = request.extract_parts::<Caller>().await?;
    let (parts, body) = request.into_parts();
    json::require_json(&parts.headers, undeclared)?;
    let limits = BodyLimits::of(&parts.extensions);
    let body = body::read(body, limits).await?;
    Ok(Question { caller, body })
}
