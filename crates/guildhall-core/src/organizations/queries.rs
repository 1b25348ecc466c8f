//! Reading organizations.

use guildhall_db::{Param, statements};
use guildhall_types::ids::{OrganizationId, UserId};
use guildhall_types::organizations::{Organization, OrganizationDetails};
use guildhall_types::{Page, Revision};
use serde::Serialize;

use super::endings;
use super::rows::{OrganizationRow, columns, load};
use crate::counts::{self, Noun};
use crate::fields::search_key;
use crate::lists::{List, Ordered, orders};
use crate::normalise;
use crate::paging::{Effort, PageRequest};
use crate::refusal::Refusal;
use crate::roles;
use crate::scope::ReadTx;

/// What a list of organizations is narrowed to; all that are given must hold.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OrganizationFilter {
    /// A substring of the name, without regard to case.
    pub search: Option<String>,
    /// The slug, exactly.
    pub slug: Option<String>,
    /// The id in another system, exactly.
    pub external_id: Option<String>,
    /// A user who is a member.
    pub user_id: Option<UserId>,
}

/// What a list of organizations is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationSort {
    /// The order in which they were created.
    #[default]
    CreatedAt,
    /// The folded name.
    Name,
    /// The number of members.
    MemberCount,
    /// The last change of their own fields.
    UpdatedAt,
}

statements! {
    COUNT_SEARCHED = "SELECT COUNT(*) FROM organizations o WHERE o.deployment_id = ?1 AND o.id IN (
          SELECT e.organization_id FROM organization_name_endings e
          WHERE e.deployment_id = ?1 AND e.ending >= ?2 AND e.ending < ?3)
        AND o.name_key LIKE ?4 ESCAPE '\\'";
    COUNT_OF_USER = "SELECT COUNT(*) FROM organization_members m CROSS JOIN organizations o
        WHERE m.deployment_id = ?1 AND m.user_id = ?2
          AND o.deployment_id = ?1 AND o.id = m.organization_id AND o.name_key LIKE ?3 ESCAPE '\\'";
    FIND_BY_SLUG = concat!("SELECT o.name_key, ", columns!(), " FROM organizations o
        WHERE o.deployment_id = ?1 AND o.slug = ?2");
    FIND_BY_EXTERNAL_ID = concat!("SELECT o.name_key, ", columns!(), " FROM organizations o
        WHERE o.deployment_id = ?1 AND o.external_id = ?2");
    IS_MEMBER = "SELECT 1 FROM organization_members
        WHERE deployment_id = ?1 AND organization_id = ?2 AND user_id = ?3";
}

macro_rules! all {
    () => {
        "organizations o WHERE o.deployment_id = ?1"
    };
}
macro_rules! searched {
    () => {
        "organizations o WHERE o.deployment_id = ?1 AND o.id IN (
            SELECT e.organization_id FROM organization_name_endings e
            WHERE e.deployment_id = ?1 AND e.ending >= ?6 AND e.ending < ?7)
          AND o.name_key LIKE ?8 ESCAPE '\\'"
    };
}
macro_rules! of_user {
    () => {
        "organization_members m CROSS JOIN organizations o
          WHERE m.deployment_id = ?1 AND m.user_id = ?6
            AND o.deployment_id = ?1 AND o.id = m.organization_id AND o.name_key LIKE ?7 ESCAPE '\\'"
    };
}

orders! {
    columns!(), "o.id";
    ALL_BY_CREATED_AT: all!(), Numbers "o.id";
    ALL_BY_NAME: all!(), Texts "o.name_key";
    ALL_BY_MEMBER_COUNT: all!(), Numbers "o.member_count";
    ALL_BY_UPDATED_AT: all!(), Numbers "o.updated_at";
    SEARCHED_BY_CREATED_AT: searched!(), Numbers "o.id";
    SEARCHED_BY_NAME: searched!(), Texts "o.name_key";
    SEARCHED_BY_MEMBER_COUNT: searched!(), Numbers "o.member_count";
    SEARCHED_BY_UPDATED_AT: searched!(), Numbers "o.updated_at";
    OF_USER_BY_CREATED_AT: of_user!(), Numbers "o.id";
    OF_USER_BY_NAME: of_user!(), Texts "o.name_key";
    OF_USER_BY_MEMBER_COUNT: of_user!(), Numbers "o.member_count";
    OF_USER_BY_UPDATED_AT: of_user!(), Numbers "o.updated_at";
}

/// Where a list takes its rows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    All,
    Searched,
    OfUser,
}

fn ordered(source: Source, sort: OrganizationSort) -> &'static Ordered {
    use OrganizationSort::{CreatedAt, MemberCount, Name, UpdatedAt};
    match (source, sort) {
        (Source::All, CreatedAt) => &ALL_BY_CREATED_AT,
        (Source::All, Name) => &ALL_BY_NAME,
        (Source::All, MemberCount) => &ALL_BY_MEMBER_COUNT,
        (Source::All, UpdatedAt) => &ALL_BY_UPDATED_AT,
        (Source::Searched, CreatedAt) => &SEARCHED_BY_CREATED_AT,
        (Source::Searched, Name) => &SEARCHED_BY_NAME,
        (Source::Searched, MemberCount) => &SEARCHED_BY_MEMBER_COUNT,
        (Source::Searched, UpdatedAt) => &SEARCHED_BY_UPDATED_AT,
        (Source::OfUser, CreatedAt) => &OF_USER_BY_CREATED_AT,
        (Source::OfUser, Name) => &OF_USER_BY_NAME,
        (Source::OfUser, MemberCount) => &OF_USER_BY_MEMBER_COUNT,
        (Source::OfUser, UpdatedAt) => &OF_USER_BY_UPDATED_AT,
    }
}

/// One organization with the roles that its members can hold, and the revision that this belongs to.
pub fn details(
    tx: &ReadTx<'_>,
    id: OrganizationId,
) -> Result<(OrganizationDetails, Revision), Refusal> {
    let row = load(tx, id)?;
    let revision = Revision {
        stream: id.raw(),
        number: row.revision,
    };
    let details = OrganizationDetails {
        organization: row.wire(tx),
        roles: roles::all(tx, id)?,
        workspaces: Vec::new(),
        segments: Vec::new(),
    };
    Ok((details, revision))
}

/// How much work such a page is.
pub fn effort(filter: &OrganizationFilter, request: &PageRequest) -> Effort {
    // A slug and an external id are unique: one row.
    request.effort(filter.search.is_none() && filter.user_id.is_none())
}

/// A page of the deployment's organizations.
pub fn list(
    tx: &ReadTx<'_>,
    filter: &OrganizationFilter,
    sort: OrganizationSort,
    request: &PageRequest,
) -> Result<Page<Organization>, Refusal> {
    let search = search_key(filter.search.as_deref())?;
    let page = if filter.slug.is_some() || filter.external_id.is_some() {
        request.page_of_one(find(tx, filter, search.as_deref())?)
    } else {
        select(tx, filter, search.as_deref(), sort, request)?
    };
    Ok(page.map(|row| row.wire(tx)))
}

/// The one organization with this slug or external id, if it also fits the rest of the filter.
fn find(
    tx: &ReadTx<'_>,
    filter: &OrganizationFilter,
    search: Option<&str>,
) -> Result<Option<OrganizationRow>, Refusal> {
    let deployment = tx.deployment.id();
    let read = |row: &guildhall_db::Row<'_>| {
        let name_key = row.text(0)?;
        let fits = search.is_none_or(|search| name_key.contains(search));
        Ok::<_, Refusal>((OrganizationRow::read(row, 1)?, fits))
    };
    let found = if let Some(slug) = &filter.slug {
        tx.sql.one(&FIND_BY_SLUG, &[&deployment, slug], read)?
    } else {
        tx.sql.one(
            &FIND_BY_EXTERNAL_ID,
            &[&deployment, &filter.external_id],
            read,
        )?
    };
    let Some((row, true)) = found else {
        return Ok(None);
    };
    if filter.external_id.is_some() && row.external_id != filter.external_id {
        return Ok(None);
    }
    if let Some(user) = filter.user_id
        && tx
            .sql
            .one(&IS_MEMBER, &[&deployment, &row.id, &user], |_| {
                Ok::<_, Refusal>(())
            })?
            .is_none()
    {
        return Ok(None);
    }
    Ok(Some(row))
}

fn select(
    tx: &ReadTx<'_>,
    filter: &OrganizationFilter,
    search: Option<&str>,
    sort: OrganizationSort,
    request: &PageRequest,
) -> Result<Page<OrganizationRow>, Refusal> {
    let (source, values, total) = source(tx, filter, search)?;
    let filters: Vec<&dyn Param> = values.iter().map(AsRef::as_ref).collect();
    let list = List {
        query: ("organizations", filter, sort),
        ordered: ordered(source, sort),
        filters: &filters,
        total,
    };
    list.page(tx, request, OrganizationRow::read)
}

/// A source, what its statement takes from `?6` on, and how many rows it has.
type Sourced = (Source, Vec<Box<dyn Param>>, u64);

fn source(
    tx: &ReadTx<'_>,
    filter: &OrganizationFilter,
    search: Option<&str>,
) -> Result<Sourced, Refusal> {
    let deployment = tx.deployment.id();
    let pattern = normalise::like_pattern(search.unwrap_or_default());
    let count = |row: &guildhall_db::Row<'_>| Ok::<_, Refusal>(row.get::<u64>(0)?);
    if let Some(user) = filter.user_id {
        let total = tx
            .sql
            .one(&COUNT_OF_USER, &[&deployment, &user, &pattern], count)?;
        return Ok((
            Source::OfUser,
            vec![Box::new(user), Box::new(pattern)],
            total.unwrap_or_default(),
        ));
    }
    let Some(search) = search else {
        let total = counts::total(tx.sql, deployment, Noun::Organizations)?;
        return Ok((Source::All, Vec::new(), total));
    };
    let (from, to) = endings::range(search);
    let total = tx
        .sql
        .one(&COUNT_SEARCHED, &[&deployment, &from, &to, &pattern], count)?;
    let filters: Vec<Box<dyn Param>> = vec![Box::new(from), Box::new(to), Box::new(pattern)];
    Ok((Source::Searched, filters, total.unwrap_or_default()))
}
