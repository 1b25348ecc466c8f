//! `/organizations/{organization_id}/members`: wire contract, section 6.

use axum::extract::State;
use guildhall_core::members::{self, MemberFilter, MemberSort};
use guildhall_core::{Effort, PageLimits};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::limits::{MEMBER_PAGE_LIMIT_DEFAULT, MEMBER_PAGE_LIMIT_MAX};
use guildhall_types::members::{
    AddMember, AssignRole, OrganizationMember, UpdateMember, UserOrganizationMembership,
};
use guildhall_types::{Empty, Page, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Changed, Listed};
use crate::app::App;
use crate::change::{Caller, Ids, With};
use crate::json::{Json, OptionalJson};
use crate::problem::ProblemResponse;
use crate::query::{self, ListQuery, Paging};

const LIMITS: PageLimits = PageLimits {
    default: MEMBER_PAGE_LIMIT_DEFAULT,
    max: MEMBER_PAGE_LIMIT_MAX,
};

/// What a list of members can be narrowed to.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// A substring of name, username, e-mail address or phone number, without regard to case.
    search: Option<String>,
    /// A role that the member holds.
    role_id: Option<String>,
    /// The user.
    user_id: Option<String>,
}

/// List members
///
/// The members of an organization, with the roles that they hold. One whose `expires_at` has passed is denied everything
/// from that moment on, and leaves the list some seconds later.
#[utoipa::path(get, path = "/organizations/{organization_id}/members", tag = "members",
    params(("organization_id" = OrganizationId, Path), Paging, Filter),
    responses((status = 200, body = Page<OrganizationMember>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Ids(organization): Ids<OrganizationId>,
    query: ListQuery<Filter>,
) -> Result<Listed<Page<OrganizationMember>>, ProblemResponse> {
    let page = query.paging.request(LIMITS)?;
    let filter = MemberFilter {
        role_id: query::id("role_id", query.filter.role_id.as_deref())?,
        user_id: query::id("user_id", query.filter.user_id.as_deref())?,
        search: query.filter.search,
    };
    let sort = match query.paging.sort_key.as_deref() {
        Some("first_name") => MemberSort::FirstName,
        Some("last_name") => MemberSort::LastName,
        Some("email") => MemberSort::Email,
        Some("username") => MemberSort::Username,
        _ => MemberSort::CreatedAt,
    };
    let effort = members::effort(&filter, sort, &page);
    app.list(caller, effort, move |tx| {
        members::list(tx, organization, &filter, sort, &page)
    })
    .await
}

/// Add a member
///
/// Without roles, the user gets the deployment's default member role.
#[utoipa::path(post, path = "/organizations/{organization_id}/members", tag = "members",
    params(("organization_id" = OrganizationId, Path)), request_body = AddMember,
    responses((status = 200, body = OrganizationMember),
        (status = 403, body = Problem, description = "`seat_limit_reached`, `read_only_key`"),
        (status = 409, body = Problem, description = "`member_exists`")))]
pub(crate) async fn add(
    State(app): State<App>,
    Ids(organization): Ids<OrganizationId>,
    With {
        change,
        body: Json(request),
    }: With<Json<AddMember>>,
) -> Result<Changed<OrganizationMember>, ProblemResponse> {
    let command = members::AddMember::check(request)?;
    let if_match = change.if_match.clone();
    app.write(change, move |tx| {
        members::add(tx, organization, &if_match, &command)
    })
    .await
}

/// Update a member
///
/// `role_ids` replaces the whole set of roles, `public_metadata` the whole metadata. What is absent stays. A suspended
/// member keeps everything, and every check is denied.
#[utoipa::path(patch, path = "/organizations/{organization_id}/members/{member_id}", tag = "members",
    params(("organization_id" = OrganizationId, Path), ("member_id" = MemberId, Path)),
    request_body = UpdateMember, responses((status = 200, body = Empty)))]
pub(crate) async fn update(
    State(app): State<App>,
    Ids((organization, id)): Ids<(OrganizationId, MemberId)>,
    With {
        change,
        body: Json(request),
    }: With<Json<UpdateMember>>,
) -> Result<Changed<Empty>, ProblemResponse> {
    let command = members::UpdateMember::check(request)?;
    let if_match = change.if_match.clone();
    app.write(change, move |tx| {
        members::update(tx, organization, id, &if_match, &command)
    })
    .await
}

/// Remove a member
///
/// The user stays.
#[utoipa::path(delete, path = "/organizations/{organization_id}/members/{member_id}", tag = "members",
    params(("organization_id" = OrganizationId, Path), ("member_id" = MemberId, Path)),
    responses((status = 200, body = Empty)))]
pub(crate) async fn remove(
    State(app): State<App>,
    Ids((organization, id)): Ids<(OrganizationId, MemberId)>,
    With { change, body: () }: With<()>,
) -> Result<Changed<Empty>, ProblemResponse> {
    let if_match = change.if_match.clone();
    app.write(change, move |tx| {
        members::remove(tx, organization, id, &if_match)
    })
    .await
}

/// Assign a role to a member
///
/// For good, or until `expires_at`. A role that the member holds already is held until then from now on.
#[utoipa::path(post, path = "/organizations/{organization_id}/members/{member_id}/roles/{role_id}",
    tag = "members", params(("organization_id" = OrganizationId, Path), ("member_id" = MemberId, Path),
        ("role_id" = RoleId, Path)), request_body = Option<AssignRole>,
    responses((status = 200, body = Empty)))]
pub(crate) async fn assign_role(
    State(app): State<App>,
    Ids((organization, id, role)): Ids<(OrganizationId, MemberId, RoleId)>,
    With {
        change,
        body: OptionalJson(request),
    }: With<OptionalJson<AssignRole>>,
) -> Result<Changed<Empty>, ProblemResponse> {
    let if_match = change.if_match.clone();
    app.write(change, move |tx| {
        members::assign_role(tx, organization, id, role, request, &if_match)
    })
    .await
}

/// Take a role from a member
///
/// A role that the member does not hold is not found.
#[utoipa::path(delete, path = "/organizations/{organization_id}/members/{member_id}/roles/{role_id}",
    tag = "members", params(("organization_id" = OrganizationId, Path), ("member_id" = MemberId, Path),
        ("role_id" = RoleId, Path)), responses((status = 200, body = Empty)))]
pub(crate) async fn unassign_role(
    State(app): State<App>,
    Ids((organization, id, role)): Ids<(OrganizationId, MemberId, RoleId)>,
    With { change, body: () }: With<()>,
) -> Result<Changed<Empty>, ProblemResponse> {
    let if_match = change.if_match.clone();
    app.write(change, move |tx| {
        members::unassign_role(tx, organization, id, role, &if_match)
    })
    .await
}

/// List a user's organizations
///
/// All memberships of the user, newest first.
#[utoipa::path(get, path = "/users/{user_id}/organization-memberships", tag = "users",
    params(("user_id" = UserId, Path)),
    responses((status = 200, body = Page<UserOrganizationMembership>)))]
pub(crate) async fn list_of_user(
    State(app): State<App>,
    caller: Caller,
    Ids(user): Ids<UserId>,
) -> Result<Listed<Page<UserOrganizationMembership>>, ProblemResponse> {
    app.list(caller, Effort::Long, move |tx| members::of_user(tx, user))
        .await
}
