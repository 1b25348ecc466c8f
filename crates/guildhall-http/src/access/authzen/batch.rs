//! `POST /access/v1/evaluations`: several evaluations, with defaults around them and three ways to end.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use guildhall_core::access::Moments;
use guildhall_types::Problem;
use guildhall_types::access::authzen::{
    Decision, DecisionContext, Decisions, Evaluation, EvaluationError, Evaluations, Semantic,
};
use guildhall_types::access::{Consistency, Reason};
use guildhall_types::json::Object;
use guildhall_types::limits::CHECKS_MAX;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::AuthzenQuestion;
use super::evaluation::{decision, single};
use super::mapping::{Question, Terms};
use super::people::People;
use crate::access::{refuse, stranger};
use crate::answer::{Listed, Told};
use crate::app::App;
use crate::change::{Caller, invalid_field};
use crate::json;
use crate::problem::ProblemResponse;

/// The decisions; or the one decision, when no `evaluations` were sent.
#[derive(Debug, ToSchema)]
#[schema(as = AuthzenAnswer)]
#[expect(dead_code, reason = "it describes the answer in the OpenAPI document")]
#[serde(untagged)]
pub(crate) enum Answer {
    /// Of several evaluations.
    Decisions(Decisions),
    /// Of the one at the top of the request.
    Decision(Decision),
}

/// Evaluate several accesses (AuthZEN)
///
/// The Access Evaluations API of AuthZEN 1.0: at most 1,000 evaluations, those of one organization at one moment. What an
/// evaluation leaves out is taken from the top of the request. One that is not valid is denied, with the error in its
/// context; the others are answered.
#[utoipa::path(post, path = "/access/v1/evaluations", tag = "authzen",
    request_body(content = Evaluations, example = json!({ "subject": { "type": "user", "id": "59392107315200009" },
        "resource": { "type": "organization", "id": "59392107315200001" },
        "evaluations": [{ "action": { "name": "invoices:read" } }, { "action": { "name": "invoices:pay" } }],
        "options": { "evaluations_semantic": "deny_on_first_deny" } })),
    responses((status = 200, body = Answer, example = json!({ "evaluations": [
            { "decision": true, "context": { "reason": "granted", "revision": "59392107315200001@7" } },
            { "decision": false, "context": { "reason": "missing_permission", "revision": "59392107315200001@7" } }] })),
        (status = 409, body = Problem, description = "`revision_not_reached`")))]
pub(crate) async fn evaluations(
    State(app): State<App>,
    AuthzenQuestion(question): AuthzenQuestion,
) -> Result<Response, ProblemResponse> {
    let request = Batch::read(question.parse()?)?;
    let default = &request.default;
    if request.items.is_empty() {
        let decision = single(&app, question.caller, default).await?;
        return Ok(Told(decision).into_response());
    }
    let items: Vec<_> = request.items.iter().map(|item| parse(item)).collect();
    let questions: Vec<_> = items.iter().map(|own| ask(own, default)).collect();
    let mut answers = Answers::new(&app, question.caller, questions.iter().flatten());
    let mut evaluations = Vec::with_capacity(questions.len());
    for question in &questions {
        let decision = match question {
            Ok(question) => answers.to(question).await?,
            Err(problem) => failed(problem),
        };
        let ends = request.semantic.ends_with(decision.decision);
        evaluations.push(decision);
        if ends {
            break;
        }
    }
    Ok(Listed(Decisions { evaluations }).into_response())
}

fn parse(item: &RawValue) -> Result<Evaluation<'_>, ProblemResponse> {
    json::parse(item.get().as_bytes())
}

fn ask<'a>(
    own: &'a Result<Evaluation<'a>, ProblemResponse>,
    default: &'a Evaluation<'a>,
) -> Result<Question<'a>, ProblemResponse> {
    match own {
        Ok(own) => Terms { own, default }.question().map_err(refuse),
        Err(problem) => Err(problem.clone()),
    }
}

/// What was sent, taken apart.
#[derive(Debug)]
struct Batch<'a> {
    default: Evaluation<'a>,
    items: Vec<&'a RawValue>,
    semantic: Semantic,
}

impl<'a> Batch<'a> {
    fn read(request: Evaluations<'a>) -> Result<Self, ProblemResponse> {
        let items = request.evaluations.unwrap_or_default();
        if items.len() > CHECKS_MAX {
            let message = format!("must be at most {CHECKS_MAX} evaluations");
            return Err(invalid_field("evaluations", message));
        }
        if let Some(index) = items.iter().position(|item| !item.get().starts_with('{')) {
            let field = format!("evaluations.{index}");
            return Err(invalid_field(&field, "must be a JSON object"));
        }
        let options = request.options.map(|Object(options)| options);
        Ok(Self {
            default: Evaluation {
                subject: request.subject,
                action: request.action,
                resource: request.resource,
                context: request.context,
            },
            items,
            semantic: options
                .and_then(|options| options.evaluations_semantic)
                .unwrap_or_default(),
        })
    }
}

/// Answers the questions of a batch, each organization at one moment.
#[derive(Debug)]
struct Answers<'a> {
    people: People<'a>,
    moments: Moments,
}

impl<'a> Answers<'a> {
    fn new<'q>(
        app: &'a App,
        caller: Caller,
        questions: impl Iterator<Item = &'q Question<'q>>,
    ) -> Self {
        let (mut consistency, mut at_least) = (Consistency::Cached, Vec::new());
        for question in questions {
            // One moment for all: if one of them must be read from the database, all are.
            if question.freshness.consistency == Consistency::Full {
                consistency = Consistency::Full;
            }
            at_least.extend(question.freshness.at_least);
        }
        let access = app.guildhall.access(caller.deployment);
        Self {
            people: People::new(&app.guildhall, caller.deployment),
            moments: Moments::new(access, consistency, at_least),
        }
    }

    async fn to(&mut self, question: &Question<'a>) -> Result<Decision, ProblemResponse> {
        let user = self.people.user(question.who).await?;
        let Some(organization) = question.organization else {
            return Ok(decision(Reason::OrganizationNotFound, None));
        };
        if let Some(revision) = question.freshness.at_least
            && !self.moments.concerns(organization, revision)
        {
            return Ok(failed(&refuse(stranger("context.at_least"))));
        }
        let held = self.moments.of(organization).await?;
        let texts = question.demanded.texts();
        let decided = match user {
            Some(user) => held.check(user, &question.demanded.demand(&texts)),
            None => held.check_nobody(),
        };
        Ok(decision(decided.reason(), held.revision()))
    }
}

/// An evaluation that could not be carried out is denied.
fn failed(problem: &ProblemResponse) -> Decision {
    let code = problem.code();
    Decision {
        decision: false,
        context: DecisionContext {
            error: Some(EvaluationError {
                status: code.status(),
                code: code.word(),
                message: problem.message().to_owned(),
                fields: problem.fields().to_vec(),
            }),
            ..DecisionContext::default()
        },
    }
}
