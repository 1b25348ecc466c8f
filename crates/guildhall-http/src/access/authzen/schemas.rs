//! The searches, as the OpenAPI document tells them apart: each leaves out what it searches for.

use guildhall_types::access::authzen::{
    Action, Context, PageRequest, Resource, ResourceProperties, Subject,
};
use utoipa::ToSchema;

/// What is searched among.
#[derive(Debug, ToSchema)]
#[schema(as = AuthzenType)]
#[expect(dead_code, reason = "it describes the body in the OpenAPI document")]
pub(crate) struct Type {
    /// The type of what is searched for.
    #[schema(example = "user")]
    r#type: String,
}

/// A resource without an id.
#[derive(Debug, ToSchema)]
#[schema(as = AuthzenResourceType)]
#[expect(dead_code, reason = "it describes the body in the OpenAPI document")]
pub(crate) struct ResourceType {
    /// `organization`, or the type of a thing in an organization.
    #[schema(example = "organization")]
    r#type: String,
    /// Only the organization is read.
    properties: Option<ResourceProperties>,
}

/// What `POST /access/v1/search/subject` takes.
#[derive(Debug, ToSchema)]
#[schema(as = AuthzenSubjectSearch)]
#[expect(dead_code, reason = "it describes the body in the OpenAPI document")]
pub(crate) struct SubjectSearch {
    /// Only the type, `user` or `identity`, is read.
    subject: Type,
    /// What they may do.
    #[schema(value_type = Action)]
    action: Action<'static>,
    /// To what.
    #[schema(value_type = Resource)]
    resource: Resource<'static>,
    /// Under what circumstances.
    context: Option<Context>,
    /// Which part of the results.
    #[schema(value_type = Option<PageRequest>)]
    page: Option<PageRequest<'static>>,
}

/// What `POST /access/v1/search/resource` takes.
#[derive(Debug, ToSchema)]
#[schema(as = AuthzenResourceSearch)]
#[expect(dead_code, reason = "it describes the body in the OpenAPI document")]
pub(crate) struct ResourceSearch {
    /// Who may do it.
    #[schema(value_type = Subject)]
    subject: Subject<'static>,
    /// What the subject may do.
    #[schema(value_type = Action)]
    action: Action<'static>,
    /// An id is ignored.
    resource: ResourceType,
    /// Under what circumstances.
    context: Option<Context>,
    /// Which part of the results.
    #[schema(value_type = Option<PageRequest>)]
    page: Option<PageRequest<'static>>,
}

/// What `POST /access/v1/search/action` takes.
#[derive(Debug, ToSchema)]
#[schema(as = AuthzenActionSearch)]
#[expect(dead_code, reason = "it describes the body in the OpenAPI document")]
pub(crate) struct ActionSearch {
    /// Who may do it.
    #[schema(value_type = Subject)]
    subject: Subject<'static>,
    /// To what.
    #[schema(value_type = Resource)]
    resource: Resource<'static>,
    /// Under what circumstances.
    context: Option<Context>,
    /// Which part of the results.
    #[schema(value_type = Option<PageRequest>)]
    page: Option<PageRequest<'static>>,
}
