//! `/organizations/{organization_id}/roles` and the deployment's own roles: wire contract, sections 7 and 13.3.

use axum::extract::State;
use guildhall_core::{Effort, roles};
use guildhall_types::ids::{OrganizationId, RoleId};
use guildhall_types::roles::{CreateRole, DeploymentRole, Role, UpdateRole};
use guildhall_types::{Empty, Page, Problem};

use crate::answer::{Changed, Listed};
use crate::app::App;
use crate::change::{Caller, Ids, With};
use crate::json::Json;
use crate::problem::ProblemResponse;

/// List roles
///
/// The deployment's roles and the organization's own, oldest first; `is_deployment_level` tells them apart.
#[utoipa::path(get, path = "/organizations/{organization_id}/roles", tag = "roles",
    params(("organization_id" = OrganizationId, Path)), responses((status = 200, body = Page<Role>)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Ids(organization): Ids<OrganizationId>,
) -> Result<Listed<Page<Role>>, ProblemResponse> {
    app.list(caller, Effort::Long, move |tx| {
        roles::list(tx, organization)
    })
    .await
}

/// Create a role
///
/// The name is unique within the organization, without regard to case.
#[utoipa::path(post, path = "/organizations/{organization_id}/roles", tag = "roles",
    params(("organization_id" = OrganizationId, Path)), request_body = CreateRole,
    responses((status = 200, body = Role),
        (status = 409, body = Problem, description = "`role_name_taken`, `role_limit_reached`")))]
pub(crate) async fn create(
    State(app): State<App>,
    Ids(organization): Ids<OrganizationId>,
    With {
        change,
        body: Json(request),
    }: With<Json<CreateRole>>,
) -> Result<Changed<Role>, ProblemResponse> {
    let command = roles::CreateRole::check(&request)?;
    let if_match = change.if_match.clone();
    app.write(change, move |tx| {
        roles::create(tx, organization, &if_match, &command)
    })
    .await
}

/// Update a role
///
/// Only roles of the organization itself; the deployment's cannot be changed here and are not found.
#[utoipa::path(patch, path = "/organizations/{organization_id}/roles/{role_id}", tag = "roles",
    params(("organization_id" = OrganizationId, Path), ("role_id" = RoleId, Path)), request_body = UpdateRole,
    responses((status = 200, body = Role), (status = 409, body = Problem, description = "`role_name_taken`")))]
pub(crate) async fn update(
    State(app): State<App>,
    Ids((organization, id)): Ids<(OrganizationId, RoleId)>,
    With {
        change,
        body: Json(request),
    }: With<Json<UpdateRole>>,
) -> Result<Changed<Role>, ProblemResponse> {
    let command = roles::UpdateRole::check(&request)?;
    let if_match = change.if_match.clone();
    app.write(change, move |tx| {
        roles::update(tx, organization, id, &if_match, &command)
    })
    .await
}

/// Delete a role
///
/// Members who hold it lose it.
#[utoipa::path(delete, path = "/organizations/{organization_id}/roles/{role_id}", tag = "roles",
    params(("organization_id" = OrganizationId, Path), ("role_id" = RoleId, Path)),
    responses((status = 200, body = Empty)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Ids((organization, id)): Ids<(OrganizationId, RoleId)>,
    With { change, body: () }: With<()>,
) -> Result<Changed<Empty>, ProblemResponse> {
    let if_match = change.if_match.clone();
    app.write(change, move |tx| {
        roles::delete(tx, organization, id, &if_match)
    })
    .await
}

/// List the deployment's roles
///
/// The roles that every organization of the deployment sees.
#[utoipa::path(get, path = "/settings/b2b/organization-roles", tag = "settings",
    responses((status = 200, body = Page<DeploymentRole>)))]
pub(crate) async fn list_of_deployment(
    State(app): State<App>,
    caller: Caller,
) -> Result<Listed<Page<DeploymentRole>>, ProblemResponse> {
    app.list(caller, Effort::Short, roles::list_of_deployment)
        .await
}
