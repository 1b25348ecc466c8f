//! `POST /access/v1/evaluation`.

use axum::extract::State;
use guildhall_types::access::Reason;
use guildhall_types::access::authzen::{Decision, DecisionContext, Evaluation};
use guildhall_types::{Problem, Revision};

use super::mapping::Terms;
use super::people::People;
use super::{AuthzenQuestion, concerned};
use crate::access::refuse;
use crate::answer::Told;
use crate::app::App;
use crate::change::Caller;
use crate::problem::ProblemResponse;

/// Evaluate an access (AuthZEN)
///
/// The Access Evaluation API of AuthZEN 1.0. A subject of the type `user` is named by its id here, one of the type `identity`
/// by its `external_id`. With a resource of the type `organization` the action is the permission; any other is a thing in
/// the organization that its properties or the context name, and the permission is the action, a colon and the thing's id.
#[utoipa::path(post, path = "/access/v1/evaluation", tag = "authzen",
    request_body(content = Evaluation, examples(
        ("an organization" = (value = json!({ "subject": { "type": "user", "id": "59392107315200009" },
            "action": { "name": "invoices:pay" }, "resource": { "type": "organization", "id": "59392107315200001" } }))),
        ("a thing in an organization" = (value = json!({ "subject": { "type": "identity", "id": "auth0|7" },
            "action": { "name": "GET" }, "resource": { "type": "route", "id": "/todos" },
            "context": { "organization_id": "59392107315200001" } }))))),
    responses((status = 200, body = Decision, example = json!({ "decision": false,
            "context": { "reason": "missing_permission", "revision": "59392107315200001@7" } })),
        (status = 409, body = Problem, description = "`revision_not_reached`")))]
pub(crate) async fn evaluation(
    State(app): State<App>,
    AuthzenQuestion(question): AuthzenQuestion,
) -> Result<Told<Decision>, ProblemResponse> {
    let asked: Evaluation<'_> = question.parse()?;
    single(&app, question.caller, &asked).await.map(Told)
}

/// The answer to an evaluation that comes alone.
pub(super) async fn single(
    app: &App,
    caller: Caller,
    asked: &Evaluation<'_>,
) -> Result<Decision, ProblemResponse> {
    let question = Terms::alone(asked).question().map_err(refuse)?;
    let user = People::new(&app.guildhall, caller.deployment)
        .user(question.who)
        .await?;
    let Some(organization) = question.organization else {
        return Ok(decision(Reason::OrganizationNotFound, None));
    };
    let access = app.guildhall.access(caller.deployment);
    let freshness = question.freshness;
    concerned(&access, organization, freshness)?;
    let Some(user) = user else {
        let held = access.moment(organization, freshness).await?;
        return Ok(decision(held.check_nobody().reason(), held.revision()));
    };
    let texts = question.demanded.texts();
    let demand = question.demanded.demand(&texts);
    let checked = access.check(organization, user, &demand, freshness).await?;
    Ok(decision(checked.decision.reason(), checked.revision))
}

pub(super) fn decision(reason: Reason, revision: Option<Revision>) -> Decision {
    Decision {
        decision: reason == Reason::Granted,
        context: DecisionContext {
            reason: Some(reason),
            revision,
            error: None,
        },
    }
}
