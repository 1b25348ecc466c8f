//! `GET /.well-known/authzen-configuration`: where the doors of AuthZEN are.

use axum::extract::State;
use axum::http::{HeaderName, header};
use guildhall_types::access::authzen::Configuration;

use crate::answer::Told;
use crate::app::App;

/// How long the answer may be kept by whoever asked: it changes with the configuration of the server only.
const CACHE_CONTROL: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=3600");

/// Where the AuthZEN endpoints are
///
/// The metadata of AuthZEN 1.0, with the public address of the server. It needs no key.
#[utoipa::path(get, path = "/.well-known/authzen-configuration", tag = "authzen", security(()),
    responses((status = 200, body = Configuration)))]
pub(crate) async fn configuration(
    State(app): State<App>,
) -> ([(HeaderName, &'static str); 1], Told<Configuration>) {
    let base = app.guildhall.public_url();
    let at = |path: &str| format!("{base}/access/v1/{path}");
    let configuration = Configuration {
        policy_decision_point: base.to_owned(),
        access_evaluation_endpoint: at("evaluation"),
        access_evaluations_endpoint: at("evaluations"),
        search_subject_endpoint: at("search/subject"),
        search_resource_endpoint: at("search/resource"),
        search_action_endpoint: at("search/action"),
    };
    ([CACHE_CONTROL], Told(configuration))
}
