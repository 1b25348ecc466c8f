//! Reading users.

use guildhall_db::{Param, Row, statements};
use guildhall_types::ids::UserId;
use guildhall_types::users::{User, UserDetails};
use guildhall_types::{Page, Revision};
use serde::Serialize;

use super::rows::{UserRow, columns, load};
use crate::counts::{self, Noun};
use crate::fields::search_key;
use crate::lists::{List, Ordered, orders};
use crate::normalise;
use crate::paging::{Effort, PageRequest};
use crate::refusal::Refusal;
use crate::scope::ReadTx;

/// What a list of users is narrowed to; all that are given must hold.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UserFilter {
    /// A substring of name, username, e-mail address or phone number, without regard to case.
    pub search: Option<String>,
    /// The id in another system, exactly.
    pub external_id: Option<String>,
}

/// What a list of users is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UserSort {
    /// The order in which they were created.
    #[default]
    CreatedAt,
    /// The folded username; users without one sort below all others.
    Username,
    /// The folded primary e-mail address; users without one sort below all others.
    Email,
    /// The primary phone number; users without one sort below all others.
    PhoneNumber,
}

statements! {
    ID_BY_EXTERNAL_ID = "SELECT id FROM users WHERE deployment_id = ?1 AND external_id = ?2";
    EXTERNAL_ID = "SELECT external_id FROM users WHERE deployment_id = ?1 AND id = ?2";
    COUNT_SEARCHED = "SELECT COUNT(*) FROM users u
        WHERE u.deployment_id = ?1 AND u.search_key LIKE ?2 ESCAPE '\\'";
    FIND_BY_EXTERNAL_ID = concat!("SELECT u.search_key, ", columns!(), " FROM users u
        WHERE u.deployment_id = ?1 AND u.external_id = ?2");
}

macro_rules! all {
    () => {
        "users u WHERE u.deployment_id = ?1"
    };
}
macro_rules! searched {
    () => {
        "users u WHERE u.deployment_id = ?1 AND u.search_key LIKE ?6 ESCAPE '\\'"
    };
}

orders! {
    columns!(), "u.id";
    BY_CREATED_AT: all!(), Numbers "u.id";
    BY_USERNAME: all!(), Texts "u.username_key";
    BY_EMAIL: all!(), Texts "u.primary_email_key";
    BY_PHONE_NUMBER: all!(), Texts "u.primary_phone";
    SEARCHED_BY_CREATED_AT: searched!(), Numbers "u.id";
    SEARCHED_BY_USERNAME: searched!(), Texts "u.username_key";
    SEARCHED_BY_EMAIL: searched!(), Texts "u.primary_email_key";
    SEARCHED_BY_PHONE_NUMBER: searched!(), Texts "u.primary_phone";
}

fn ordered(searched: bool, sort: UserSort) -> &'static Ordered {
    use UserSort::{CreatedAt, Email, PhoneNumber, Username};
    match (searched, sort) {
        (false, CreatedAt) => &BY_CREATED_AT,
        (false, Username) => &BY_USERNAME,
        (false, Email) => &BY_EMAIL,
        (false, PhoneNumber) => &BY_PHONE_NUMBER,
        (true, CreatedAt) => &SEARCHED_BY_CREATED_AT,
        (true, Username) => &SEARCHED_BY_USERNAME,
        (true, Email) => &SEARCHED_BY_EMAIL,
        (true, PhoneNumber) => &SEARCHED_BY_PHONE_NUMBER,
    }
}

/// One user with everything that is known about them, and the revision of their last change.
pub fn details(tx: &ReadTx<'_>, id: UserId) -> Result<(UserDetails, Revision), Refusal> {
    let user = load(tx, id)?;
    let revision = user.revision(tx);
    Ok((user.wire(tx), revision))
}

/// How much work such a page is.
pub fn effort(filter: &UserFilter, request: &PageRequest) -> Effort {
    request.effort(filter.search.is_none())
}

/// A page of the deployment's users.
pub fn list(
    tx: &ReadTx<'_>,
    filter: &UserFilter,
    sort: UserSort,
    request: &PageRequest,
) -> Result<Page<User>, Refusal> {
    let search = search_key(filter.search.as_deref())?;
    let page = match &filter.external_id {
        Some(external_id) => request.page_of_one(find(tx, external_id, search.as_deref())?),
        None => select(tx, filter, search.as_deref(), sort, request)?,
    };
    Ok(page.map(|row| row.wire(tx)))
}

/// The user with this id in another system.
pub fn with_external_id(tx: &ReadTx<'_>, external_id: &str) -> Result<Option<UserId>, Refusal> {
    tx.sql.one(
        &ID_BY_EXTERNAL_ID,
        &[&tx.deployment.id(), &external_id],
        |row| Ok::<_, Refusal>(row.get(0)?),
    )
}

/// The ids that these users have in another system, in their order.
pub fn external_ids(tx: &ReadTx<'_>, users: &[UserId]) -> Result<Vec<Option<String>>, Refusal> {
    let external_id = |user: &UserId| {
        let found = tx
            .sql
            .one(&EXTERNAL_ID, &[&tx.deployment.id(), user], |row| {
                Ok::<_, Refusal>(row.get::<Option<String>>(0)?)
            })?;
        Ok(found.flatten())
    };
    users.iter().map(external_id).collect()
}

/// The one user with this external id, if the search finds it too.
fn find(
    tx: &ReadTx<'_>,
    external_id: &str,
    search: Option<&str>,
) -> Result<Option<UserRow>, Refusal> {
    let found = tx.sql.one(
        &FIND_BY_EXTERNAL_ID,
        &[&tx.deployment.id(), &external_id],
        |row: &Row<'_>| {
            let search_key = row.text(0)?;
            let fits = search.is_none_or(|search| search_key.contains(search));
            Ok::<_, Refusal>((UserRow::read(row, 1)?, fits))
        },
    )?;
    Ok(found.filter(|(_, fits)| *fits).map(|(row, _)| row))
}

fn select(
    tx: &ReadTx<'_>,
    filter: &UserFilter,
    search: Option<&str>,
    sort: UserSort,
    request: &PageRequest,
) -> Result<Page<UserRow>, Refusal> {
    let deployment = tx.deployment.id();
    let pattern = search.map(normalise::like_pattern);
    let total = match &pattern {
        None => counts::total(tx.sql, deployment, Noun::Users)?,
        Some(pattern) => tx
            .sql
            .one(&COUNT_SEARCHED, &[&deployment, pattern], |row| {
                Ok::<_, Refusal>(row.get::<u64>(0)?)
            })?
            .unwrap_or_default(),
    };
    let filters: Vec<&dyn Param> = pattern.iter().map(|pattern| pattern as _).collect();
    let list = List {
        query: ("users", filter, sort),
        ordered: ordered(pattern.is_some(), sort),
        filters: &filters,
        total,
    };
    list.page(tx, request, UserRow::read)
}
