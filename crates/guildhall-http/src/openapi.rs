//! The OpenAPI document: what the handlers say of themselves, and what holds for every route.
//!
//! A handler declares its path, its request, its 200 and the refusals that only it knows. The rest (keys, ids, bodies,
//! revisions, idempotency, overload) follows from the shape of the operation and is added here, once.

use std::collections::BTreeMap;

use guildhall_types::dry_run::DryRun;
use guildhall_types::ids::{DeploymentId, ImageId, MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::{ErrorCode, Problem};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

/// The head of the document, and the shapes that no handler names.
#[derive(Debug, OpenApi)]
#[openapi(components(schemas(
    DryRun,
    Problem,
    DeploymentId,
    ImageId,
    MemberId,
    OrganizationId,
    RoleId,
    UserId
)))]
struct Frame;

const INTRODUCTION: &str = "Organizations, their members, roles and permissions.\n\n\
    Send an API key as `Authorization: Bearer ghk_…`. Every success has the status 200; every refusal is one JSON \
    object, a `Problem`, with a stable `code`. Ids are decimal strings of at most 2^53-1. Lists are paged by \
    `limit` and `offset`, or by `cursor`. Every change takes an `Idempotency-Key` and an `If-Match`, and answers \
    the header `guildhall-revision`; with `?dry_run=true` it tells what it would do, and does nothing.";

/// The document that the routes are added to.
pub(crate) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}

/// Completes the document.
pub(crate) fn finish(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    set(&mut document, "openapi", json!("3.1.0"));
    set(
        &mut document,
        "info",
        json!({
            "title": "Guildhall",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        }),
    );
    set(&mut document, "security", json!([{ "api_key": [] }]));
    let scheme =
        json!({ "type": "http", "scheme": "bearer", "description": "an API key, `ghk_…`" });
    if let Some(components) = document.get_mut("components") {
        set(components, "securitySchemes", json!({ "api_key": scheme }));
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                complete(method, path, operation);
            }
        }
    }
    document
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn complete(method: &str, path: &str, operation: &mut Map<String, Value>) {
    let changes = changes(method, path);
    let single = !changes && path.contains('{') && is_single(operation);
    let noun = operation
        .get("tags")
        .and_then(|tags| tags.get(0))
        .and_then(Value::as_str);
    let name = operation
        .get("operationId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let id = format!("{}_{name}", noun.unwrap_or_default());
    operation.insert("operationId".to_owned(), json!(id));
    parameters(operation, changes, single);
    let codes = codes(method, path, operation);
    let Some(responses) = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    if let Some(success) = responses.get_mut("200") {
        set(success, "headers", success_headers(changes, single));
        if changes {
            or_a_dry_run(success);
        }
        if success
            .get("description")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            set(success, "description", json!("done"));
        }
    }
    if single {
        let description = "the caller has this revision already (`If-None-Match`)";
        responses.insert("304".to_owned(), json!({ "description": description }));
    }
    for (status, codes) in codes {
        responses.insert(status.to_string(), refusal(&codes));
    }
}

/// Whether the operation changes something. What is asked about access is asked in a body.
fn changes(method: &str, path: &str) -> bool {
    method != "get" && !path.starts_with("/access/")
}

/// Whether the operation answers one object with a revision of its own, not a page or a file.
fn is_single(operation: &Map<String, Value>) -> bool {
    let schema = operation
        .get("responses")
        .and_then(|responses| responses.pointer("/200/content/application~1json/schema/$ref"));
    schema
        .and_then(Value::as_str)
        .is_some_and(|name| name.ends_with("Details"))
}

/// Beside what the change answers, what it answers when it is only tried.
fn or_a_dry_run(success: &mut Value) {
    if let Some(schema) = success.pointer_mut("/content/application~1json/schema") {
        let (answer, tried) = (
            schema.take(),
            json!({ "$ref": "#/components/schemas/DryRun" }),
        );
        *schema = json!({ "anyOf": [answer, tried] });
    }
}

fn parameters(operation: &mut Map<String, Value>, changes: bool, single: bool) {
    let header = |name: &str, description: &str, example: &str| {
        json!({
            "name": name, "in": "header", "required": false, "description": description,
            "schema": { "type": "string" }, "example": example,
        })
    };
    let query = |name: &str, description: &str, schema: Value| {
        json!({
            "name": name, "in": "query", "required": false, "description": description, "schema": schema,
        })
    };
    let added = if changes {
        vec![
            query(
                "dry_run",
                "`true` tells what the change would do, and does nothing",
                json!({ "type": "boolean", "default": false }),
            ),
            query(
                "limit",
                "of a dry run: how many members a page has",
                json!({ "type": "integer", "format": "int64", "minimum": 1 }),
            ),
            query(
                "cursor",
                "of a dry run: where the page before ended",
                json!({ "type": "string" }),
            ),
            header(
                "Idempotency-Key",
                "a repeated request with the same key gets the answer of the first, for 24 hours",
                "8e03978e-40d5-43e8-bc93-6894a57f9324",
            ),
            header(
                "If-Match",
                "the change is made only at this revision, as in `ETag`; otherwise 412",
                "*",
            ),
        ]
    } else if single {
        let description = "answers 304 if the object is still at this revision, as in `ETag`";
        vec![header(
            "If-None-Match",
            description,
            "\"59392107315200001@7\"",
        )]
    } else {
        Vec::new()
    };
    if let Some(known) = operation
        .entry("parameters")
        .or_insert_with(|| json!([]))
        .as_array_mut()
    {
        known.extend(added);
    }
}

fn success_headers(changes: bool, single: bool) -> Value {
    let text =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    let mut headers = json!({ "X-Request-Id": text("the request, as in the server's log") });
    if changes || single {
        set(&mut headers, "ETag", text("the revision in double quotes"));
        set(
            &mut headers,
            "guildhall-revision",
            text("the revision: `<stream id>@<number>`"),
        );
    }
    if changes {
        let description =
            "`true` when the answer was given before, under the same `Idempotency-Key`";
        set(&mut headers, "idempotent-replayed", text(description));
    }
    headers
}

/// The codes that the operation can answer, by status.
fn codes(
    method: &str,
    path: &str,
    operation: &Map<String, Value>,
) -> BTreeMap<u16, Vec<ErrorCode>> {
    let body = operation
        .get("requestBody")
        .map(Value::to_string)
        .unwrap_or_default();
    let declared = operation
        .get("responses")
        .map(Value::to_string)
        .unwrap_or_default();
    let paged = operation
        .get("parameters")
        .is_some_and(|all| all.to_string().contains("\"cursor\""));
    let mut codes = vec![ErrorCode::Internal, ErrorCode::Overloaded];
    if operation.get("security").is_none() {
        codes.extend([ErrorCode::Unauthenticated, ErrorCode::RateLimited]);
    }
    if paged {
        codes.extend([ErrorCode::InvalidRequest, ErrorCode::InvalidCursor]);
    }
    codes.extend(of_path(method, path));
    if !body.is_empty() {
        codes.extend(of_body(&body));
    }
    if changes(method, path) {
        codes.extend(of_change(method, &body));
    }
    let named = |code: &&ErrorCode| declared.contains(&format!("`{}`", code.word()));
    codes.extend(ErrorCode::ALL.iter().filter(named));
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes {
        let group = by_status.entry(code.status()).or_default();
        if !group.contains(&code) {
            group.push(code);
        }
    }
    by_status
}

/// What follows from the ids in the path.
fn of_path(method: &str, path: &str) -> Vec<ErrorCode> {
    let found = [
        ("{", ErrorCode::InvalidId),
        ("{organization_id}", ErrorCode::OrganizationNotFound),
        ("{member_id}", ErrorCode::MemberNotFound),
        ("{role_id}", ErrorCode::RoleNotFound),
        ("{user_id}", ErrorCode::UserNotFound),
        ("{image_id}", ErrorCode::ImageNotFound),
    ];
    let mut codes: Vec<ErrorCode> = found
        .into_iter()
        .filter(|(part, _)| path.contains(part))
        .map(|(_, code)| code)
        .collect();
    if method == "delete" && path.contains("{member_id}/roles") {
        codes.push(ErrorCode::RoleNotAssigned);
    }
    codes
}

/// What follows from a body.
fn of_body(body: &str) -> Vec<ErrorCode> {
    let mut codes = vec![
        ErrorCode::InvalidRequest,
        ErrorCode::MalformedBody,
        ErrorCode::RequestTimeout,
        ErrorCode::BodyTooLarge,
    ];
    // AuthZEN knows one status for every request that is not well formed.
    if !body.contains("Authzen") {
        codes.push(ErrorCode::UnsupportedMediaType);
    }
    codes
}

/// What follows from changing something, and from the body that says how.
fn of_change(method: &str, body: &str) -> Vec<ErrorCode> {
    let mut codes = vec![
        ErrorCode::InvalidRequest,
        ErrorCode::ReadOnlyKey,
        ErrorCode::RequestTimeout,
        ErrorCode::IdempotencyInFlight,
        ErrorCode::RevisionMismatch,
        ErrorCode::BodyTooLarge,
        ErrorCode::IdempotencyKeyReused,
        ErrorCode::StorageUnavailable,
    ];
    let found = [
        ("multipart/form-data", ErrorCode::InvalidImage),
        ("AddMember", ErrorCode::UserNotFound),
        ("AddMember", ErrorCode::RoleNotFound),
        ("UpdateMember", ErrorCode::RoleNotFound),
        ("NewUserFields", ErrorCode::PasswordNotSupported),
    ];
    codes.extend(
        found
            .into_iter()
            .filter(|(part, _)| body.contains(part))
            .map(|(_, code)| code),
    );
    // A member may be updated with nothing: the Rust SDK does so.
    if method == "patch" && !body.contains("UpdateMember") {
        codes.push(ErrorCode::NothingToUpdate);
    }
    codes
}

fn refusal(codes: &[ErrorCode]) -> Value {
    let words: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`", code.word()))
        .collect();
    let examples: Map<String, Value> = codes
        .iter()
        .map(|code| {
            let problem = Problem::new(
                *code,
                code.title().to_owned(),
                Vec::new(),
                "4f1c9a".to_owned(),
            );
            (
                code.word().to_owned(),
                json!({ "summary": code.title(), "value": problem }),
            )
        })
        .collect();
    json!({
        "description": words.join(", "),
        "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "examples": examples,
        } },
    })
}
