//! The lists of access. The path names what is known, its last word what is listed.

use std::borrow::Cow;
use std::fmt;

use axum::extract::State;
use guildhall_core::PageLimits;
use guildhall_core::access::{Demanded, Freshness};
use guildhall_types::access::{AccessHolder, AccessOrganization, Asked, EffectivePermission, Mode};
use guildhall_types::ids::{OrganizationId, UserId};
use guildhall_types::limits::{CHECK_PERMISSIONS_MAX, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};
use guildhall_types::{Page, Problem};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use utoipa::IntoParams;

use super::refuse;
use crate::answer::Listed;
use crate::app::App;
use crate::change::{Caller, Ids, invalid_field};
use crate::problem::ProblemResponse;
use crate::query::{self, CursorPaging, ListQuery};

const LIMITS: PageLimits = PageLimits {
    default: PAGE_LIMIT_DEFAULT,
    max: PAGE_LIMIT_MAX,
};

/// The permissions that a list is about.
#[derive(Clone, Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// The permission, meant literally. Repeat it to ask for several, at most 100.
    #[param(example = json!(["invoices:pay"]), min_items = 1, max_items = 100)]
    permission: Vec<String>,
    /// Whether all of several permissions must be held, which is the default, or any of them.
    #[param(value_type = Option<Mode>)]
    mode: Option<String>,
}

impl Filter {
    fn demanded(self) -> Result<Demanded<'static>, ProblemResponse> {
        let mode = match self.mode.as_deref() {
            None => None,
            Some("all") => Some(Mode::All),
            Some("any") => Some(Mode::Any),
            Some(_) => return Err(invalid_field("mode", "must be `all` or `any`")),
        };
        let permissions: Vec<Cow<'static, str>> =
            self.permission.into_iter().map(Cow::Owned).collect();
        let asked = match <[_; 1]>::try_from(permissions) {
            Ok([permission]) => Asked::One(permission),
            Err(permissions) if permissions.is_empty() => {
                return Err(invalid_field("permission", "is missing"));
            }
            Err(permissions) if permissions.len() > CHECK_PERMISSIONS_MAX => {
                let message = format!("must be there at most {CHECK_PERMISSIONS_MAX} times");
                return Err(invalid_field("permission", message));
            }
            Err(permissions) => Asked::Many(permissions),
        };
        Demanded::check("permission", asked, mode).map_err(refuse)
    }
}

/// By hand: the form that a derive understands has each parameter once.
impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FilterVisitor)
    }
}

struct FilterVisitor;

impl<'de> Visitor<'de> for FilterVisitor {
    type Value = Filter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a query string")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut query: M) -> Result<Filter, M::Error> {
        let mut filter = Filter::default();
        while let Some(name) = query.next_key::<Cow<'de, str>>()? {
            match &*name {
                "permission" => filter.permission.push(query.next_value()?),
                "mode" if filter.mode.is_some() => return Err(de::Error::duplicate_field("mode")),
                "mode" => filter.mode = Some(query.next_value()?),
                _ => {
                    query.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(filter)
    }
}

/// The user whose permissions are listed.
#[derive(Clone, Debug, Default, serde::Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Holder {
    /// The user.
    #[param(required, value_type = UserId)]
    user_id: Option<String>,
}

/// List who has a permission in an organization
///
/// The members whom a check of the same permission allows now, by user id. Suspended and ended memberships are not
/// among them.
#[utoipa::path(get, path = "/organizations/{organization_id}/access/holders", tag = "access",
    params(("organization_id" = OrganizationId, Path), CursorPaging, Filter),
    responses((status = 200, body = Page<AccessHolder>)))]
pub(crate) async fn holders(
    State(app): State<App>,
    caller: Caller,
    Ids(organization): Ids<OrganizationId>,
    query: ListQuery<Filter, CursorPaging>,
) -> Result<Listed<Page<AccessHolder>>, ProblemResponse> {
    let page = query.paging.request(LIMITS)?;
    let demanded = query.filter.demanded()?;
    let access = app.guildhall.access(caller.deployment);
    let holders = access.holders(organization, demanded, Freshness::default(), page);
    Ok(Listed(holders.await?))
}

/// List what a user may do in an organization
///
/// Every permission that the user has now, as the roles hold it: patterns stay patterns. Each tells the roles that
/// give it, and until when. The list is empty when the user is not let in; `POST /access/explain` says why.
#[utoipa::path(get, path = "/organizations/{organization_id}/access/permissions", tag = "access",
    params(("organization_id" = OrganizationId, Path), Holder),
    responses((status = 200, body = Page<EffectivePermission>),
        (status = 400, body = Problem, description = "`invalid_request`")))]
pub(crate) async fn permissions(
    State(app): State<App>,
    caller: Caller,
    Ids(organization): Ids<OrganizationId>,
    query: ListQuery<Holder, CursorPaging>,
) -> Result<Listed<Page<EffectivePermission>>, ProblemResponse> {
    let user = query::id("user_id", query.filter.user_id.as_deref())?
        .ok_or_else(|| invalid_field("user_id", "is missing"))?;
    let access = app.guildhall.access(caller.deployment);
    let permissions = access.permissions(organization, user, Freshness::default());
    Ok(Listed(permissions.await?))
}

/// List the organizations in which a user has a permission
///
/// The organizations in which a check of the same permission allows the user, by id.
#[utoipa::path(get, path = "/users/{user_id}/access/organizations", tag = "access",
    params(("user_id" = UserId, Path), CursorPaging, Filter),
    responses((status = 200, body = Page<AccessOrganization>)))]
pub(crate) async fn organizations(
    State(app): State<App>,
    caller: Caller,
    Ids(user): Ids<UserId>,
    query: ListQuery<Filter, CursorPaging>,
) -> Result<Listed<Page<AccessOrganization>>, ProblemResponse> {
    let page = query.paging.request(LIMITS)?;
    let demanded = query.filter.demanded()?;
    let access = app.guildhall.access(caller.deployment);
    let organizations = access.organizations(user, demanded, Freshness::default(), page);
    Ok(Listed(organizations.await?))
}
