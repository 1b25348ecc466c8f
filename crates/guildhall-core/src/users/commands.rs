//! Changing users.

use guildhall_db::{DbError, Param, Stmt, statements};
use guildhall_types::ids::UserId;
use guildhall_types::ledger::Action;
use guildhall_types::users::{User, UserDetails};
use guildhall_types::{Empty, ErrorCode, IfMatch};

use super::forms::{CreateUser, UpdateUser};
use super::identifiers::Identifiers;
use super::rows::{UserRow, UserState, load};
use crate::counts::{self, Noun};
use crate::images::{self, ImagePatch};
use crate::ledger::Change;
use crate::members;
use crate::normalise;
use crate::refusal::Refusal;
use crate::scope::{DeploymentWrite, Recorded, WriteTx, demand};

statements! {
    // INSERT and UPDATE take the same values in the same places, so that no column can be written by only one of them.
    INSERT = "INSERT INTO users (deployment_id, id, created_at, updated_at, revision, first_name, first_name_key,
          last_name, last_name_key, username, username_key, search_key, primary_email, primary_email_key, primary_phone,
          image_id, image_name, disabled, second_factor_policy, public_metadata, private_metadata, external_id)
        VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";
    UPDATE = "UPDATE users SET updated_at = ?3, revision = ?4, first_name = ?5, first_name_key = ?6, last_name = ?7,
          last_name_key = ?8, username = ?9, username_key = ?10, search_key = ?11, primary_email = ?12,
          primary_email_key = ?13, primary_phone = ?14, image_id = ?15, image_name = ?16, disabled = ?17,
          second_factor_policy = ?18, public_metadata = ?19, private_metadata = ?20, external_id = ?21
        WHERE deployment_id = ?1 AND id = ?2";
    DELETE = "DELETE FROM users WHERE deployment_id = ?1 AND id = ?2";
}

/// Creates a user; the e-mail address and the phone number given here are primary and verified at once (wire contract,
/// section 10).
pub fn create(tx: &WriteTx<'_>, command: &CreateUser) -> Result<Recorded<User>, Refusal> {
    let deployment = DeploymentWrite::open(tx)?;
    let id = tx.ids.next(UserId::new)?;
    let identifiers = Identifiers::first(tx, command.email.as_ref(), command.phone.as_ref())?;
    let (email, phone) = (identifiers.primary_email(), identifiers.primary_phone());
    let row = UserRow {
        id,
        created_at: tx.now,
        updated_at: tx.now,
        revision: deployment.revision().number,
        first_name: command.first_name.clone(),
        last_name: command.last_name.clone(),
        username: command.username.clone(),
        primary_email: email.map(|email| email.email.clone()).unwrap_or_default(),
        primary_phone: phone
            .map(|phone| phone.phone_key.clone())
            .unwrap_or_default(),
        image: images::store(tx, id.raw(), command.image.as_ref())?,
        external_id: command.external_id.clone(),
    };
    let user = UserState {
        row,
        disabled: command.disabled,
        second_factor_policy: command.second_factor_policy,
        public_metadata: command.public_metadata.clone(),
        private_metadata: command.private_metadata.clone(),
        identifiers,
    };
    write(tx, &INSERT, &user)?;
    user.identifiers.insert(tx, id)?;
    counts::add(tx.sql, tx.deployment.id(), Noun::Users, id.raw(), 1)?;
    let change = Change::created(Action::UserCreated, id.raw(), &user.record())?;
    deployment.record(change, user.row.wire(&tx.read()))
}

/// Changes a user's own fields; metadata is replaced as a whole.
pub fn update(
    tx: &WriteTx<'_>,
    id: UserId,
    if_match: &IfMatch,
    command: &UpdateUser,
) -> Result<Recorded<UserDetails>, Refusal> {
    let deployment = DeploymentWrite::open(tx)?;
    let before = load(&tx.read(), id)?;
    let revision = before.revision(&tx.read());
    demand(if_match, revision)?;
    let mut after = command.apply(&before);
    after.row.image = images::replace(tx, id.raw(), before.row.image.as_ref(), &command.image)?;
    if after == before {
        return Ok(deployment.unchanged(revision.number, before.wire(&tx.read())));
    }
    after.row.updated_at = tx.now;
    after.row.revision = deployment.revision().number;
    write(tx, &UPDATE, &after)?;
    let change = Change::updated(
        Action::UserUpdated,
        id.raw(),
        &before.record(),
        &after.record(),
    )?;
    deployment.record(change, after.wire(&tx.read()))
}

/// Deletes a user for good, with all memberships, addresses, numbers and the image. The ledger stays.
pub fn delete(
    tx: &WriteTx<'_>,
    id: UserId,
    if_match: &IfMatch,
) -> Result<Recorded<Empty>, Refusal> {
    // The deployment is locked before the organizations: the order of locks is the same everywhere.
    let deployment = DeploymentWrite::open(tx)?;
    let user = load(&tx.read(), id)?;
    demand(if_match, user.revision(&tx.read()))?;
    members::remove_everywhere(tx, id)?;
    user.identifiers.delete(tx, id)?;
    images::replace(tx, id.raw(), user.row.image.as_ref(), &ImagePatch::Remove)?;
    tx.sql
        .exec_exactly(1, &DELETE, &[&tx.deployment.id(), &id])?;
    counts::add(tx.sql, tx.deployment.id(), Noun::Users, id.raw(), -1)?;
    let change = Change::deleted(Action::UserDeleted, id.raw(), &user.record())?;
    deployment.record(change, Empty {})
}

/// Inserts or updates the row of a user, with everything that is derived from its fields.
fn write(tx: &WriteTx<'_>, statement: &'static Stmt, user: &UserState) -> Result<(), Refusal> {
    let row = &user.row;
    let email = user.identifiers.primary_email();
    let email_key = email.map_or("", |email| &email.email_key);
    let params: [&dyn Param; 21] = [
        &tx.deployment.id(),
        &row.id,
        &row.updated_at,
        &row.revision,
        &row.first_name,
        &normalise::fold(&row.first_name),
        &row.last_name,
        &normalise::fold(&row.last_name),
        &row.username,
        &normalise::fold(&row.username),
        &user.search_key(),
        &row.primary_email,
        &email_key,
        &row.primary_phone,
        &row.image.as_ref().map(|image| image.id),
        &row.image.as_ref().map(|image| image.name.as_str()),
        &user.disabled,
        &user.second_factor_policy.word(),
        &user.public_metadata,
        &user.private_metadata,
        &row.external_id,
    ];
    tx.sql.exec_exactly(1, statement, &params).map_err(taken)
}

/// Names the field whose value another user of the deployment has.
pub(super) fn taken(error: DbError) -> Refusal {
    let DbError::Unique(column) = &error else {
        return error.into();
    };
    let (code, field) = match column.as_str() {
        "users.username_key" => (ErrorCode::UsernameTaken, "username"),
        "users.external_id" => (ErrorCode::ExternalIdTaken, "external_id"),
        "user_emails.email_key" => (ErrorCode::EmailTaken, "email_address"),
        "user_phones.phone_key" => (ErrorCode::PhoneTaken, "phone_number"),
        _ => return error.into(),
    };
    Refusal::field(code, field, "is taken by another user of the deployment")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_the_field_of_the_form() {
        for (column, code, field) in [
            ("users.username_key", ErrorCode::UsernameTaken, "username"),
            (
                "users.external_id",
                ErrorCode::ExternalIdTaken,
                "external_id",
            ),
            (
                "user_emails.email_key",
                ErrorCode::EmailTaken,
                "email_address",
            ),
            (
                "user_phones.phone_key",
                ErrorCode::PhoneTaken,
                "phone_number",
            ),
        ] {
            let Refusal::Refused(refused) = taken(DbError::Unique(column.to_owned())) else {
                panic!("{column} is a failure");
            };
            assert_eq!(
                (refused.code, refused.fields[0].field.as_str()),
                (code, field)
            );
        }
        assert_eq!(taken(DbError::Unique("users.id".to_owned())).code(), None);
    }
}
