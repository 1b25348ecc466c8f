//! The users of a deployment, with their addresses and numbers.

use guildhall_db::{Param, Row, statements};
use guildhall_types::ids::UserId;

use super::history::Kind;
use super::organizations::normal;
use super::streams::Stream;
use super::{Audit, PAGE, Place, Rule};
use crate::normalise;
use crate::refusal::Refusal;
use crate::users;

statements! {
    USERS = "SELECT id, revision, first_name, first_name_key, last_name, last_name_key, username, username_key,
          search_key, primary_email, primary_email_key, primary_phone, external_id
        FROM users WHERE deployment_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    EMAILS = "SELECT email, email_key, is_primary FROM user_emails
        WHERE deployment_id = ?1 AND user_id = ?2 ORDER BY id";
    PHONES = "SELECT country_code, national_number, phone_key, is_primary FROM user_phones
        WHERE deployment_id = ?1 AND user_id = ?2 ORDER BY id";
}

/// The columns of a user that are compared, ordered or searched by, beside what they are derived from.
struct StoredUser {
    id: UserId,
    revision: i64,
    first_name: String,
    first_name_key: String,
    last_name: String,
    last_name_key: String,
    username: String,
    username_key: String,
    search_key: String,
    primary_email: String,
    primary_email_key: String,
    primary_phone: String,
    external_id: Option<String>,
}

fn read(row: &Row<'_>) -> Result<StoredUser, Refusal> {
    Ok(StoredUser {
        id: row.get(0)?,
        revision: row.get(1)?,
        first_name: row.get(2)?,
        first_name_key: row.get(3)?,
        last_name: row.get(4)?,
        last_name_key: row.get(5)?,
        username: row.get(6)?,
        username_key: row.get(7)?,
        search_key: row.get(8)?,
        primary_email: row.get(9)?,
        primary_email_key: row.get(10)?,
        primary_phone: row.get(11)?,
        external_id: row.get(12)?,
    })
}

struct StoredEmail {
    email: String,
    email_key: String,
    is_primary: bool,
}

struct StoredPhone {
    country_code: String,
    national_number: String,
    phone_key: String,
    is_primary: bool,
}

/// Compares the users of a deployment with its stream.
pub(super) fn check(audit: &mut Audit<'_>, stream: &mut Stream) -> Result<(), Refusal> {
    let mut after = i64::MIN;
    loop {
        let params: [&dyn Param; 3] = [&stream.deployment, &after, &PAGE];
        let users = audit.sql.rows(&USERS, &params, read)?;
        for user in &users {
            let place = stream.place.part(Kind::User.noun(), user.id.raw());
            audit.guarded(&place, |audit| one(audit, stream, user, &place))?;
        }
        audit.report.users += users.len() as u64;
        match users.last() {
            Some(last) if users.len() == PAGE as usize => after = last.id.raw(),
            _ => return Ok(()),
        }
    }
}

fn one(
    audit: &mut Audit<'_>,
    stream: &mut Stream,
    user: &StoredUser,
    place: &Place,
) -> Result<(), Refusal> {
    let state = users::load(&audit.read(stream.deployment), user.id)?;
    let last = stream.row(audit, Kind::User, user.id.raw(), place, &state.record())?;
    let is_last = last.is_none_or(|revision| revision == user.revision);
    audit.expect(
        is_last,
        place,
        Rule::RowUnchanged,
        "`revision` is not that of its last entry",
    );
    for (field, key, text) in [
        ("first_name_key", &user.first_name_key, &user.first_name),
        ("last_name_key", &user.last_name_key, &user.last_name),
        ("username_key", &user.username_key, &user.username),
    ] {
        if *key != normalise::fold(text) {
            audit.find(
                place,
                Rule::DerivedKey,
                format!("`{field}` is not its folded field"),
            );
        }
    }
    let username = Some(user.username.as_str()).filter(|username| !username.is_empty());
    normal(audit, place, "username", username, normalise::username);
    normal(
        audit,
        place,
        "external_id",
        user.external_id.as_deref(),
        normalise::external_id,
    );
    identifiers(audit, stream, user, place)
}

/// The addresses and numbers, and what the row of the user repeats of them.
fn identifiers(
    audit: &mut Audit<'_>,
    stream: &Stream,
    user: &StoredUser,
    place: &Place,
) -> Result<(), Refusal> {
    let params: [&dyn Param; 2] = [&stream.deployment, &user.id];
    let emails = audit.sql.rows(&EMAILS, &params, |row| {
        let (email, email_key) = (row.get(0)?, row.get(1)?);
        Ok::<_, Refusal>(StoredEmail {
            email,
            email_key,
            is_primary: row.get(2)?,
        })
    })?;
    let phones = audit.sql.rows(&PHONES, &params, |row| {
        let (country_code, national_number) = (row.get(0)?, row.get(1)?);
        let (phone_key, is_primary) = (row.get(2)?, row.get(3)?);
        Ok::<_, Refusal>(StoredPhone {
            country_code,
            national_number,
            phone_key,
            is_primary,
        })
    })?;
    for email in &emails {
        let normal =
            normalise::email(&email.email).is_ok_and(|checked| checked.key == email.email_key);
        audit.expect(
            normal,
            place,
            Rule::NormalForm,
            "an `email_key` is not that of its address",
        );
    }
    for phone in &phones {
        let normal = normalise::phone(&phone.phone_key).is_ok_and(|checked| {
            checked.e164 == phone.phone_key
                && checked.country_code == phone.country_code
                && checked.national == phone.national_number
        });
        audit.expect(
            normal,
            place,
            Rule::NormalForm,
            "a `phone_key` is not that of its number",
        );
    }
    repeated(audit, user, place, &emails, &phones);
    Ok(())
}

fn repeated(
    audit: &mut Audit<'_>,
    user: &StoredUser,
    place: &Place,
    emails: &[StoredEmail],
    phones: &[StoredPhone],
) {
    let email = emails.iter().find(|email| email.is_primary);
    let phone = phones.iter().find(|phone| phone.is_primary);
    let (address, key) = email.map_or(("", ""), |email| (&email.email, &email.email_key));
    let number = phone.map_or("", |phone| &phone.phone_key);
    let same = (user.primary_email.as_str(), user.primary_email_key.as_str()) == (address, key);
    audit.expect(
        same,
        place,
        Rule::DerivedKey,
        "`primary_email` is not the primary address",
    );
    let same = user.primary_phone == number;
    audit.expect(
        same,
        place,
        Rule::DerivedKey,
        "`primary_phone` is not the primary number",
    );
    let primaries = emails.iter().filter(|email| email.is_primary).count() < 2
        && phones.iter().filter(|phone| phone.is_primary).count() < 2;
    audit.expect(
        primaries,
        place,
        Rule::Unique,
        "has more than one primary address or number",
    );

    let mut lines = vec![
        format!("{} {}", user.first_name, user.last_name),
        user.username.clone(),
    ];
    lines.extend(emails.iter().map(|email| email.email.clone()));
    lines.extend(phones.iter().map(|phone| phone.phone_key.clone()));
    let folded: Vec<String> = lines.iter().map(|line| normalise::fold(line)).collect();
    let same = user.search_key == folded.join("\n");
    audit.expect(
        same,
        place,
        Rule::DerivedKey,
        "`search_key` is not made of today's fields",
    );
}
