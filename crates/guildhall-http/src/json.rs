//! JSON bodies.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use guildhall_types::limits::JSON_DEPTH_MAX;
use guildhall_types::{ErrorCode, json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::change::{Content, invalid_field};
use crate::problem::ProblemResponse;

/// A body of JSON; fields that the route does not know are ignored.
#[derive(Clone, Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> Content for Json<T> {
    async fn read(
        headers: &HeaderMap,
        body: Bytes,
        hash: &mut Sha256,
    ) -> Result<Self, ProblemResponse> {
        require_json(headers, ErrorCode::UnsupportedMediaType)?;
        hash.update(&body);
        parse(&body).map(Self)
    }
}

/// Refuses, with this code, a body that is not declared as JSON.
pub(crate) fn require_json(headers: &HeaderMap, code: ErrorCode) -> Result<(), ProblemResponse> {
    if is_json(headers) {
        return Ok(());
    }
    let message = "send the body as `content-type: application/json`";
    Err(ProblemResponse::new(code, message))
}

/// A body of JSON that may be absent, or null: then it is what an empty object would be.
#[derive(Clone, Debug)]
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default + Send> Content for OptionalJson<T> {
    async fn read(
        headers: &HeaderMap,
        body: Bytes,
        hash: &mut Sha256,
    ) -> Result<Self, ProblemResponse> {
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        let Json(value) = Json::<Option<T>>::read(headers, body, hash).await?;
        Ok(Self(value.unwrap_or_default()))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = declared
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Reads a body that is a JSON object; what it reads may borrow from the body.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ProblemResponse> {
    let malformed = |message: String| ProblemResponse::new(ErrorCode::MalformedBody, message);
    let text =
        std::str::from_utf8(body).map_err(|_| malformed("the body is not UTF-8".to_owned()))?;
    if json::depth(text) > JSON_DEPTH_MAX {
        let message = format!("the body may be nested at most {JSON_DEPTH_MAX} levels deep");
        return Err(malformed(message));
    }
    // Structs can be read from arrays too, field by field; nobody means that.
    if text.trim_start().starts_with('[') {
        return Err(invalid_field("body", "must be a JSON object"));
    }
    // Keeping the path of every field costs as much as reading it: only a refusal needs the path.
    serde_json::from_str(text).map_err(|error| explain::<T>(text, &error))
}

/// What is wrong with a text that could not be read.
fn explain<'a, T: Deserialize<'a>>(text: &'a str, found: &serde_json::Error) -> ProblemResponse {
    let malformed = |error: &_| ProblemResponse::new(ErrorCode::MalformedBody, syntax(error));
    let mut source = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, T>(&mut source) {
        Ok(_) => malformed(found),
        Err(error) => {
            let path = dotted(&error.path().to_string());
            let error = error.into_inner();
            if error.is_data() {
                misfit(&path, &error)
            } else {
                malformed(&error)
            }
        }
    }
}

/// The path of a field as all errors write it: `role_ids.1` for `role_ids.1`.
fn dotted(path: &str) -> String {
    path.replace('[', ".").replace(']', "")
}

fn syntax(error: &serde_json::Error) -> String {
    format!(
        "the body is not valid JSON at line {}, column {}",
        error.line(),
        error.column()
    )
}

/// Well-formed JSON of another shape: the field, and what is wrong with it in the words of the parser.
fn misfit(path: &str, error: &serde_json::Error) -> ProblemResponse {
    let text = error.to_string();
    let reason = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(reason, _)| reason);
    if let Some(field) = reason
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        let field = match path {
            "." => field.to_owned(),
            path => format!("{path}.{field}"),
        };
        return invalid_field(&field, "is missing");
    }
    let field = if path == "." { "body" } else { path };
    // What is a struct or an option to us is an object to the caller.
    let reason = [" expected struct ", " expected option"]
        .iter()
        .find_map(|name| reason.split_once(name))
        .map_or_else(
            || reason.to_owned(),
            |(found, _)| format!("{found} expected a JSON object"),
        );
    invalid_field(field, format!("has the wrong type or value: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_types::members::AddMember;

    fn refusal(body: &str) -> ProblemResponse {
        parse::<AddMember>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(refusal("{").code(), ErrorCode::MalformedBody);
        assert_eq!(refusal("{} x").code(), ErrorCode::InvalidRequest);
        assert_eq!(refusal("{}").message(), "`user_id` is missing");
        assert!(
            refusal(r#"{"user_id": true}"#)
                .message()
                .starts_with("`user_id` has the wrong type")
        );
        assert!(
            refusal(r#"{"user_id": "7", "role_ids": ["1", {}]}"#)
                .message()
                .starts_with("`role_ids.1`")
        );
        assert_eq!(
            refusal("[\"7\", null, null]").message(),
            "`body` must be a JSON object"
        );
        assert_eq!(
            refusal(&"[".repeat(100_000)).code(),
            ErrorCode::MalformedBody
        );
    }
}
