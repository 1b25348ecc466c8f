//! Fields of requests that several nouns share.

pub(crate) use guildhall_types::Patch;
use guildhall_types::{FieldError, JsonObject, Timestamp};

use guildhall_types::limits::SEARCH_CHARS_MAX;

use crate::images::{self, ImagePatch};
use crate::normalise;
use crate::refusal::Refusal;

/// A metadata field: absent or blank is left alone, `null` is `{}` (wire contract, sections 1.5 and 5.2).
pub(crate) fn metadata(field: &str, raw: Option<&str>) -> Result<Option<JsonObject>, FieldError> {
    let Some(text) = raw.filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let fault = |error: guildhall_types::json::InvalidJsonObject| FieldError {
        field: field.to_owned(),
        message: error.to_string(),
    };
    JsonObject::parse(text).map(Some).map_err(fault)
}

/// An optional field of a new object: absent and empty are the same.
pub(crate) fn optional<T>(
    raw: Option<&str>,
    check: impl FnOnce(&str) -> Result<T, FieldError>,
) -> Result<Option<T>, FieldError> {
    raw.filter(|text| !text.is_empty()).map(check).transpose()
}

/// An optional field of an update: absent leaves it, empty clears it.
pub(crate) fn optional_patch<T>(
    raw: Option<&str>,
    check: impl FnOnce(&str) -> Result<T, FieldError>,
) -> Result<Patch<T>, FieldError> {
    match raw {
        None => Ok(Patch::Keep),
        Some("") => Ok(Patch::Clear),
        Some(text) => check(text).map(Patch::Set),
    }
}

/// A boolean of a form: the words `true` and `false`; blank is absent.
pub(crate) fn boolean(field: &str, raw: Option<&str>) -> Result<Option<bool>, FieldError> {
    match raw.map(str::trim) {
        None | Some("") => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(FieldError {
            field: field.to_owned(),
            message: "must be `true` or `false`".to_owned(),
        }),
    }
}

/// An end must lie ahead: what has ended already was meant otherwise.
pub(crate) fn future(
    field: &str,
    end: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), FieldError> {
    if end.is_none_or(|end| end > now) {
        return Ok(());
    }
    Err(FieldError {
        field: field.to_owned(),
        message: format!("must be in the future; by the server's clock it is `{now}`"),
    })
}

/// What an update does with an image: `remove` wins over an upload (wire contract, section 5.4).
pub(crate) fn image_patch(
    field: &str,
    remove: Option<bool>,
    upload: Option<Vec<u8>>,
) -> Result<ImagePatch, Refusal> {
    if remove == Some(true) {
        return Ok(ImagePatch::Remove);
    }
    Ok(images::prepare(field, upload)?.map_or(ImagePatch::Keep, ImagePatch::Set))
}

/// The folded form of a search text; blank is no search.
pub(crate) fn search_key(raw: Option<&str>) -> Result<Option<String>, FieldError> {
    let Some(text) = raw.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > SEARCH_CHARS_MAX {
        return Err(FieldError {
            field: "search".to_owned(),
            message: format!("must be at most {SEARCH_CHARS_MAX} characters"),
        });
    }
    Ok(Some(normalise::fold(text)))
}
