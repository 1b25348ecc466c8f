//! `/users`: wire contract, section 10.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use guildhall_core::PageLimits;
use guildhall_core::users::{self, CreateUser, UpdateUser, UserFilter, UserForm, UserSort};
use guildhall_types::ids::UserId;
use guildhall_types::limits::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};
use guildhall_types::users::{User, UserDetails};
use guildhall_types::{Empty, Page, Problem};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Changed, Listed};
use crate::app::App;
use crate::change::{Caller, Ids, With, invalid_field};
use crate::form::Form;
use crate::problem::ProblemResponse;
use crate::query::{ListQuery, Paging};

const LIMITS: PageLimits = PageLimits {
    default: PAGE_LIMIT_DEFAULT,
    max: PAGE_LIMIT_MAX,
};

/// What a list of users can be narrowed to.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// A substring of name, username, e-mail address or phone number, without regard to case.
    search: Option<String>,
    /// The id in another system, exactly.
    external_id: Option<String>,
}

/// The form of a new user.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form in the OpenAPI document; `Form` reads it"
)]
pub(crate) struct NewUserFields {
    /// At most 100 characters.
    #[schema(example = "Ava")]
    first_name: Option<String>,
    /// At most 100 characters.
    #[schema(example = "Stone")]
    last_name: Option<String>,
    /// Becomes the primary address, verified; unique in the deployment.
    #[schema(example = "ava@example.com")]
    email_address: Option<String>,
    /// In international form; becomes the primary number, verified; unique in the deployment.
    #[schema(example = "+15551234567")]
    phone_number: Option<String>,
    /// Letters, digits, `_` and `-`; unique in the deployment without regard to case.
    username: Option<String>,
    /// The id in another system, unique in the deployment.
    external_id: Option<String>,
    /// A JSON object as text.
    public_metadata: Option<String>,
    /// A JSON object as text.
    private_metadata: Option<String>,
    /// A PNG, JPEG, WebP, GIF or ICO file, told by its content.
    #[schema(value_type = Option<String>, format = Binary)]
    profile_image: Option<Vec<u8>>,
    /// Refused: Guildhall is not an identity provider and keeps no passwords.
    password: Option<String>,
    /// Ignored: there is no password to check.
    skip_password_check: Option<String>,
}

/// The form of a change of a user. What is absent or empty stays.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form in the OpenAPI document; `Form` reads it"
)]
pub(crate) struct UserFields {
    /// At most 100 characters.
    first_name: Option<String>,
    /// At most 100 characters.
    last_name: Option<String>,
    /// Letters, digits, `_` and `-`; unique in the deployment without regard to case.
    username: Option<String>,
    /// The id in another system; empty takes it away.
    external_id: Option<String>,
    /// A JSON object as text, in place of the old one.
    public_metadata: Option<String>,
    /// A JSON object as text, in place of the old one.
    private_metadata: Option<String>,
    /// `true` shuts the user out.
    #[schema(example = "true")]
    disabled: Option<String>,
    /// `none`, `optional` or `enforced`.
    #[schema(example = "optional")]
    second_factor_policy: Option<String>,
    /// A PNG, JPEG, WebP, GIF or ICO file, told by its content.
    #[schema(value_type = Option<String>, format = Binary)]
    profile_image: Option<Vec<u8>>,
    /// `true` removes the image.
    #[schema(example = "false")]
    remove_profile_image: Option<String>,
}

fn fields(mut form: Form) -> Result<UserForm, ProblemResponse> {
    Ok(UserForm {
        first_name: form.text("first_name")?,
        last_name: form.text("last_name")?,
        email_address: form.text("email_address")?,
        phone_number: form.text("phone_number")?,
        username: form.text("username")?,
        password: form.text("password")?,
        skip_password_check: form.text("skip_password_check")?,
        external_id: form.text("external_id")?,
        public_metadata: form.text("public_metadata")?,
        private_metadata: form.text("private_metadata")?,
        disabled: form.text("disabled")?,
        second_factor_policy: form.text("second_factor_policy")?,
        profile_image: form.file("profile_image"),
        remove_profile_image: form.text("remove_profile_image")?,
    })
}

/// List users
///
/// The users of the key's deployment.
#[utoipa::path(get, path = "/users", tag = "users", params(Paging, Filter),
    responses((status = 200, body = Page<User>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    query: ListQuery<Filter>,
) -> Result<Listed<Page<User>>, ProblemResponse> {
    let page = query.paging.request(LIMITS)?;
    let sort = match query.paging.sort_key.as_deref() {
        None | Some("" | "created_at") => UserSort::CreatedAt,
        Some("username") => UserSort::Username,
        Some("email") => UserSort::Email,
        Some("phone_number") => UserSort::PhoneNumber,
        Some(_) => {
            let words = "must be `created_at`, `username`, `email` or `phone_number`";
            return Err(invalid_field("sort_key", words));
        }
    };
    match query.paging.sort_order.as_deref() {
        None | Some("" | "asc" | "desc") => {}
        Some(_) => return Err(invalid_field("sort_order", "must be `asc` or `desc`")),
    }
    let filter = UserFilter {
        search: query.filter.search,
        external_id: query.filter.external_id.filter(|id| !id.is_empty()),
    };
    let effort = users::effort(&filter, &page);
    app.list(caller, effort, move |tx| {
        users::list(tx, &filter, sort, &page)
    })
    .await
}

/// Create a user
///
/// The e-mail address and the phone number become primary and verified at once.
#[utoipa::path(post, path = "/users", tag = "users",
    request_body(content = NewUserFields, content_type = "multipart/form-data"),
    responses((status = 200, body = User), (status = 409, body = Problem,
        description = "`email_taken`, `phone_taken`, `username_taken`, `external_id_taken`")))]
pub(crate) async fn create(
    State(app): State<App>,
    With { change, body }: With<Form>,
) -> Result<Changed<User>, ProblemResponse> {
    let form = fields(body)?;
    let command = app.decode(move || CreateUser::check(form)).await?;
    app.write(change, move |tx| users::create(tx, &command))
        .await
}

/// Get a user
///
/// With all e-mail addresses and phone numbers.
#[utoipa::path(get, path = "/users/{user_id}/details", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 200, body = UserDetails)))]
pub(crate) async fn details(
    State(app): State<App>,
    caller: Caller,
    Ids(id): Ids<UserId>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let single = app.single(caller, move |tx| users::details(tx, id)).await?;
    Ok(single.unless_known(&headers))
}

/// Update a user
///
/// Absent and empty fields stay; metadata is replaced as a whole.
#[utoipa::path(patch, path = "/users/{user_id}", tag = "users", params(("user_id" = UserId, Path)),
    request_body(content = UserFields, content_type = "multipart/form-data"),
    responses((status = 200, body = UserDetails),
        (status = 409, body = Problem, description = "`username_taken`, `external_id_taken`")))]
pub(crate) async fn update(
    State(app): State<App>,
    Ids(id): Ids<UserId>,
    With { change, body }: With<Form>,
) -> Result<Changed<UserDetails>, ProblemResponse> {
    let form = fields(body)?;
    let command = app.decode(move || UpdateUser::check(form)).await?;
    let if_match = change.if_match.clone();
    app.write(change, move |tx| users::update(tx, id, &if_match, &command))
        .await
}

/// Delete a user
///
/// For good, with all memberships.
#[utoipa::path(delete, path = "/users/{user_id}", tag = "users", params(("user_id" = UserId, Path)),
    responses((status = 200, body = Empty)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Ids(id): Ids<UserId>,
    With { change, body: () }: With<()>,
) -> Result<Changed<Empty>, ProblemResponse> {
    let if_match = change.if_match.clone();
    app.write(change, move |tx| users::delete(tx, id, &if_match))
        .await
}
