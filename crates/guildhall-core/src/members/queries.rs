//! Reading members.

use guildhall_db::{Stmt, statements};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members::{OrganizationMember, UserOrganizationMembership};
use guildhall_types::{JsonObject, Page, Timestamp};
use serde::Serialize;

use super::rows::{Assignment, MemberRow, assignments, assignments_column, columns, member_roles};
use crate::cursor::{Binding, Cursor, Key};
use crate::fields::search_key;
use crate::normalise;
use crate::organizations::{self, OrganizationRow};
use crate::paging::{Effort, Order, PageRequest};
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

macro_rules! selects {
    ($($name:ident: $from:expr, $key:literal, $past:literal, $direction:literal;)+) => {
        statements! {
            COUNT_IN_ORGANIZATION = concat!("SELECT COUNT(*) FROM ", in_organization!());
            COUNT_WITH_ROLE = concat!("SELECT COUNT(*) FROM ", with_role!());
            FIND_BY_USER = concat!("SELECT ", columns!(), ", u.search_key
                FROM organization_members m CROSS JOIN users u
                WHERE m.deployment_id = ?1 AND m.organization_id = ?2 AND m.user_id = ?3
                  AND u.deployment_id = ?1 AND u.id = ?3");
            OF_USER = concat!("SELECT m.id, m.created_at, m.updated_at, m.public_metadata, m.expires_at,
                  m.suspended_at, ", assignments_column!(), ", ", organizations::columns!(), "
                FROM organization_members m CROSS JOIN organizations o
                WHERE m.deployment_id = ?1 AND m.user_id = ?2
                  AND o.deployment_id = ?1 AND o.id = m.organization_id
                ORDER BY m.id DESC");
            $($name = concat!("SELECT ", columns!(), " FROM ", $from,
                " AND (", $key, ", m.id) ", $past, " (?5, ?6)
                ORDER BY ", $key, " ", $direction, ", m.id ", $direction, " LIMIT ?7 OFFSET ?8");)+
        }
    };
}

// `?4` is the pattern that the user's search key must fit: `%` when there is no search.
macro_rules! in_organization {
    () => {
        "organization_members m CROSS JOIN users u
          WHERE m.deployment_id = ?1 AND m.organization_id = ?2 AND CAST(?3 AS BIGINT) IS NULL
            AND u.deployment_id = ?1 AND u.id = m.user_id AND u.search_key LIKE ?4 ESCAPE '\\'"
    };
}
macro_rules! with_role {
    () => {
        "organization_member_roles r CROSS JOIN organization_members m CROSS JOIN users u
          WHERE r.deployment_id = ?1 AND r.scope IN (0, ?2) AND r.role_id = ?3 AND r.organization_id = ?2
            AND m.deployment_id = ?1 AND m.organization_id = ?2 AND m.id = r.member_id
            AND u.deployment_id = ?1 AND u.id = m.user_id AND u.search_key LIKE ?4 ESCAPE '\\'"
    };
}

selects! {
    BY_CREATED_AT_ASC: in_organization!(), "m.id", ">", "ASC";
    BY_CREATED_AT_DESC: in_organization!(), "m.id", "<", "DESC";
    BY_FIRST_NAME_ASC: in_organization!(), "u.first_name_key", ">", "ASC";
    BY_FIRST_NAME_DESC: in_organization!(), "u.first_name_key", "<", "DESC";
    BY_LAST_NAME_ASC: in_organization!(), "u.last_name_key", ">", "ASC";
    BY_LAST_NAME_DESC: in_organization!(), "u.last_name_key", "<", "DESC";
    BY_EMAIL_ASC: in_organization!(), "u.primary_email_key", ">", "ASC";
    BY_EMAIL_DESC: in_organization!(), "u.primary_email_key", "<", "DESC";
    BY_USERNAME_ASC: in_organization!(), "u.username_key", ">", "ASC";
    BY_USERNAME_DESC: in_organization!(), "u.username_key", "<", "DESC";
    WITH_ROLE_BY_CREATED_AT_ASC: with_role!(), "m.id", ">", "ASC";
    WITH_ROLE_BY_CREATED_AT_DESC: with_role!(), "m.id", "<", "DESC";
    WITH_ROLE_BY_FIRST_NAME_ASC: with_role!(), "u.first_name_key", ">", "ASC";
    WITH_ROLE_BY_FIRST_NAME_DESC: with_role!(), "u.first_name_key", "<", "DESC";
    WITH_ROLE_BY_LAST_NAME_ASC: with_role!(), "u.last_name_key", ">", "ASC";
    WITH_ROLE_BY_LAST_NAME_DESC: with_role!(), "u.last_name_key", "<", "DESC";
    WITH_ROLE_BY_EMAIL_ASC: with_role!(), "u.primary_email_key", ">", "ASC";
    WITH_ROLE_BY_EMAIL_DESC: with_role!(), "u.primary_email_key", "<", "DESC";
    WITH_ROLE_BY_USERNAME_ASC: with_role!(), "u.username_key", ">", "ASC";
    WITH_ROLE_BY_USERNAME_DESC: with_role!(), "u.username_key", "<", "DESC";
}

fn statement(with_role: bool, sort: MemberSort, order: Order) -> &'static Stmt {
    use MemberSort::{CreatedAt, Email, FirstName, LastName, Username};
    use Order::{Ascending, Descending};
    match (with_role, sort, order) {
        (false, CreatedAt, Ascending) => &BY_CREATED_AT_ASC,
        (false, CreatedAt, Descending) => &BY_CREATED_AT_DESC,
        (false, FirstName, Ascending) => &BY_FIRST_NAME_ASC,
        (false, FirstName, Descending) => &BY_FIRST_NAME_DESC,
        (false, LastName, Ascending) => &BY_LAST_NAME_ASC,
        (false, LastName, Descending) => &BY_LAST_NAME_DESC,
        (false, Email, Ascending) => &BY_EMAIL_ASC,
        (false, Email, Descending) => &BY_EMAIL_DESC,
        (false, Username, Ascending) => &BY_USERNAME_ASC,
        (false, Username, Descending) => &BY_USERNAME_DESC,
        (true, CreatedAt, Ascending) => &WITH_ROLE_BY_CREATED_AT_ASC,
        (true, CreatedAt, Descending) => &WITH_ROLE_BY_CREATED_AT_DESC,
        (true, FirstName, Ascending) => &WITH_ROLE_BY_FIRST_NAME_ASC,
        (true, FirstName, Descending) => &WITH_ROLE_BY_FIRST_NAME_DESC,
        (true, LastName, Ascending) => &WITH_ROLE_BY_LAST_NAME_ASC,
        (true, LastName, Descending) => &WITH_ROLE_BY_LAST_NAME_DESC,
        (true, Email, Ascending) => &WITH_ROLE_BY_EMAIL_ASC,
        (true, Email, Descending) => &WITH_ROLE_BY_EMAIL_DESC,
        (true, Username, Ascending) => &WITH_ROLE_BY_USERNAME_ASC,
        (true, Username, Descending) => &WITH_ROLE_BY_USERNAME_DESC,
    }
}

impl MemberSort {
    /// The place before the first row of the order.
    fn start(self, order: Order) -> Cursor {
        match self {
            Self::CreatedAt => order.start_of_numbers(),
            Self::FirstName | Self::LastName | Self::Email | Self::Username => {
                order.start_of_texts()
            }
        }
    }

    fn place(self, row: &MemberRow) -> Cursor {
        let key = match self {
            Self::CreatedAt => Key::Int(row.id.raw()),
            Self::FirstName => Key::Text(row.first_name_key.clone()),
            Self::LastName => Key::Text(row.last_name_key.clone()),
            Self::Email => Key::Text(row.email_key.clone()),
            Self::Username => Key::Text(row.username_key.clone()),
        };
        Cursor {
            key,
            id: row.id.raw(),
        }
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
    let page = match filter.user_id {
        Some(user) => request.page_of_one(find(
            tx,
            organization,
            filter.role_id,
            user,
            search.as_deref(),
        )?),
        None => select(tx, scope, filter, search.as_deref(), sort, request)?,
    };
    let mut lookup = Lookup::default();
    page.try_map(|row| row.wire(tx, &mut lookup))
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
            let fits =
                search.is_none_or(|search| row.text(19).is_ok_and(|key| key.contains(search)));
            Ok::<_, Refusal>((MemberRow::read(row)?, fits))
        },
    )?;
    Ok(found
        .filter(|(row, fits)| *fits && role.is_none_or(|role| row.assignment(role).is_some()))
        .map(|(row, _)| row))
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
) -> Result<Page<MemberRow>, Refusal> {
    let deployment = tx.deployment.id();
    let query = ("members", organization, filter, sort, request.order.word());
    let binding = Binding::new(deployment, &query);
    let place = request
        .cursor(binding)?
        .unwrap_or_else(|| sort.start(request.order));
    let pattern = normalise::like_pattern(search.unwrap_or_default());
    let total = match (search, filter.role_id) {
        (None, None) => member_count,
        (_, role) => {
            let count = if role.is_some() {
                &COUNT_WITH_ROLE
            } else {
                &COUNT_IN_ORGANIZATION
            };
            tx.sql
                .one(
                    count,
                    &[&deployment, &organization, &role, &pattern],
                    |row| Ok::<_, Refusal>(row.get::<u64>(0)?),
                )?
                .unwrap_or_default()
        }
    };
    let rows = tx.sql.rows(
        statement(filter.role_id.is_some(), sort, request.order),
        &[
            &deployment,
            &organization,
            &filter.role_id,
            &pattern,
            &place.key,
            &place.id,
            &request.fetch(),
            &request.offset,
        ],
        MemberRow::read,
    )?;
    Ok(request.page(rows, total, binding, |last| sort.place(last)))
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
                assignments: assignments(row, 6)?,
                organization: OrganizationRow::read(row, 7)?,
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
    assignments: Vec<Assignment>,
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
        Ok(UserOrganizationMembership {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            organization_id,
            user_id,
            public_metadata: self.public_metadata,
            expires_at: self.expires_at,
            suspended_at: self.suspended_at,
            roles: member_roles(tx, lookup, organization_id, &self.assignments)?,
            organization: self.organization.wire(tx),
        })
    }
}
