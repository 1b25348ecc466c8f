//! `POST /access/v1/search/…`: who may do it, to what it may be done, what may be done.
//!
//! What is found are members, organizations, and the permissions that roles name; each was checked. A wildcard gives
//! more than any list can hold: of what it gives, that is found which some role names.

use axum::extract::State;
use guildhall_core::access::Named;
use guildhall_core::{PageLimits, PageRequest, Refusal, users};
use guildhall_types::access::authzen::{
    Evaluation, FoundAction, FoundEntity, ResultPage, Search, SearchResults,
};
use guildhall_types::ids::{OrganizationId, UserId};
use guildhall_types::json::Object;
use guildhall_types::limits::PAGE_LIMIT_MAX;
use guildhall_types::{ErrorCode, Page, Problem};

use super::mapping::{IDENTITY, ORGANIZATION, Target, Terms, USER};
use super::people::People;
use super::schemas::{ActionSearch, ResourceSearch, SubjectSearch};
use super::{AuthzenQuestion, concerned, concerned_all};
use crate::access::refuse;
use crate::answer::Listed;
use crate::app::App;
use crate::change::{Caller, invalid_field};
use crate::problem::ProblemResponse;
use crate::query;

/// A search without a limit gives as much as one with the largest.
const LIMITS: PageLimits = PageLimits {
    default: PAGE_LIMIT_MAX,
    max: PAGE_LIMIT_MAX,
};

type Found<T> = Result<Listed<SearchResults<T>>, ProblemResponse>;

/// Search for subjects (AuthZEN)
///
/// Who may do this to this resource. Subjects of the type `user` are found with their ids, those of the type `identity` with
/// their `external_id`, where they have one; there are no others.
#[utoipa::path(post, path = "/access/v1/search/subject", tag = "authzen",
    request_body(content = SubjectSearch, example = json!({ "subject": { "type": "user" },
        "action": { "name": "invoices:pay" }, "resource": { "type": "organization", "id": "59392107315200001" } })),
    responses((status = 200, body = SearchResults<FoundEntity>, example = json!({
            "page": { "next_token": "", "count": 1, "total": 1 },
            "results": [{ "type": "user", "id": "59392107315200009" }] })),
        (status = 400, body = Problem, description = "`invalid_cursor`"),
        (status = 409, body = Problem, description = "`revision_not_reached`")))]
pub(crate) async fn search_subject(
    State(app): State<App>,
    AuthzenQuestion(question): AuthzenQuestion,
) -> Found<FoundEntity> {
    let (search, page) = parts(question.parse()?)?;
    let terms = Terms::alone(&search);
    let kind = terms.subject_type().map_err(refuse)?;
    let target = terms.target().map_err(refuse)?;
    let demanded = terms.demanded(target).map_err(refuse)?.into_owned();
    let Some(organization) = target
        .organization()
        .filter(|_| matches!(kind, USER | IDENTITY))
    else {
        return Ok(nothing());
    };
    let deployment = question.caller.deployment;
    let access = app.guildhall.access(deployment);
    let freshness = terms.freshness();
    concerned(&access, organization, freshness)?;
    let holders = access
        .holders(organization, demanded, freshness, page)
        .await;
    let Some(holders) = or_nothing(holders)? else {
        return Ok(nothing());
    };
    if kind == USER {
        return Ok(found(holders, |holder| {
            Some(entity(kind, holder.user_id.to_string()))
        }));
    }
    let users: Vec<UserId> = holders.data.iter().map(|holder| holder.user_id).collect();
    let external_ids = app
        .guildhall
        .list(deployment, move |tx| users::external_ids(tx, &users))
        .await?;
    let mut external_ids = external_ids.into_iter();
    Ok(found(holders, |_| {
        external_ids.next().flatten().map(|id| entity(kind, id))
    }))
}

/// Search for resources (AuthZEN)
///
/// To what this subject may do this. Resources of the type `organization` are the organizations in which the subject has
/// the permission; those of any other type are the things in one organization whose permission some role names. Of the
/// organizations, `context.at_least` can only be a revision of the deployment.
#[utoipa::path(post, path = "/access/v1/search/resource", tag = "authzen",
    request_body(content = ResourceSearch, example = json!({ "subject": { "type": "user", "id": "59392107315200009" },
        "action": { "name": "invoices:pay" }, "resource": { "type": "organization" } })),
    responses((status = 200, body = SearchResults<FoundEntity>, example = json!({
            "page": { "next_token": "", "count": 1, "total": 1 },
            "results": [{ "type": "organization", "id": "59392107315200001" }] })),
        (status = 400, body = Problem, description = "`invalid_cursor`"),
        (status = 409, body = Problem, description = "`revision_not_reached`")))]
pub(crate) async fn search_resource(
    State(app): State<App>,
    AuthzenQuestion(question): AuthzenQuestion,
) -> Found<FoundEntity> {
    let (search, page) = parts(question.parse()?)?;
    let terms = Terms::alone(&search);
    let (kind, action) = (
        terms.resource_type().map_err(refuse)?,
        terms.action().map_err(refuse)?,
    );
    let user = People::new(&app.guildhall, question.caller.deployment)
        .user(terms.who().map_err(refuse)?)
        .await?;
    if kind == ORGANIZATION {
        let demanded = terms
            .demanded(Target::Organization(None))
            .map_err(refuse)?
            .into_owned();
        let access = app.guildhall.access(question.caller.deployment);
        let freshness = terms.freshness();
        concerned_all(&access, freshness)?;
        let Some(user) = user else {
            return Ok(nothing());
        };
        let organizations = access.organizations(user, demanded, freshness, page);
        let organizations = or_nothing(organizations.await)?;
        return Ok(organizations.map_or_else(nothing, |page| {
            found(page, |found| {
                Some(entity(kind, found.organization_id.to_string()))
            })
        }));
    }
    let organization = terms.surroundings().map_err(refuse)?;
    let start = format!("{action}:");
    let place = Place {
        organization,
        user,
        named: Named::StartingWith(start.clone()),
    };
    let named = place
        .permissions(&app, question.caller, terms, page)
        .await?;
    Ok(named.map_or_else(nothing, |page| {
        found(page, |text| {
            text.strip_prefix(&start)
                .map(|id| entity(kind, id.to_owned()))
        })
    }))
}

/// Search for actions (AuthZEN)
///
/// What this subject may do to this resource: of the permissions that some role of the organization or of the deployment
/// names, those that the subject has.
#[utoipa::path(post, path = "/access/v1/search/action", tag = "authzen",
    request_body(content = ActionSearch, example = json!({ "subject": { "type": "user", "id": "59392107315200009" },
        "resource": { "type": "organization", "id": "59392107315200001" } })),
    responses((status = 200, body = SearchResults<FoundAction>, example = json!({
            "page": { "next_token": "", "count": 2, "total": 2 },
            "results": [{ "name": "invoices:pay" }, { "name": "invoices:read" }] })),
        (status = 400, body = Problem, description = "`invalid_cursor`"),
        (status = 409, body = Problem, description = "`revision_not_reached`")))]
pub(crate) async fn search_action(
    State(app): State<App>,
    AuthzenQuestion(question): AuthzenQuestion,
) -> Found<FoundAction> {
    let (search, page) = parts(question.parse()?)?;
    let terms = Terms::alone(&search);
    let target = terms.target().map_err(refuse)?;
    let user = People::new(&app.guildhall, question.caller.deployment)
        .user(terms.who().map_err(refuse)?)
        .await?;
    let (named, end) = match target {
        Target::Organization(_) => (Named::All, String::new()),
        Target::Thing(_, id) => {
            let end = format!(":{id}");
            (Named::EndingWith(end.clone()), end)
        }
    };
    let Some(organization) = target.organization() else {
        return Ok(nothing());
    };
    let place = Place {
        organization,
        user,
        named,
    };
    let named = place
        .permissions(&app, question.caller, terms, page)
        .await?;
    let action = |text: String| {
        text.strip_suffix(&end).map(|name| FoundAction {
            name: name.to_owned(),
        })
    };
    Ok(named.map_or_else(nothing, |page| found(page, action)))
}

/// Where permissions are searched for, and for whom.
#[derive(Clone, Debug)]
struct Place {
    organization: OrganizationId,
    user: Option<UserId>,
    named: Named,
}

impl Place {
    async fn permissions(
        self,
        app: &App,
        caller: Caller,
        terms: Terms<'_>,
        page: PageRequest,
    ) -> Result<Option<Page<String>>, ProblemResponse> {
        let Some(user) = self.user else {
            return Ok(None);
        };
        let access = app.guildhall.access(caller.deployment);
        let freshness = terms.freshness();
        concerned(&access, self.organization, freshness)?;
        or_nothing(
            access
                .named_permissions(self.organization, user, self.named, freshness, page)
                .await,
        )
    }
}

/// What is searched for, and which part of it.
fn parts(search: Search<'_>) -> Result<(Evaluation<'_>, PageRequest), ProblemResponse> {
    let page = search.page.map(|Object(page)| page).unwrap_or_default();
    if page.limit.is_some_and(|limit| limit < 1) {
        return Err(invalid_field("page.limit", "must be at least 1"));
    }
    let token = page.token.map(|token| token.0.into_owned());
    let request = query::by_cursor(LIMITS, page.limit, token)?;
    let evaluation = Evaluation {
        subject: search.subject,
        action: search.action,
        resource: search.resource,
        context: search.context,
    };
    Ok((evaluation, request))
}

/// The page of a search. Who or what does not exist is not found, which is no error.
fn or_nothing<T>(page: Result<Page<T>, Refusal>) -> Result<Option<Page<T>>, ProblemResponse> {
    let refusal = match page {
        Ok(page) => return Ok(Some(page)),
        Err(refusal) => refusal,
    };
    match refusal.code() {
        Some(ErrorCode::OrganizationNotFound | ErrorCode::UserNotFound) => Ok(None),
        Some(code @ ErrorCode::InvalidCursor) => {
            let message = "`page.token` was not given by this search; begin without it";
            Err(ProblemResponse::new(code, message))
        }
        _ => Err(refusal.into()),
    }
}

fn found<T, U>(page: Page<T>, item: impl FnMut(T) -> Option<U>) -> Listed<SearchResults<U>> {
    let results: Vec<U> = page.data.into_iter().filter_map(item).collect();
    Listed(SearchResults {
        page: ResultPage {
            next_token: page.next_cursor.unwrap_or_default(),
            count: results.len() as u64,
            total: Some(page.total),
        },
        results,
    })
}

fn nothing<T>() -> Listed<SearchResults<T>> {
    Listed(SearchResults {
        page: ResultPage {
            total: Some(0),
            ..ResultPage::default()
        },
        results: Vec::new(),
    })
}

fn entity(kind: &str, id: String) -> FoundEntity {
    FoundEntity {
        kind: kind.to_owned(),
        id,
    }
}
