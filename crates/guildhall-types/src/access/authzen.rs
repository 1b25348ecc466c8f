//! The Authorization API 1.0 of the AuthZEN working group, as Guildhall reads and answers it.
//!
//! The specification allows any property in a subject, a resource, an action and a context; only those that decide
//! something here are read. What is required is optional in these shapes, because a field of one evaluation may stand
//! at the top of the request instead; whoever reads them asks for it by name.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Consistency, Reason};
use crate::errors::FieldError;
use crate::ids::OrganizationId;
use crate::json::{Object, Text};
use crate::revisions::Revision;

/// Who wants to do something.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenSubject))]
pub struct Subject<'a> {
    /// `user`: the id is Guildhall's. `identity`: the id is the user's `external_id`, such as the `sub` of a token.
    #[serde(borrow, rename = "type")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required, example = "user"))]
    pub kind: Option<Text<'a>>,
    /// The user. Ignored by a search for subjects.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "59392107315200009"))]
    pub id: Option<Text<'a>>,
}

/// What is done.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenAction))]
pub struct Action<'a> {
    /// With a resource of the type `organization`, the permission. With any other, the part of the permission before the
    /// resource's id.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required, example = "invoices:pay"))]
    pub name: Option<Text<'a>>,
}

/// What it is done to.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenResource))]
pub struct Resource<'a> {
    /// `organization`, or the type of a thing in an organization.
    #[serde(borrow, rename = "type")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required, example = "organization"))]
    pub kind: Option<Text<'a>>,
    /// The organization, or the thing. Ignored by a search for resources.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "59392107315200001"))]
    pub id: Option<Text<'a>>,
    /// Only the organization is read.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ResourceProperties>))]
    pub properties: Option<Object<ResourceProperties>>,
}

/// Where a thing is.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenResourceProperties))]
pub struct ResourceProperties {
    /// The organization of the thing; goes before the one in the context.
    pub organization_id: Option<OrganizationId>,
}

/// What surrounds the question.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenContext))]
pub struct Context {
    /// The organization of a thing that does not say it itself.
    pub organization_id: Option<OrganizationId>,
    /// A `guildhall-revision` that a change answered: the decision is not older than that.
    pub at_least: Option<Revision>,
    /// `cached`, which is the default, or `full`.
    pub consistency: Option<Consistency>,
}

/// What `POST /access/v1/evaluation` takes, and each of the `evaluations` of a batch.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenEvaluation))]
pub struct Evaluation<'a> {
    /// Who.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = Subject, required))]
    pub subject: Option<Object<Subject<'a>>>,
    /// Does what.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = Action, required))]
    pub action: Option<Object<Action<'a>>>,
    /// To what.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = Resource, required))]
    pub resource: Option<Object<Resource<'a>>>,
    /// Under what circumstances.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Context>))]
    pub context: Option<Object<Context>>,
}

/// What `POST /access/v1/evaluations` takes.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenEvaluations))]
pub struct Evaluations<'a> {
    /// Who, in the evaluations that do not say it themselves; parts may be missing here.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub subject: Option<Object<Subject<'a>>>,
    /// Does what, in the evaluations that do not say it themselves; parts may be missing here.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub action: Option<Object<Action<'a>>>,
    /// To what, in the evaluations that do not say it themselves; parts may be missing here.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub resource: Option<Object<Resource<'a>>>,
    /// Under what circumstances, in the evaluations that do not say it themselves.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Context>))]
    pub context: Option<Object<Context>>,
    /// At most 1,000. Absent or empty, the request is a single evaluation.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Object>>, max_items = 1000))]
    pub evaluations: Option<Vec<&'a RawValue>>,
    /// How the evaluations are carried out.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Options>))]
    pub options: Option<Object<Options>>,
}

/// How the evaluations of a batch are carried out.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenOptions))]
pub struct Options {
    /// `execute_all`, which is the default, `deny_on_first_deny` or `permit_on_first_permit`.
    pub evaluations_semantic: Option<Semantic>,
}

/// When a batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenSemantic))]
#[serde(rename_all = "snake_case")]
pub enum Semantic {
    /// After its last evaluation.
    #[default]
    ExecuteAll,
    /// After the first that is denied.
    DenyOnFirstDeny,
    /// After the first that is permitted.
    PermitOnFirstPermit,
}

impl Semantic {
    /// Whether a batch ends with a decision like this.
    pub fn ends_with(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

/// What the three searches take. Each leaves out what it searches for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Search<'a> {
    /// Who.
    #[serde(borrow)]
    pub subject: Option<Object<Subject<'a>>>,
    /// Does what.
    #[serde(borrow)]
    pub action: Option<Object<Action<'a>>>,
    /// To what.
    #[serde(borrow)]
    pub resource: Option<Object<Resource<'a>>>,
    /// Under what circumstances.
    pub context: Option<Object<Context>>,
    /// Which part of the results.
    #[serde(borrow)]
    pub page: Option<Object<PageRequest<'a>>>,
}

/// Which part of the results of a search is wanted.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenPageRequest))]
pub struct PageRequest<'a> {
    /// The `next_token` of the page before, for the same search.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub token: Option<Text<'a>>,
    /// How many results a page has; a larger number than 1,000 is cut.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub limit: Option<i64>,
}

/// The answer of an evaluation.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenDecision))]
pub struct Decision {
    /// Whether the subject may do it.
    pub decision: bool,
    /// Why.
    pub context: DecisionContext,
}

/// Why an evaluation is answered as it is.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenDecisionContext))]
pub struct DecisionContext {
    /// The reason, in the words of `POST /access/check`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The revision of the organization that the decision holds at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// What is wrong with this one of several evaluations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<EvaluationError>,
}

/// What is wrong with one of several evaluations.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenEvaluationError))]
pub struct EvaluationError {
    /// The HTTP status that it would have alone.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: String,
    /// The fields that broke a rule.
    pub fields: Vec<FieldError>,
}

/// The answer of `POST /access/v1/evaluations` to several evaluations.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenDecisions))]
pub struct Decisions {
    /// The decisions, in the order of the evaluations, as far as the semantic went.
    pub evaluations: Vec<Decision>,
}

/// The answer of a search.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchResults<T> {
    /// Where the results stand.
    pub page: ResultPage,
    /// The results.
    pub results: Vec<T>,
}

/// Where the results of a search stand.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenResultPage))]
pub struct ResultPage {
    /// What to send as `page.token` for the results that follow; empty on the last page.
    pub next_token: String,
    /// How many results are here.
    pub count: u64,
    /// How many results there are on all pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// A subject or a resource that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenFoundEntity))]
pub struct FoundEntity {
    /// The type that was searched for.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id.
    pub id: String,
}

/// An action that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenFoundAction))]
pub struct FoundAction {
    /// The name of the action.
    pub name: String,
}

/// The answer of `GET /.well-known/authzen-configuration`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuthzenConfiguration))]
pub struct Configuration {
    /// The address of this server.
    #[cfg_attr(feature = "openapi", schema(example = "https://guildhall.example.com"))]
    pub policy_decision_point: String,
    /// Where a single evaluation is asked for.
    pub access_evaluation_endpoint: String,
    /// Where several are asked for.
    pub access_evaluations_endpoint: String,
    /// Where subjects are searched for.
    pub search_subject_endpoint: String,
    /// Where resources are searched for.
    pub search_resource_endpoint: String,
    /// Where actions are searched for.
    pub search_action_endpoint: String,
}
