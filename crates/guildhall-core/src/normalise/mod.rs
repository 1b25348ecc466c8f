//! One spelling for each text: what is stored, compared, ordered and searched is decided here and not by the database, so
//! that both engines agree.
//!
//! Checks take what was sent and give what is stored, or say what is wrong with the field, naming the limit.

mod contact;
mod names;
mod text;

pub(crate) use contact::{Email, Phone, email, phone};
pub(crate) use names::{external_id, name, permission, permission_asked, slug, text, username};
pub(crate) use text::{fold, like_pattern};

use guildhall_types::FieldError;

fn fault(field: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.into(),
    }
}
