//! The Authorization API 1.0 of the AuthZEN working group, on the same engine.
//!
//! [`mapping`] says what the words of the specification mean here; this is where they are spoken.

mod batch;
mod evaluation;
pub mod mapping;
mod people;
mod schemas;
mod search;
mod system;

use axum::extract::{FromRequest, Request};
use guildhall_core::access::{Access, Freshness};
use guildhall_types::ErrorCode;
use guildhall_types::ids::OrganizationId;

use super::question::{self, Question};
use super::{refuse, stranger};
use crate::change::invalid_field;
use crate::problem::ProblemResponse;

pub(crate) use batch::{__path_evaluations, evaluations};
pub(crate) use evaluation::{__path_evaluation, evaluation};
pub(crate) use search::{
    __path_search_action, __path_search_resource, __path_search_subject, search_action,
    search_resource, search_subject,
};
pub(crate) use system::{__path_configuration, configuration};

/// A question in the manner of AuthZEN: whatever is wrong with the form of it has the status 400.
#[derive(Clone, Debug)]
pub(crate) struct AuthzenQuestion(pub(crate) Question);

impl<S: Sync> FromRequest<S> for AuthzenQuestion {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, _: &S) -> Result<Self, ProblemResponse> {
        question::read(request, ErrorCode::MalformedBody)
            .await
            .map(Self)
    }
}

/// Refuses to be as fresh as something else is.
fn concerned(
    access: &Access,
    organization: OrganizationId,
    freshness: Freshness,
) -> Result<(), ProblemResponse> {
    let concerns = |revision| access.concerns(organization, revision);
    if freshness.at_least.is_none_or(concerns) {
        Ok(())
    } else {
        Err(refuse(stranger("context.at_least")))
    }
}

/// The same where no organization is named.
fn concerned_all(access: &Access, freshness: Freshness) -> Result<(), ProblemResponse> {
    let concerns = |revision| access.concerns_all(revision);
    if freshness.at_least.is_none_or(concerns) {
        Ok(())
    } else {
        let message = "must be a revision of the deployment: no one organization is asked about";
        Err(invalid_field("context.at_least", message))
    }
}
