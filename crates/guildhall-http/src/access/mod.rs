//! Access: may this user do this here, why, and who else.

mod answer;
pub mod authzen;
mod check;
mod explain;
mod lists;
mod question;

use guildhall_types::FieldError;

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

/// The fault of a revision that no answer can be at.
fn stranger(field: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: "must be a revision of the organization that is asked about, or of the deployment"
            .to_owned(),
    }
}
