//! `POST /access/explain`.

use axum::extract::State;
use guildhall_types::Problem;
use guildhall_types::access::{AccessCheck, Explanation};

use super::question::Question;
use super::terms;
use crate::answer::Told;
use crate::app::App;
use crate::problem::ProblemResponse;

/// Explain a check
///
/// The same question as `POST /access/check`, with the same decision. Of what is held it tells every way: the role, the
/// permission or pattern in it, since which change, by whom, until when. Of what is missing it tells the roles that
/// would give it. Made for people: a check is much cheaper.
#[utoipa::path(post, path = "/access/explain", tag = "access",
    request_body(content = AccessCheck, example = json!({ "user_id": "59392107315200009",
        "organization_id": "59392107315200001", "permission": "invoices:pay" })),
    responses((status = 200, body = Explanation, examples(
            ("allowed" = (value = json!({ "allowed": true, "reason": "granted", "revision": "59392107315200001@9",
                "member_id": "59392107315200010", "membership_expires_at": null, "paths": [{
                    "permission": "invoices:pay", "held_as": "invoices:*",
                    "role": { "id": "59392107315200005", "name": "Billing", "is_deployment_level": false },
                    "expires_at": null, "granted": { "revision": "59392107315200001@7",
                        "at": "2026-05-03T12:00:00.000000Z", "by": { "type": "api_key", "id": "59392107315200003" } } }],
                "missing": [] }))),
            ("denied" = (value = json!({ "allowed": false, "reason": "missing_permission",
                "revision": "59392107315200001@9", "member_id": "59392107315200010", "membership_expires_at": null,
                "paths": [], "missing": [{ "permission": "invoices:pay", "roles": [
                    { "id": "59392107315200005", "name": "Billing", "is_deployment_level": false }] }] }))))),
        (status = 409, body = Problem, description = "`revision_not_reached`")))]
pub(crate) async fn explain(
    State(app): State<App>,
    question: Question,
) -> Result<Told<Explanation>, ProblemResponse> {
    let request: AccessCheck<'_> = question.parse()?;
    let (organization, user) = (request.organization_id, request.user_id);
    let (demanded, freshness) = terms(request)?;
    let access = app.guildhall.access(question.caller.deployment);
    let explanation = access.explain(organization, user, &demanded, freshness);
    Ok(Told(explanation.await?))
}
