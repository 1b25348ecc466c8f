//! `/organizations`: wire contract, section 5.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use guildhall_core::PageLimits;
use guildhall_core::organizations::{
    self, CreateOrganization, OrganizationFilter, OrganizationForm, OrganizationSort,
    UpdateOrganization,
};
use guildhall_types::ids::OrganizationId;
use guildhall_types::limits::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};
use guildhall_types::organizations::{Organization, OrganizationDetails};
use guildhall_types::{Empty, Page, Problem};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Changed, Listed};
use crate::app::App;
use crate::change::{Caller, Ids, With};
use crate::form::Form;
use crate::problem::ProblemResponse;
use crate::query::{self, ListQuery, Paging};

const LIMITS: PageLimits = PageLimits {
    default: PAGE_LIMIT_DEFAULT,
    max: PAGE_LIMIT_MAX,
};

/// What a list of organizations can be narrowed to.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// A substring of the name, without regard to case.
    search: Option<String>,
    /// The slug, exactly.
    slug: Option<String>,
    /// The id in another system, exactly.
    external_id: Option<String>,
    /// A user who is a member.
    user_id: Option<String>,
}

/// The form of a new organization.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form in the OpenAPI document; `Form` reads it"
)]
pub(crate) struct NewOrganizationFields {
    /// 1 to 200 characters after trimming.
    #[schema(example = "Acme")]
    name: String,
    /// At most 2,000 characters.
    description: Option<String>,
    /// A JSON object as text.
    #[schema(example = "{\"plan\":\"pro\"}")]
    public_metadata: Option<String>,
    /// A JSON object as text.
    private_metadata: Option<String>,
    /// 1 to 64 of `a-z`, `0-9`, `-`; unique in the deployment.
    #[schema(example = "acme")]
    slug: Option<String>,
    /// 1 to 255 characters; unique in the deployment.
    external_id: Option<String>,
    /// A PNG, JPEG, WebP, GIF or ICO file, told by its content.
    #[schema(value_type = Option<String>, format = Binary)]
    organization_image: Option<Vec<u8>>,
}

/// The form of a change of an organization. What is absent stays.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form in the OpenAPI document; `Form` reads it"
)]
pub(crate) struct OrganizationFields {
    /// 1 to 200 characters after trimming; an empty one is ignored.
    #[schema(example = "Acme")]
    name: Option<String>,
    /// At most 2,000 characters.
    description: Option<String>,
    /// A JSON object as text, in place of the old one.
    #[schema(example = "{\"plan\":\"pro\"}")]
    public_metadata: Option<String>,
    /// A JSON object as text, in place of the old one.
    private_metadata: Option<String>,
    /// 1 to 64 of `a-z`, `0-9`, `-`; empty takes it away.
    #[schema(example = "acme")]
    slug: Option<String>,
    /// 1 to 255 characters; empty takes it away.
    external_id: Option<String>,
    /// A PNG, JPEG, WebP, GIF or ICO file, told by its content.
    #[schema(value_type = Option<String>, format = Binary)]
    organization_image: Option<Vec<u8>>,
    /// `true` removes the image, and wins over an upload.
    #[schema(example = "false")]
    remove_image: Option<String>,
    /// `true` suspends the organization: every check in it is denied, nothing is lost; `false` ends that.
    #[schema(example = "true")]
    suspended: Option<String>,
}

fn fields(mut form: Form) -> Result<OrganizationForm, ProblemResponse> {
    Ok(OrganizationForm {
        name: form.text("name")?,
        description: form.text("description")?,
        public_metadata: form.text("public_metadata")?,
        private_metadata: form.text("private_metadata")?,
        slug: form.text("slug")?,
        external_id: form.text("external_id")?,
        image: form.file("organization_image"),
        remove_image: form.text("remove_image")?,
        suspended: form.text("suspended")?,
    })
}

/// List organizations
///
/// The organizations of the key's deployment.
#[utoipa::path(get, path = "/organizations", tag = "organizations", params(Paging, Filter),
    responses((status = 200, body = Page<Organization>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    query: ListQuery<Filter>,
) -> Result<Listed<Page<Organization>>, ProblemResponse> {
    let page = query.paging.request(LIMITS)?;
    let present = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filter = OrganizationFilter {
        user_id: query::id("user_id", query.filter.user_id.as_deref())?,
        search: query.filter.search,
        slug: present(query.filter.slug),
        external_id: present(query.filter.external_id),
    };
    let sort = match query.paging.sort_key.as_deref() {
        Some("name") => OrganizationSort::Name,
        Some("member_count") => OrganizationSort::MemberCount,
        Some("updated_at") => OrganizationSort::UpdatedAt,
        _ => OrganizationSort::CreatedAt,
    };
    let effort = organizations::effort(&filter, &page);
    app.list(caller, effort, move |tx| {
        organizations::list(tx, &filter, sort, &page)
    })
    .await
}

/// Create an organization
///
/// It has no members yet: there is no acting user.
#[utoipa::path(post, path = "/organizations", tag = "organizations",
    request_body(content = NewOrganizationFields, content_type = "multipart/form-data"),
    responses((status = 200, body = Organization),
        (status = 409, body = Problem, description = "`slug_taken`, `external_id_taken`")))]
pub(crate) async fn create(
    State(app): State<App>,
    With { change, body }: With<Form>,
) -> Result<Changed<Organization>, ProblemResponse> {
    let form = fields(body)?;
    let command = app.decode(move || CreateOrganization::check(form)).await?;
    app.write(change, move |tx| organizations::create(tx, &command))
        .await
}

/// Get an organization
///
/// With the roles that its members can hold.
#[utoipa::path(get, path = "/organizations/{organization_id}", tag = "organizations",
    params(("organization_id" = OrganizationId, Path)),
    responses((status = 200, body = OrganizationDetails)))]
pub(crate) async fn get(
    State(app): State<App>,
    caller: Caller,
    Ids(id): Ids<OrganizationId>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let single = app
        .single(caller, move |tx| organizations::details(tx, id))
        .await?;
    Ok(single.unless_known(&headers))
}

/// Update an organization
///
/// Absent fields stay; metadata is replaced as a whole; an empty description clears it. In a suspended organization every
/// check is denied; it can be read and changed as ever.
#[utoipa::path(patch, path = "/organizations/{organization_id}", tag = "organizations",
    params(("organization_id" = OrganizationId, Path)),
    request_body(content = OrganizationFields, content_type = "multipart/form-data"),
    responses((status = 200, body = Organization),
        (status = 409, body = Problem, description = "`slug_taken`, `external_id_taken`")))]
pub(crate) async fn update(
    State(app): State<App>,
    Ids(id): Ids<OrganizationId>,
    With { change, body }: With<Form>,
) -> Result<Changed<Organization>, ProblemResponse> {
    let form = fields(body)?;
    let command = app.decode(move || UpdateOrganization::check(form)).await?;
    let if_match = change.if_match.clone();
    app.write(change, move |tx| {
        organizations::update(tx, id, &if_match, &command)
    })
    .await
}

/// Delete an organization
///
/// For good, with its members, roles and image. Its ledger stays.
#[utoipa::path(delete, path = "/organizations/{organization_id}", tag = "organizations",
    params(("organization_id" = OrganizationId, Path)),
    responses((status = 200, body = Empty)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Ids(id): Ids<OrganizationId>,
    With { change, body: () }: With<()>,
) -> Result<Changed<Empty>, ProblemResponse> {
    let if_match = change.if_match.clone();
    app.write(change, move |tx| organizations::delete(tx, id, &if_match))
        .await
}
