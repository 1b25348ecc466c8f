//! Every route of the server.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{self, authzen};
use crate::app::App;
use crate::{images, keys, ledger, members, openapi, organizations, roles, system, users};

/// The routes behind an API key.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(organizations::list, organizations::create))
        .routes(routes!(
            organizations::get,
            organizations::update,
            organizations::delete
        ))
        .routes(routes!(members::list, members::add))
        .routes(routes!(members::update, members::remove))
        .routes(routes!(members::assign_role, members::unassign_role))
        .routes(routes!(roles::list, roles::create))
        .routes(routes!(roles::update, roles::delete))
        .routes(routes!(ledger::list))
        .routes(routes!(access::holders))
        .routes(routes!(access::permissions))
        .routes(routes!(access::organizations))
        .routes(routes!(access::check))
        .routes(routes!(access::check_batch))
        .routes(routes!(access::explain))
        .routes(routes!(authzen::evaluation))
        .routes(routes!(authzen::evaluations))
        .routes(routes!(authzen::search_subject))
        .routes(routes!(authzen::search_resource))
        .routes(routes!(authzen::search_action))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::update, users::delete))
        .routes(routes!(users::details))
        .routes(routes!(members::list_of_user))
        .routes(routes!(roles::list_of_deployment))
}

/// The routes that need no key.
fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(system::health))
        .routes(routes!(system::ready))
        .routes(routes!(system::metrics))
        .routes(routes!(images::get))
        .routes(routes!(authzen::configuration))
}

/// The OpenAPI document of this version.
pub fn document() -> Value {
    let document = OpenApiRouter::<App>::with_openapi(openapi::frame());
    openapi::finish(&document.merge(api()).merge(open()).into_openapi())
}

/// All routes, to be surrounded by [`crate::shell::wrap`].
pub fn router(app: App) -> Router {
    let document = serde_json::to_vec(&document())
        .map(Bytes::from)
        .unwrap_or_default();
    let json = [(header::CONTENT_TYPE, "application/json")];
    let (api, _) = api().split_for_parts();
    let (open, _) = open().split_for_parts();
    api.route_layer(keys::require(&app))
        .merge(open)
        .route("/openapi.json", get(|| async move { (json, document) }))
        .route("/docs", get(system::docs))
        .route("/docs/errors", get(system::docs_errors))
        .route("/docs/rapidoc-min.js", get(system::docs_program))
        .with_state(app)
}
