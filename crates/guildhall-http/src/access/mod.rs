//! Access: may this user do this here, why, and who else.

mod answer;
pub mod authzen;
mod check;
mod explain;
mod lists;
mod question;

use guildhall_core::access::{Demanded, Freshness};
use guildhall_types::FieldError;
use guildhall_types::access::AccessCheck;

use crate::change::invalid_field;
use crate::problem::ProblemResponse;

pub(crate) use check::{__path_check, __path_check_batch, check, check_batch};
pub(crate) use explain::{__path_explain, explain};
pub(crate) use lists::{
    __path_holders, __path_organizations, __path_permissions, holders, organizations, permissions,
};

fn refuse(fault: FieldError) -> ProblemResponse {
    invalid_field(&fault.field, fault.message)
}

/// What a check demands, and how fresh its answer must be.
fn terms(check: AccessCheck<'_>) -> Result<(Demanded<'_>, Freshness), ProblemResponse> {
    let demanded = Demanded::check("permission", check.permission, check.mode).map_err(refuse)?;
    let freshness = Freshness {
        consistency: check.consistency.unwrap_or_default(),
        at_least: check.at_least,
    };
    Ok((demanded, freshness))
}

/// The fault of a revision that no answer can be at.
fn stranger(field: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: "must be a revision of the organization that is asked about, or of the deployment"
            .to_owned(),
    }
}
