//! What answers must look like, and what refusals must say to both SDKs.

use std::fmt::Debug;

use serde_json::{Value, json};
use wacht::Error;
use wacht::models::OrganizationRole;

/// Ids are decimal strings that a JavaScript number holds exactly.
pub fn assert_id(id: &str) {
    let number: u64 = id.parse().expect("an id is a decimal number");
    assert!(
        (1..1 << 53).contains(&number),
        "{id} does not fit a JavaScript number"
    );
    assert_eq!(number.to_string(), id);
}

/// Timestamps are UTC with microseconds: `2025-01-02T03:04:05.123456Z`.
pub fn assert_timestamp(text: &str) {
    let form: String = text
        .chars()
        .map(|character| {
            if character.is_ascii_digit() {
                '0'
            } else {
                character
            }
        })
        .collect();
    assert_eq!(form, "0000-00-00T00:00:00.000000Z", "{text}");
}

pub fn names(roles: &[OrganizationRole]) -> Vec<&str> {
    roles.iter().map(|role| role.name.as_str()).collect()
}

/// The whole error object of a refusal with this status and code.
pub fn refusal<T: Debug>(result: Result<T, Error>, status: u16, code: &str) -> Value {
    let error = result.expect_err("this must be refused");
    assert_eq!(
        error.status_code().map(|status| status.as_u16()),
        Some(status),
        "{error}"
    );
    assert_eq!(
        error.is_authentication_error(),
        status == 401 || status == 403
    );
    assert_eq!(error.is_retryable(), status == 429 || status >= 500);
    let Error::Api {
        message,
        details: Some(details),
        ..
    } = error
    else {
        panic!("the body of a refusal is JSON: {error}");
    };
    assert_eq!(details["code"], code, "{message}");
    assert_eq!(details["status"], status);
    let text = details["message"].as_str().expect("a message");
    assert!(!text.is_empty());
    assert_eq!(
        details["errors"],
        json!([{ "message": text, "code": status }])
    );
    assert_eq!(
        details["error"],
        json!({ "code": code, "message": text, "status": status })
    );
    // What a user of the SDK sees: what was tried, then the whole body.
    assert!(message.starts_with("Failed to "), "{message}");
    assert!(message.contains(text), "{message}");
    details
}

pub fn not_found<T: Debug>(result: Result<T, Error>, what: &str) {
    refusal(result, 404, &format!("{what}_not_found"));
}

pub fn conflict<T: Debug>(result: Result<T, Error>, code: &str) {
    refusal(result, 409, code);
}

/// A refusal that names this field and no other.
pub fn invalid<T: Debug>(result: Result<T, Error>, field: &str) {
    let details = refusal(result, 400, "invalid_request");
    assert_eq!(fields(&details), [field], "{details}");
}

/// The fields that a refusal names, without the position in a list.
pub fn fields(error: &Value) -> Vec<&str> {
    let named = error["details"]["fields"]
        .as_array()
        .expect("details.fields is a list");
    assert!(named.iter().all(|field| {
        field["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    }));
    let mut fields: Vec<&str> = named
        .iter()
        .filter_map(|field| field["field"].as_str())
        .map(|field| field.split('.').next().unwrap_or(field))
        .collect();
    fields.dedup();
    fields
}
