//! Reading users.

use guildhall_db::{Param, Row, Stmt, statements};
use guildhall_types::ids::UserId;
use guildhall_types::users::{User, UserDetails};
use guildhall_types::{Page, Revision};
use serde::Serialize;

use super::rows::{COLUMNS, UserRow, columns, load};
use crate::counts::{self, Noun};
use crate::cursor::{Binding, Cursor, Key};
use crate::fields::search_key;
use crate::normalise;
use crate::paging::{Effort, Order, PageRequest};
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

// The statements are enumerated, not glued together: search × sort key × direction. `?2` and `?3` are the sort key and
// id of the cursor, or the end of the order where the list begins.
macro_rules! selects {
    ($($name:ident: $from:expr, $key:literal, $past:literal, $direction:literal;)+) => {
        statements! {
            ID_BY_EXTERNAL_ID = "SELECT id FROM users WHERE deployment_id = ?1 AND external_id = ?2";
            EXTERNAL_ID = "SELECT external_id FROM users WHERE deployment_id = ?1 AND id = ?2";
            COUNT_SEARCHED = "SELECT COUNT(*) FROM users u
                WHERE u.deployment_id = ?1 AND u.search_key LIKE ?2 ESCAPE '\\'";
            FIND_BY_EXTERNAL_ID = concat!("SELECT ", columns!(), ", u.search_key FROM users u
                WHERE u.deployment_id = ?1 AND u.external_id = ?2");
            $($name = concat!("SELECT ", columns!(), " FROM ", $from,
                " AND (", $key, ", u.id) ", $past, " (?2, ?3)
                ORDER BY ", $key, " ", $direction, ", u.id ", $direction, " LIMIT ?4 OFFSET ?5");)+
        }
    };
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

selects! {
    BY_CREATED_AT_ASC: all!(), "u.id", ">", "ASC";
    BY_CREATED_AT_DESC: all!(), "u.id", "<", "DESC";
    BY_USERNAME_ASC: all!(), "u.username_key", ">", "ASC";
    BY_USERNAME_DESC: all!(), "u.username_key", "<", "DESC";
    BY_EMAIL_ASC: all!(), "u.primary_email_key", ">", "ASC";
    BY_EMAIL_DESC: all!(), "u.primary_email_key", "<", "DESC";
    BY_PHONE_NUMBER_ASC: all!(), "u.primary_phone", ">", "ASC";
    BY_PHONE_NUMBER_DESC: all!(), "u.primary_phone", "<", "DESC";
    SEARCHED_BY_CREATED_AT_ASC: searched!(), "u.id", ">", "ASC";
    SEARCHED_BY_CREATED_AT_DESC: searched!(), "u.id", "<", "DESC";
    SEARCHED_BY_USERNAME_ASC: searched!(), "u.username_key", ">", "ASC";
    SEARCHED_BY_USERNAME_DESC: searched!(), "u.username_key", "<", "DESC";
    SEARCHED_BY_EMAIL_ASC: searched!(), "u.primary_email_key", ">", "ASC";
    SEARCHED_BY_EMAIL_DESC: searched!(), "u.primary_email_key", "<", "DESC";
    SEARCHED_BY_PHONE_NUMBER_ASC: searched!(), "u.primary_phone", ">", "ASC";
    SEARCHED_BY_PHONE_NUMBER_DESC: searched!(), "u.primary_phone", "<", "DESC";
}

fn statement(searched: bool, sort: UserSort, order: Order) -> &'static Stmt {
    use Order::{Ascending, Descending};
    use UserSort::{CreatedAt, Email, PhoneNumber, Username};
    match (searched, sort, order) {
        (false, CreatedAt, Ascending) => &BY_CREATED_AT_ASC,
        (false, CreatedAt, Descending) => &BY_CREATED_AT_DESC,
        (false, Username, Ascending) => &BY_USERNAME_ASC,
        (false, Username, Descending) => &BY_USERNAME_DESC,
        (false, Email, Ascending) => &BY_EMAIL_ASC,
        (false, Email, Descending) => &BY_EMAIL_DESC,
        (false, PhoneNumber, Ascending) => &BY_PHONE_NUMBER_ASC,
        (false, PhoneNumber, Descending) => &BY_PHONE_NUMBER_DESC,
        (true, CreatedAt, Ascending) => &SEARCHED_BY_CREATED_AT_ASC,
        (true, CreatedAt, Descending) => &SEARCHED_BY_CREATED_AT_DESC,
        (true, Username, Ascending) => &SEARCHED_BY_USERNAME_ASC,
        (true, Username, Descending) => &SEARCHED_BY_USERNAME_DESC,
        (true, Email, Ascending) => &SEARCHED_BY_EMAIL_ASC,
        (true, Email, Descending) => &SEARCHED_BY_EMAIL_DESC,
        (true, PhoneNumber, Ascending) => &SEARCHED_BY_PHONE_NUMBER_ASC,
        (true, PhoneNumber, Descending) => &SEARCHED_BY_PHONE_NUMBER_DESC,
    }
}

impl UserSort {
    /// The place before the first row of the order.
    fn start(self, order: Order) -> Cursor {
        match self {
            Self::CreatedAt => order.start_of_numbers(),
            Self::Username | Self::Email | Self::PhoneNumber => order.start_of_texts(),
        }
    }

    fn place(self, row: &UserRow) -> Cursor {
        let key = match self {
            Self::CreatedAt => Key::Int(row.id.raw()),
            Self::Username => Key::Text(row.username_key.clone()),
            Self::Email => Key::Text(row.primary_email_key.clone()),
            Self::PhoneNumber => Key::Text(row.primary_phone.clone()),
        };
        Cursor {
            key,
            id: row.id.raw(),
        }
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
            let search_key = row.text(COLUMNS)?;
            let fits = search.is_none_or(|search| search_key.contains(search));
            Ok::<_, Refusal>((UserRow::read(row)?, fits))
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
    let binding = Binding::new(deployment, &("users", filter, sort, request.order.word()));
    let place = request
        .cursor(binding)?
        .unwrap_or_else(|| sort.start(request.order));
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
    let fetch = request.fetch();
    let mut params: Vec<&dyn Param> =
        vec![&deployment, &place.key, &place.id, &fetch, &request.offset];
    params.extend(pattern.iter().map(|pattern| pattern as &dyn Param));
    let statement = statement(pattern.is_some(), sort, request.order);
    let rows = tx.sql.rows(statement, &params, UserRow::read)?;
    Ok(request.page(rows, total, binding, |last| sort.place(last)))
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::user;
    use super::*;

    #[test]
    fn each_order_begins_before_every_row() {
        for row in [
            user("Ava", "Stone", "").row,
            user("Ava", "Stone", "zoe").row,
        ] {
            for sort in [
                UserSort::CreatedAt,
                UserSort::Username,
                UserSort::Email,
                UserSort::PhoneNumber,
            ] {
                let place = sort.place(&row);
                let (first, last) = (sort.start(Order::Ascending), sort.start(Order::Descending));
                match (&first.key, &place.key, &last.key) {
                    (Key::Int(first_key), Key::Int(key), Key::Int(last_key)) => {
                        assert!((first_key, first.id) < (key, place.id), "{sort:?}");
                        assert!((key, place.id) < (last_key, last.id), "{sort:?}");
                    }
                    (Key::Text(first_key), Key::Text(key), Key::Text(last_key)) => {
                        assert!((first_key, first.id) < (key, place.id), "{sort:?}");
                        assert!((key, place.id) < (last_key, last.id), "{sort:?}");
                    }
                    _ => panic!("{sort:?} begins with another kind of key than it goes on with"),
                }
            }
        }
    }
}
