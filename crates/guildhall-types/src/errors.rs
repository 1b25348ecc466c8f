//! The one error object: what every answer that is not a success carries.
//!
//! It is the union of what both published SDKs and the vendor's documents read (wire contract, section 3.1)
//! and at the same time a valid problem of RFC 9457.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $status:literal, $title:literal;)+) => {
        /// Every reason for a refusal, with the HTTP status that it has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable word on the wire.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)+
                }
            }

            /// A short sentence for people, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }
        }
    };
}

codes! {
    /// A field is missing, of the wrong type, or breaks a rule; `details.fields` names it.
    InvalidRequest = "invalid_request", 400, "the request is not valid";
    /// The body is not JSON, or not the kind of form that the route takes.
    MalformedBody = "malformed_body", 400, "the body cannot be read";
    /// An id in the path is not a positive decimal integer.
    InvalidId = "invalid_id", 400, "the id in the path is not valid";
    /// A change that names no field to change.
    NothingToUpdate = "nothing_to_update", 400, "the request changes nothing";
    /// The cursor was not made by this list with these filters.
    InvalidCursor = "invalid_cursor", 400, "the cursor does not belong to this list";
    /// The file is not an image of an accepted kind and size.
    InvalidImage = "invalid_image", 400, "the image cannot be accepted";
    /// Guildhall keeps no passwords.
    PasswordNotSupported = "password_not_supported", 400, "passwords belong to the identity provider";
    /// No key, or one that is unknown, revoked or expired.
    Unauthenticated = "unauthenticated", 401, "the API key is missing or not valid";
    /// The key may only read.
    ReadOnlyKey = "read_only_key", 403, "the API key may only read";
    /// The organization has as many members as it may have.
    SeatLimitReached = "seat_limit_reached", 403, "the organization has no free seat";
    /// No organization of the deployment has this id.
    OrganizationNotFound = "organization_not_found", 404, "no such organization";
    /// No member of the organization has this id.
    MemberNotFound = "member_not_found", 404, "no such member";
    /// No role that fits has this id.
    RoleNotFound = "role_not_found", 404, "no such role";
    /// The member does not hold the role.
    RoleNotAssigned = "role_not_assigned", 404, "the member does not hold the role";
    /// No user of the deployment has this id.
    UserNotFound = "user_not_found", 404, "no such user";
    /// No image has this name.
    ImageNotFound = "image_not_found", 404, "no such image";
    /// No route has this path.
    RouteNotFound = "route_not_found", 404, "no such route";
    /// The path exists, but not with this method.
    MethodNotAllowed = "method_not_allowed", 405, "the route does not take this method";
    /// The client took too long to send its request.
    RequestTimeout = "request_timeout", 408, "the request took too long to arrive";
    /// The user is a member already.
    MemberExists = "member_exists", 409, "the user is a member already";
    /// The organization has a role of this name.
    RoleNameTaken = "role_name_taken", 409, "the name of the role is taken";
    /// The organization has as many roles as it may have.
    RoleLimitReached = "role_limit_reached", 409, "the organization has too many roles";
    /// Another organization of the deployment has this slug.
    SlugTaken = "slug_taken", 409, "the slug is taken";
    /// Another organization or user of the deployment has this external id.
    ExternalIdTaken = "external_id_taken", 409, "the external id is taken";
    /// Another user of the deployment has this e-mail address.
    EmailTaken = "email_taken", 409, "the e-mail address is taken";
    /// Another user of the deployment has this phone number.
    PhoneTaken = "phone_taken", 409, "the phone number is taken";
    /// Another user of the deployment has this username.
    UsernameTaken = "username_taken", 409, "the username is taken";
    /// The data has not come to the revision in `at_least`.
    RevisionNotReached = "revision_not_reached", 409, "the revision has not been reached";
    /// The first request with this `Idempotency-Key` has not been answered yet.
    IdempotencyInFlight = "idempotency_in_flight", 409, "a request with this idempotency key is under way";
    /// The object has changed since the revision in `If-Match`.
    RevisionMismatch = "revision_mismatch", 412, "the object has changed since";
    /// The body is longer than the limit.
    BodyTooLarge = "body_too_large", 413, "the body is too large";
    /// The body is not of a type that the route takes.
    UnsupportedMediaType = "unsupported_media_type", 415, "the content type is not supported";
    /// The `Idempotency-Key` was used for a different request.
    IdempotencyKeyReused = "idempotency_key_reused", 422, "the idempotency key belongs to another request";
    /// The key has made more requests than it may.
    RateLimited = "rate_limited", 429, "too many requests with this API key";
    /// The server failed; the log of the server says more under the request id.
    Internal = "internal", 500, "the server failed";
    /// The server has more work than it can take; try again after `Retry-After`.
    Overloaded = "overloaded", 503, "the server is busy";
    /// The database cannot take the change now, for example because the disk is full.
    StorageUnavailable = "storage_unavailable", 503, "the storage cannot take the change";
}

/// One field that broke a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The field, as the request spells it; nested ones with dots.
    #[cfg_attr(feature = "openapi", schema(example = "name"))]
    pub field: String,
    /// What is wrong with it, and the limit.
    #[cfg_attr(feature = "openapi", schema(example = "must be 1 to 200 characters"))]
    pub message: String,
}

/// The structured part of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Details {
    /// The fields that broke a rule.
    pub fields: Vec<FieldError>,
}

/// The form of the error that the vendor's server and its OpenAPI document use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NumberedError {
    /// The message once more.
    pub message: String,
    /// The HTTP status.
    pub code: u16,
}

/// The form of the error that the vendor's documentation uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamedError {
    /// The stable word once more.
    pub code: String,
    /// The message once more.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

/// The error object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// RFC 9457: where the code is explained.
    #[serde(rename = "type")]
    pub kind: String,
    /// RFC 9457: the same short sentence for every occurrence of the code.
    pub title: String,
    /// What is wrong and what to do, for people.
    pub message: String,
    /// RFC 9457: the message once more.
    pub detail: String,
    /// The stable word for programs.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    /// The error as the vendor's server writes it.
    pub errors: Vec<NumberedError>,
    /// The error as the vendor's documentation writes it.
    pub error: NamedError,
    /// What is structured, where there is something.
    pub details: Option<Details>,
    /// The request, as in the header `X-Request-Id` and the server's log.
    pub request_id: String,
}

impl Problem {
    /// The error object of one refusal.
    pub fn new(
        code: ErrorCode,
        message: String,
        fields: Vec<FieldError>,
        request_id: String,
    ) -> Self {
        let status = code.status();
        let word = code.word().to_owned();
        Self {
            kind: format!("/docs/errors#{word}"),
            title: code.title().to_owned(),
            detail: message.clone(),
            errors: vec![NumberedError {
                message: message.clone(),
                code: status,
            }],
            error: NamedError {
                code: word.clone(),
                message: message.clone(),
                status,
            },
            details: (!fields.is_empty()).then_some(Details { fields }),
            code: word,
            status,
            message,
            request_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_speaks_to_both_sdks_and_to_rfc_9457() {
        let field = FieldError {
            field: "name".to_owned(),
            message: "is missing".to_owned(),
        };
        let problem = Problem::new(
            ErrorCode::InvalidRequest,
            "`name` is missing".to_owned(),
            vec![field],
            "r1".to_owned(),
        );
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["message"], "`name` is missing");
        assert_eq!(json["errors"][0]["code"], 400);
        assert_eq!(json["error"]["code"], "invalid_request");
        assert_eq!(json["details"]["fields"][0]["field"], "name");
        assert_eq!(
            (&json["type"], &json["status"]),
            (&"/docs/errors#invalid_request".into(), &400.into())
        );
    }

    #[test]
    fn a_word_stands_for_one_code() {
        let mut words: Vec<_> = ErrorCode::ALL.iter().map(|code| code.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ErrorCode::ALL.len());
    }
}
