//! Reading members.

use guildhall_db::{Param, Row, statements};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members::{OrganizationMember, UserOrganizationMembership};
use guildhall_types::{JsonObject, Page, Timestamp};
use serde::Serialize;

use super::rows::{Held, MemberRow, Run, assignments, columns, member_roles};
use crate::fields::search_key;
use crate::lists::{List, Ordered, orders};
use crate::normalise;
use crate::organizations::{self, OrganizationRow};
use crate::paging::{Effort, PageRequest};
use crate::refusal::Refusal;
use crate::roles::Lookup;
use crate::scope::{OrganizationRead, ReadTx};
use crate::users;

/// What a list of members is narrowed to; all that are given must hold.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MemberFilter {
    /// A substring of name, username, e-mail address or phone number, without regard to case.
    pub search: Option<String>,
    /// A role that the member holds.
    pub role_id: Option<RoleId>,
    /// The user.
    pub user_id: Option<UserId>,
}

/// What a list of members is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberSort {
    /// The order in which they were added.
    #[default]
    CreatedAt,
    /// The user's folded first name.
    FirstName,
    /// The user's folded last name.
    LastName,
    /// The user's folded primary e-mail address.
    Email,
    /// The user's folded username.
    Username,
}

statements! {
    COUNT_SEARCHED = "SELECT COUNT(*) FROM organization_members m CROSS JOIN users u
        WHERE m.deployment_id = ?1 AND m.organization_id = ?2
          AND u.deployment_id = ?1 AND u.id = m.user_id AND u.search_key LIKE ?3 ESCAPE '\\'";
    COUNT_WITH_ROLE = "SELECT COUNT(*) FROM organization_member_roles r CROSS JOIN organization_members m CROSS JOIN users u
        WHERE r.deployment_id = ?1 AND r.scope IN (0, ?2) AND r.role_id = ?4 AND r.organization_id = ?2
          AND m.deployment_id = ?1 AND m.organization_id = ?2 AND m.id = r.member_id
          AND u.deployment_id = ?1 AND u.id = m.user_id AND u.search_key LIKE ?3 ESCAPE '\\'";
    FIND_BY_USER = concat!("SELECT u.search_key, ", columns!(), "
        FROM organization_members m CROSS JOIN users u
        WHERE m.deployment_id = ?1 AND m.organization_id = ?2 AND m.user_id = ?3
          AND u.deployment_id = ?1 AND u.id = ?3");
    OF_USER = concat!("SELECT m.id, m.created_at, m.updated_at, m.public_metadata, m.expires_at, m.suspended_at, ",
          organizations::columns!(), "
        FROM organization_members m CROSS JOIN organizations o
        WHERE m.deployment_id = ?1 AND m.user_id = ?2
          AND o.deployment_id = ?1 AND o.id = m.organization_id
        ORDER BY m.id DESC");
}

// `?6` is the organization, `?7` the pattern that the user's search key must fit, `?8` the role.
macro_rules! all {
    () => {
        "organization_members m CROSS JOIN users u
          WHERE m.deployment_id = ?1 AND m.organization_id = ?6
            AND u.deployment_id = ?1 AND u.id = m.user_id"
    };
}
macro_rules! searched {
    () => {
        concat!(all!(), " AND u.search_key LIKE ?7 ESCAPE '\\'")
    };
}
macro_rules! with_role {
    () => {
        "organization_member_roles r CROSS JOIN organization_members m CROSS JOIN users u
          WHERE r.deployment_id = ?1 AND r.scope IN (0, ?6) AND r.role_id = ?8 AND r.organization_id = ?6
            AND m.deployment_id = ?1 AND m.organization_id = ?6 AND m.id = r.member_id
            AND u.deployment_id = ?1 AND u.id = m.user_id AND u.search_key LIKE ?7 ESCAPE '\\'"
    };
}

orders! {
    columns!(), "m.id";
    BY_CREATED_AT: all!(), Numbers "m.id";
    BY_FIRST_NAME: all!(), Texts "u.first_name_key";
    BY_LAST_NAME: all!(), Texts "u.last_name_key";
    BY_EMAIL: all!(), Texts "u.primary_email_key";
    BY_USERNAME: all!(), Texts "u.username_key";
    SEARCHED_BY_CREATED_AT: searched!(), Numbers "m.id";
    SEARCHED_BY_FIRST_NAME: searched!(), Texts "u.first_name_key";
    SEARCHED_BY_LAST_NAME: searched!(), Texts "u.last_name_key";
    SEARCHED_BY_EMAIL: searched!(), Texts "u.primary_email_key";
    SEARCHED_BY_USERNAME: searched!(), Texts "u.username_key";
    WITH_ROLE_BY_CREATED_AT: with_role!(), Numbers "m.id";
    WITH_ROLE_BY_FIRST_NAME: with_role!(), Texts "u.first_name_key";
    WITH_ROLE_BY_LAST_NAME: with_role!(), Texts "u.last_name_key";
    WITH_ROLE_BY_EMAIL: with_role!(), Texts "u.primary_email_key";
    WITH_ROLE_BY_USERNAME: with_role!(), Texts "u.username_key";
}

/// Where a list takes its rows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    All,
    Searched,
    WithRole,
}

fn ordered(source: Source, sort: MemberSort) -> &'static Ordered {
    use MemberSort::{CreatedAt, Email, FirstName, LastName, Username};
    match (source, sort) {
        (Source::All, CreatedAt) => &BY_CREATED_AT,
        (Source::All, FirstName) => &BY_FIRST_NAME,
        (Source::All, LastName) => &BY_LAST_NAME,
        (Source::All, Email) => &BY_EMAIL,
        (Source::All, Username) => &BY_USERNAME,
        (Source::Searched, CreatedAt) => &SEARCHED_BY_CREATED_AT,
        (Source::Searched, FirstName) => &SEARCHED_BY_FIRST_NAME,
        (Source::Searched, LastName) => &SEARCHED_BY_LAST_NAME,
        (Source::Searched, Email) => &SEARCHED_BY_EMAIL,
        (Source::Searched, Username) => &SEARCHED_BY_USERNAME,
        (Source::WithRole, CreatedAt) => &WITH_ROLE_BY_CREATED_AT,
        (Source::WithRole, FirstName) => &WITH_ROLE_BY_FIRST_NAME,
        (Source::WithRole, LastName) => &WITH_ROLE_BY_LAST_NAME,
        (Source::WithRole, Email) => &WITH_ROLE_BY_EMAIL,
        (Source::WithRole, Username) => &WITH_ROLE_BY_USERNAME,
    }
}

/// How much work such a page is: in any order but the default one, all members are sorted for it.
pub fn effort(filter: &MemberFilter, sort: MemberSort, request: &PageRequest) -> Effort {
    let ordered = sort == MemberSort::CreatedAt || filter.user_id.is_some();
    request.effort(ordered && filter.search.is_none() && filter.role_id.is_none())
}

/// A page of the organization's members.
pub fn list(
    tx: &ReadTx<'_>,
    organization: OrganizationId,
    filter: &MemberFilter,
    sort: MemberSort,
    request: &PageRequest,
) -> Result<Page<OrganizationMember>, Refusal> {
    let scope = OrganizationRead::open(tx, organization)?;
    let search = search_key(filter.search.as_deref())?;
    let (page, run) = match filter.user_id {
        Some(user) => {
            let found = find(tx, organization, filter.role_id, user, search.as_deref())?;
            (request.page_of_one(found), Run::Whole)
        }
        None => select(tx, scope, filter, search.as_deref(), sort, request)?,
    };
    let held = Held::by(tx, organization, &page.data, run)?;
    let mut lookup = Lookup::default();
    page.try_map(|row| {
        let roles = member_roles(tx, &mut lookup, organization, held.of(row.id))?;
        Ok(row.wire(roles))
    })
}

/// The membership of one user, if it also fits the rest of the filter.
fn find(
    tx: &ReadTx<'_>,
    organization: OrganizationId,
    role: Option<RoleId>,
    user: UserId,
    search: Option<&str>,
) -> Result<Option<MemberRow>, Refusal> {
    let found = tx.sql.one(
        &FIND_BY_USER,
        &[&tx.deployment.id(), &organization, &user],
        |row| {
            let search_key = row.text(0)?;
            let fits = search.is_none_or(|search| search_key.contains(search));
            Ok::<_, Refusal>((MemberRow::read(row, 1, organization)?, fits))
        },
    )?;
    let Some((member, true)) = found else {
        return Ok(None);
    };
    let fits = match role {
        Some(role) => {
            let held = assignments(tx, organization, member.id)?;
            held.iter().any(|held| held.role_id == role)
        }
        None => true,
    };
    Ok(fits.then_some(member))
}

fn select(
    tx: &ReadTx<'_>,
    OrganizationRead {
        id: organization,
        member_count,
        ..
    }: OrganizationRead,
    filter: &MemberFilter,
    search: Option<&str>,
    sort: MemberSort,
    request: &PageRequest,
) -> Result<(Page<MemberRow>, Run), Refusal> {
    let deployment = tx.deployment.id();
    let pattern = normalise::like_pattern(search.unwrap_or_default());
    let filters: [&dyn Param; 3] = [&organization, &pattern, &filter.role_id];
    let (source, taken, count) = match (search, filter.role_id) {
        (None, None) => (Source::All, 1, None),
        (Some(_), None) => (Source::Searched, 2, Some(&COUNT_SEARCHED)),
        (_, Some(_)) => (Source::WithRole, 3, Some(&COUNT_WITH_ROLE)),
    };
    let filters = filters.get(..taken).unwrap_or_default();
    let total = match count {
        None => member_count,
        Some(statement) => {
            let params = [&[&deployment as &dyn Param], filters].concat();
            let count = |row: &Row<'_>| Ok::<_, Refusal>(row.get(0)?);
            tx.sql.one(statement, &params, count)?.unwrap_or_default()
        }
    };
    let list = List {
        query: ("members", organization, filter, sort),
        ordered: ordered(source, sort),
        filters,
        total,
    };
    let page = list.page(tx, request, |row, first| {
        MemberRow::read(row, first, organization)
    })?;
    let whole = source == Source::All && sort == MemberSort::CreatedAt;
    let run = if whole { Run::Whole } else { Run::Broken };
    Ok((page, run))
}

/// All memberships of a user, newest first.
pub fn of_user(tx: &ReadTx<'_>, user: UserId) -> Result<Page<UserOrganizationMembership>, Refusal> {
    users::require(tx, user)?;
    let rows = tx
        .sql
        .rows(&OF_USER, &[&tx.deployment.id(), &user], |row| {
            Ok::<_, Refusal>(Membership {
                id: row.get(0)?,
                created_at: row.get(1)?,
                updated_at: row.get(2)?,
                public_metadata: row.get(3)?,
                expires_at: row.get(4)?,
                suspended_at: row.get(5)?,
                organization: OrganizationRow::read(row, 6)?,
            })
        })?;
    let mut lookup = Lookup::default();
    let memberships = rows
        .into_iter()
        .map(|row| row.wire(tx, user, &mut lookup))
        .collect::<Result<Vec<_>, Refusal>>()?;
    Ok(Page::whole(memberships))
}

struct Membership {
    id: MemberId,
    created_at: Timestamp,
    updated_at: Timestamp,
    public_metadata: JsonObject,
    expires_at: Option<Timestamp>,
    suspended_at: Option<Timestamp>,
    organization: OrganizationRow,
}

impl Membership {
    fn wire(
        self,
        tx: &ReadTx<'_>,
        user_id: UserId,
        lookup: &mut Lookup,
    ) -> Result<UserOrganizationMembership, Refusal> {
        let organization_id = self.organization.id;
        let assignments = assignments(tx, organization_id, self.id)?;
        Ok(UserOrganizationMembership {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            organization_id,
            user_id,
            public_metadata: self.public_metadata,
            expires_at: self.expires_at,
            suspended_at: self.suspended_at,
            roles: member_roles(tx, lookup, organization_id, assignments.iter())?,
            organization: self.organization.wire(tx),
        })
    }
}
