//! `/images`: what `image_url` points to. Public, because browsers load images without a key.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use guildhall_core::images;
use guildhall_types::ids::{DeploymentId, ImageId};

use crate::app::App;
use crate::change::Ids;
use crate::problem::ProblemResponse;

/// What keeps a browser from reading an image as anything else.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    ),
    // The name is made from the content: another content has another address.
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    ),
];

/// Get an image
///
/// The address is what `image_url` or `profile_picture_url` says. It needs no key.
#[utoipa::path(get, path = "/images/{deployment_id}/{image_id}/{name}", tag = "images", security(()),
    params(("deployment_id" = DeploymentId, Path), ("image_id" = ImageId, Path), ("name" = String, Path)),
    responses((status = 200, content_type = "image/*", description = "the image")))]
pub(crate) async fn get(
    State(app): State<App>,
    Ids((deployment, id, name)): Ids<(DeploymentId, ImageId, String)>,
) -> Result<Response, ProblemResponse> {
    let image = images::fetch(&app.guildhall, deployment, id, name).await?;
    let mut response = image.content.into_response();
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::try_from(image.content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers.extend(HEADERS);
    Ok(response)
}
