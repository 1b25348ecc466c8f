//! `POST /access/check` and `POST /access/check-batch`: the questions that are asked thousands of times a second.
//!
//! From the body to the answer hardly anything is copied, and nothing waits while the snapshots are in memory.

use axum::extract::State;
use guildhall_core::access::{Demanded, Moments};
use guildhall_types::access::{AccessCheck, AccessCheckBatch, AccessDecision, AccessDecisions};
use guildhall_types::json::Object;
use guildhall_types::limits::CHECKS_MAX;
use guildhall_types::{FieldError, Problem};

use super::answer::{self, DecisionList, JsonText};
use super::question::Question;
use super::{refuse, stranger, terms};
use crate::app::App;
use crate::change::invalid_field;
use crate::problem::ProblemResponse;

/// Check whether a user may do something
///
/// May this user do this in this organization? What is undetermined is a no: an unknown user, an unknown organization, a
/// role that is gone. The answer is never older than a change that this server has acknowledged; `at_least` asks the same
/// of a change that another server has acknowledged.
#[utoipa::path(post, path = "/access/check", tag = "access",
    request_body(content = AccessCheck, examples(
        ("one permission" = (value = json!({ "user_id": "59392107315200009", "organization_id": "59392107315200001",
            "permission": "invoices:pay" }))),
        ("any of several" = (value = json!({ "user_id": "59392107315200009", "organization_id": "59392107315200001",
            "permission": ["invoices:pay", "invoices:approve"], "mode": "any", "at_least": "59392107315200001@7" }))))),
    responses((status = 200, body = AccessDecision, examples(
            ("allowed" = (value = json!({ "allowed": true, "reason": "granted", "revision": "59392107315200001@7" }))),
            ("denied" = (value = json!({ "allowed": false, "reason": "missing_permission",
                "revision": "59392107315200001@7" }))),
            ("nowhere" = (value = json!({ "allowed": false, "reason": "organization_not_found", "revision": null }))))),
        (status = 409, body = Problem, description = "`revision_not_reached`")))]
pub(crate) async fn check(
    State(app): State<App>,
    question: Question,
) -> Result<JsonText, ProblemResponse> {
    let request: AccessCheck<'_> = question.parse()?;
    let (organization, user) = (request.organization_id, request.user_id);
    let (demanded, freshness) = terms(request)?;
    let texts = demanded.texts();
    let checked = app
        .guildhall
        .access(question.caller.deployment)
        .check(organization, user, &demanded.demand(&texts), freshness)
        .await?;
    Ok(answer::decision(
        checked.decision.reason(),
        checked.revision,
    ))
}

/// Check many accesses at once
///
/// At most 1,000 checks, answered in their order. Those of one organization are answered from one moment: no change
/// comes in between.
#[utoipa::path(post, path = "/access/check-batch", tag = "access",
    request_body(content = AccessCheckBatch, example = json!({ "checks": [
        { "user_id": "59392107315200009", "organization_id": "59392107315200001", "permission": "invoices:read" },
        { "user_id": "59392107315200009", "organization_id": "59392107315200001", "permission": "invoices:pay" }] })),
    responses((status = 200, body = AccessDecisions, example = json!({ "results": [
            { "allowed": true, "reason": "granted", "revision": "59392107315200001@7" },
            { "allowed": false, "reason": "missing_permission", "revision": "59392107315200001@7" }] })),
        (status = 409, body = Problem, description = "`revision_not_reached`")))]
pub(crate) async fn check_batch(
    State(app): State<App>,
    question: Question,
) -> Result<JsonText, ProblemResponse> {
    let AccessCheckBatch {
        checks,
        at_least,
        consistency,
    } = question.parse()?;
    if !(1..=CHECKS_MAX).contains(&checks.len()) {
        let message = format!("must be 1 to {CHECKS_MAX} checks");
        return Err(invalid_field("checks", message));
    }
    let demands = checks.iter().filter_map(|Object(check)| check.at_least);
    let access = app.guildhall.access(question.caller.deployment);
    let mut moments = Moments::new(
        access,
        consistency.unwrap_or_default(),
        demands.chain(at_least).collect(),
    );
    let mut answers = DecisionList::with_capacity(checks.len());
    for (index, Object(check)) in checks.into_iter().enumerate() {
        let at = |fault: FieldError| in_check(index, fault);
        let demanded = Demanded::check("permission", check.permission, check.mode)
            .map_err(|fault| refuse(at(fault)))?;
        if let Some(revision) = check.at_least
            && !moments.concerns(check.organization_id, revision)
        {
            return Err(refuse(at(stranger("at_least"))));
        }
        let held = moments.of(check.organization_id).await?;
        let texts = demanded.texts();
        let decision = held.check(check.user_id, &demanded.demand(&texts));
        answers.push(decision.reason(), held.revision());
    }
    moments.finish("at_least", at_least)?;
    Ok(answers.finish())
}

/// A fault of one check of a batch.
fn in_check(index: usize, fault: FieldError) -> FieldError {
    FieldError {
        field: format!("checks.{index}.{}", fault.field),
        ..fault
    }
}
