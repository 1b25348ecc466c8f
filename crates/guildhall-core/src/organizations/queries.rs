//! Reading organizations.

use guildhall_db::{Param, Stmt, statements};
use guildhall_types::ids::{OrganizationId, UserId};
use guildhall_types::organizations::{Organization, OrganizationDetails};
use guildhall_types::{Page, Revision};
use serde::Serialize;

use super::endings;
use super::rows::{OrganizationRow, columns, load};
use crate::counts::{self, Noun};
use crate::cursor::{Binding, Cursor, Key};
use crate::fields::search_key;
use crate::normalise;
use crate::paging::{Effort, Order, PageRequest};
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

// The statements are enumerated, not glued together: source × sort key × direction. `?2` and `?3` are the sort key and
// id of the cursor, or the end of the order where the list begins.
macro_rules! selects {
    ($($name:ident: $from:expr, $key:literal, $past:literal, $direction:literal;)+) => {
        statements! {
            COUNT_SEARCHED = "SELECT COUNT(*) FROM organizations o WHERE o.deployment_id = ?1 AND o.id IN (
                  SELECT e.organization_id FROM organization_name_endings e
                  WHERE e.deployment_id = ?1 AND e.ending >= ?2 AND e.ending < ?3)
                AND o.name_key LIKE ?4 ESCAPE '\\'";
            COUNT_OF_USER = "SELECT COUNT(*) FROM organization_members m CROSS JOIN organizations o
                WHERE m.deployment_id = ?1 AND m.user_id = ?2
                  AND o.deployment_id = ?1 AND o.id = m.organization_id AND o.name_key LIKE ?3 ESCAPE '\\'";
            FIND_BY_SLUG = concat!("SELECT ", columns!(), " FROM organizations o
                WHERE o.deployment_id = ?1 AND o.slug = ?2");
            FIND_BY_EXTERNAL_ID = concat!("SELECT ", columns!(), " FROM organizations o
                WHERE o.deployment_id = ?1 AND o.external_id = ?2");
            IS_MEMBER = "SELECT 1 FROM organization_members
                WHERE deployment_id = ?1 AND organization_id = ?2 AND user_id = ?3";
            $($name = concat!("SELECT ", columns!(), " FROM ", $from,
                " AND (", $key, ", o.id) ", $past, " (?2, ?3)
                ORDER BY ", $key, " ", $direction, ", o.id ", $direction, " LIMIT ?4 OFFSET ?5");)+
        }
    };
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

selects! {
    ALL_BY_CREATED_AT_ASC: all!(), "o.id", ">", "ASC";
    ALL_BY_CREATED_AT_DESC: all!(), "o.id", "<", "DESC";
    ALL_BY_NAME_ASC: all!(), "o.name_key", ">", "ASC";
    ALL_BY_NAME_DESC: all!(), "o.name_key", "<", "DESC";
    ALL_BY_MEMBER_COUNT_ASC: all!(), "o.member_count", ">", "ASC";
    ALL_BY_MEMBER_COUNT_DESC: all!(), "o.member_count", "<", "DESC";
    ALL_BY_UPDATED_AT_ASC: all!(), "o.updated_at", ">", "ASC";
    ALL_BY_UPDATED_AT_DESC: all!(), "o.updated_at", "<", "DESC";
    SEARCHED_BY_CREATED_AT_ASC: searched!(), "o.id", ">", "ASC";
    SEARCHED_BY_CREATED_AT_DESC: searched!(), "o.id", "<", "DESC";
    SEARCHED_BY_NAME_ASC: searched!(), "o.name_key", ">", "ASC";
    SEARCHED_BY_NAME_DESC: searched!(), "o.name_key", "<", "DESC";
    SEARCHED_BY_MEMBER_COUNT_ASC: searched!(), "o.member_count", ">", "ASC";
    SEARCHED_BY_MEMBER_COUNT_DESC: searched!(), "o.member_count", "<", "DESC";
    SEARCHED_BY_UPDATED_AT_ASC: searched!(), "o.updated_at", ">", "ASC";
    SEARCHED_BY_UPDATED_AT_DESC: searched!(), "o.updated_at", "<", "DESC";
    OF_USER_BY_CREATED_AT_ASC: of_user!(), "o.id", ">", "ASC";
    OF_USER_BY_CREATED_AT_DESC: of_user!(), "o.id", "<", "DESC";
    OF_USER_BY_NAME_ASC: of_user!(), "o.name_key", ">", "ASC";
    OF_USER_BY_NAME_DESC: of_user!(), "o.name_key", "<", "DESC";
    OF_USER_BY_MEMBER_COUNT_ASC: of_user!(), "o.member_count", ">", "ASC";
    OF_USER_BY_MEMBER_COUNT_DESC: of_user!(), "o.member_count", "<", "DESC";
    OF_USER_BY_UPDATED_AT_ASC: of_user!(), "o.updated_at", ">", "ASC";
    OF_USER_BY_UPDATED_AT_DESC: of_user!(), "o.updated_at", "<", "DESC";
}

/// Where a list takes its rows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    All,
    Searched,
    OfUser,
}

fn statement(source: Source, sort: OrganizationSort, order: Order) -> &'static Stmt {
    use Order::{Ascending, Descending};
    use OrganizationSort::{CreatedAt, MemberCount, Name, UpdatedAt};
    match (source, sort, order) {
        (Source::All, CreatedAt, Ascending) => &ALL_BY_CREATED_AT_ASC,
        (Source::All, CreatedAt, Descending) => &ALL_BY_CREATED_AT_DESC,
        (Source::All, Name, Ascending) => &ALL_BY_NAME_ASC,
        (Source::All, Name, Descending) => &ALL_BY_NAME_DESC,
        (Source::All, MemberCount, Ascending) => &ALL_BY_MEMBER_COUNT_ASC,
        (Source::All, MemberCount, Descending) => &ALL_BY_MEMBER_COUNT_DESC,
        (Source::All, UpdatedAt, Ascending) => &ALL_BY_UPDATED_AT_ASC,
        (Source::All, UpdatedAt, Descending) => &ALL_BY_UPDATED_AT_DESC,
        (Source::Searched, CreatedAt, Ascending) => &SEARCHED_BY_CREATED_AT_ASC,
        (Source::Searched, CreatedAt, Descending) => &SEARCHED_BY_CREATED_AT_DESC,
        (Source::Searched, Name, Ascending) => &SEARCHED_BY_NAME_ASC,
        (Source::Searched, Name, Descending) => &SEARCHED_BY_NAME_DESC,
        (Source::Searched, MemberCount, Ascending) => &SEARCHED_BY_MEMBER_COUNT_ASC,
        (Source::Searched, MemberCount, Descending) => &SEARCHED_BY_MEMBER_COUNT_DESC,
        (Source::Searched, UpdatedAt, Ascending) => &SEARCHED_BY_UPDATED_AT_ASC,
        (Source::Searched, UpdatedAt, Descending) => &SEARCHED_BY_UPDATED_AT_DESC,
        (Source::OfUser, CreatedAt, Ascending) => &OF_USER_BY_CREATED_AT_ASC,
        (Source::OfUser, CreatedAt, Descending) => &OF_USER_BY_CREATED_AT_DESC,
        (Source::OfUser, Name, Ascending) => &OF_USER_BY_NAME_ASC,
        (Source::OfUser, Name, Descending) => &OF_USER_BY_NAME_DESC,
        (Source::OfUser, MemberCount, Ascending) => &OF_USER_BY_MEMBER_COUNT_ASC,
        (Source::OfUser, MemberCount, Descending) => &OF_USER_BY_MEMBER_COUNT_DESC,
        (Source::OfUser, UpdatedAt, Ascending) => &OF_USER_BY_UPDATED_AT_ASC,
        (Source::OfUser, UpdatedAt, Descending) => &OF_USER_BY_UPDATED_AT_DESC,
    }
}

impl OrganizationSort {
    /// The place before the first row of the order.
    fn start(self, order: Order) -> Cursor {
        match self {
            Self::Name => order.start_of_texts(),
            Self::CreatedAt | Self::MemberCount | Self::UpdatedAt => order.start_of_numbers(),
        }
    }

    fn place(self, row: &OrganizationRow) -> Cursor {
        let key = match self {
            Self::CreatedAt => Key::Int(row.id.raw()),
            Self::Name => Key::Text(row.name_key.clone()),
            Self::MemberCount => Key::Int(row.member_count),
            Self::UpdatedAt => Key::Int(row.updated_at.as_micros()),
        };
        Cursor {
            key,
            id: row.id.raw(),
        }
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
    let read = |row: &guildhall_db::Row<'_>| OrganizationRow::read(row, 0);
    let found = if let Some(slug) = &filter.slug {
        tx.sql.one(&FIND_BY_SLUG, &[&deployment, slug], read)?
    } else {
        tx.sql.one(
            &FIND_BY_EXTERNAL_ID,
            &[&deployment, &filter.external_id],
            read,
        )?
    };
    let Some(row) = found else { return Ok(None) };
    let fits = search.is_none_or(|search| row.name_key.contains(search))
        && (filter.external_id.is_none() || row.external_id == filter.external_id);
    if !fits {
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
    let deployment = tx.deployment.id();
    let binding = Binding::new(
        deployment,
        &("organizations", filter, sort, request.order.word()),
    );
    let place = request
        .cursor(binding)?
        .unwrap_or_else(|| sort.start(request.order));
    let (source, filters, total) = source(tx, filter, search)?;
    let fetch = request.fetch();
    let mut params: Vec<&dyn Param> =
        vec![&deployment, &place.key, &place.id, &fetch, &request.offset];
    params.extend(filters.iter().map(|value| value.as_ref() as &dyn Param));
    let statement = statement(source, sort, request.order);
    let rows = tx
        .sql
        .rows(statement, &params, |row| OrganizationRow::read(row, 0))?;
    Ok(request.page(rows, total, binding, |last| sort.place(last)))
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
