//! The row of a user, and what it looks like outside.

use guildhall_db::{Row, statements};
use guildhall_types::ids::{ImageId, UserId};
use guildhall_types::users::{SchemaVersion, SecondFactorPolicy, User, UserDetails};
use guildhall_types::{ErrorCode, JsonObject, Revision, Timestamp};
use serde::Serialize;

use super::identifiers::{EmailRow, Identifiers, PhoneRow};
use crate::images::{self, ImageRef};
use crate::normalise;
use crate::refusal::Refusal;
use crate::scope::ReadTx;

/// The columns that [`UserRow::read`] expects, in its order. Metadata is not among them: a list of users shows none,
/// and a page of it would be read for nothing.
macro_rules! columns {
    () => {
        "u.id, u.created_at, u.updated_at, u.revision, u.first_name, u.last_name, u.username, u.primary_email,
          u.primary_phone, u.image_id, u.image_name, u.external_id"
    };
}
pub(super) use columns;

/// How many [`columns`] there are.
const COLUMNS: usize = 12;

statements! {
    LOAD = concat!("SELECT ", columns!(), ",
          u.disabled, u.second_factor_policy, u.public_metadata, u.private_metadata
        FROM users u WHERE u.deployment_id = ?1 AND u.id = ?2");
    EXISTS = "SELECT 1 FROM users WHERE deployment_id = ?1 AND id = ?2";
}

/// A user as lists need it. What is a text is empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserRow {
    pub(super) id: UserId,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// The revision of the deployment at which the user last changed.
    pub(super) revision: i64,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) username: String,
    pub(super) primary_email: String,
    pub(super) primary_phone: String,
    pub(super) image: Option<ImageRef>,
    pub(super) external_id: Option<String>,
}

/// A user as it stands in its tables, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserState {
    pub(super) row: UserRow,
    pub(super) disabled: bool,
    pub(super) second_factor_policy: SecondFactorPolicy,
    pub(super) public_metadata: JsonObject,
    pub(super) private_metadata: JsonObject,
    pub(super) identifiers: Identifiers,
}

/// A user as the ledger keeps it: the own fields, addresses and numbers, and nothing that is derived.
#[derive(Debug, Serialize)]
pub(crate) struct UserRecord<'a> {
    first_name: &'a str,
    last_name: &'a str,
    username: Option<&'a str>,
    emails: &'a [EmailRow],
    phones: &'a [PhoneRow],
    image: Option<&'a str>,
    disabled: bool,
    second_factor_policy: SecondFactorPolicy,
    public_metadata: &'a JsonObject,
    private_metadata: &'a JsonObject,
    external_id: Option<&'a str>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl UserRow {
    /// Reads the [`columns`], from the column at `first` on.
    pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Self, Refusal> {
        let image_id: Option<ImageId> = row.get(first + 9)?;
        let image_name: Option<String> = row.get(first + 10)?;
        Ok(Self {
            id: row.get(first)?,
            created_at: row.get(first + 1)?,
            updated_at: row.get(first + 2)?,
            revision: row.get(first + 3)?,
            first_name: row.get(first + 4)?,
            last_name: row.get(first + 5)?,
            username: row.get(first + 6)?,
            primary_email: row.get(first + 7)?,
            primary_phone: row.get(first + 8)?,
            image: image_id
                .zip(image_name)
                .map(|(id, name)| ImageRef { id, name }),
            external_id: row.get(first + 11)?,
        })
    }

    /// What a caller sees of it.
    pub(super) fn wire(self, tx: &ReadTx<'_>) -> User {
        let present = |text: String| Some(text).filter(|text| !text.is_empty());
        User {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            first_name: self.first_name,
            last_name: self.last_name,
            username: present(self.username),
            profile_picture_url: images::url(tx, self.image.as_ref()),
            primary_email_address: present(self.primary_email),
            primary_phone_number: present(self.primary_phone),
            external_id: self.external_id,
        }
    }
}

impl UserState {
    fn read(row: &Row<'_>) -> Result<Self, Refusal> {
        let policy = COLUMNS + 1;
        Ok(Self {
            row: UserRow::read(row, 0)?,
            disabled: row.get(COLUMNS)?,
            second_factor_policy: SecondFactorPolicy::from_word(row.text(policy)?)
                .ok_or_else(|| row.corrupt(policy, "no such policy"))?,
            public_metadata: row.get(COLUMNS + 2)?,
            private_metadata: row.get(COLUMNS + 3)?,
            identifiers: Identifiers::default(),
        })
    }

    /// What the ledger keeps of it.
    pub(crate) fn record(&self) -> UserRecord<'_> {
        UserRecord {
            first_name: &self.row.first_name,
            last_name: &self.row.last_name,
            username: Some(self.row.username.as_str()).filter(|username| !username.is_empty()),
            emails: &self.identifiers.emails,
            phones: &self.identifiers.phones,
            image: self.row.image.as_ref().map(|image| image.name.as_str()),
            disabled: self.disabled,
            second_factor_policy: self.second_factor_policy,
            public_metadata: &self.public_metadata,
            private_metadata: &self.private_metadata,
            external_id: self.row.external_id.as_deref(),
            created_at: self.row.created_at,
            updated_at: self.row.updated_at,
        }
    }

    /// The revision that the user's `ETag` is made from: of the deployment, at the user's last change.
    pub(super) fn revision(&self, tx: &ReadTx<'_>) -> Revision {
        Revision {
            stream: tx.deployment.id().raw(),
            number: self.row.revision,
        }
    }

    /// What a search looks at: everything that people call the user by, folded, one a line.
    pub(super) fn search_key(&self) -> String {
        let row = &self.row;
        let mut text = format!("{} {}\n{}", row.first_name, row.last_name, row.username);
        let emails = self
            .identifiers
            .emails
            .iter()
            .map(|email| email.email.as_str());
        let phones = self
            .identifiers
            .phones
            .iter()
            .map(|phone| phone.phone_key.as_str());
        for identifier in emails.chain(phones) {
            text.push('\n');
            text.push_str(identifier);
        }
        text.split('\n')
            .map(normalise::fold)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// What a caller sees of it.
    pub(super) fn wire(self, tx: &ReadTx<'_>) -> UserDetails {
        let (deployment_id, user_id) = (tx.deployment.id(), self.row.id);
        let (primary_email_address_id, primary_phone_number_id) = self.identifiers.primary_ids();
        let (email_addresses, phone_numbers) = self.identifiers.wire(deployment_id, user_id);
        UserDetails {
            user: self.row.wire(tx),
            deployment_id,
            schema_version: SchemaVersion::V1,
            disabled: self.disabled,
            second_factor_policy: self.second_factor_policy,
            availability: "available".to_owned(),
            has_password: false,
            has_backup_codes: false,
            last_password_reset_at: None,
            active_organization_membership_id: None,
            active_workspace_membership_id: None,
            primary_email_address_id,
            primary_phone_number_id,
            email_addresses,
            phone_numbers,
            social_connections: Vec::new(),
            segments: Vec::new(),
            public_metadata: self.public_metadata,
            private_metadata: self.private_metadata,
        }
    }
}

/// One user of the transaction's deployment, whole.
pub(crate) fn load(tx: &ReadTx<'_>, id: UserId) -> Result<UserState, Refusal> {
    let mut user = tx
        .sql
        .one(&LOAD, &[&tx.deployment.id(), &id], UserState::read)?
        .ok_or_else(|| Refusal::plain(ErrorCode::UserNotFound))?;
    user.identifiers = Identifiers::load(tx, id)?;
    Ok(user)
}

/// Refuses an id that is no user of the transaction's deployment.
pub(crate) fn require(tx: &ReadTx<'_>, id: UserId) -> Result<(), Refusal> {
    tx.sql
        .one(&EXISTS, &[&tx.deployment.id(), &id], |_| {
            Ok::<_, Refusal>(())
        })?
        .ok_or_else(|| Refusal::plain(ErrorCode::UserNotFound))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A user without addresses, numbers, image or metadata.
    pub(in super::super) fn user(first_name: &str, last_name: &str, username: &str) -> UserState {
        let now = Timestamp::from_micros(1);
        UserState {
            row: UserRow {
                id: UserId::new(7).unwrap(),
                created_at: now,
                updated_at: now,
                revision: 3,
                first_name: first_name.to_owned(),
                last_name: last_name.to_owned(),
                username: username.to_owned(),
                primary_email: String::new(),
                primary_phone: String::new(),
                image: None,
                external_id: None,
            },
            disabled: false,
            second_factor_policy: SecondFactorPolicy::Optional,
            public_metadata: JsonObject::empty(),
            private_metadata: JsonObject::empty(),
            identifiers: Identifiers::default(),
        }
    }

    #[test]
    fn a_search_finds_whole_names_but_not_across_fields() {
        let key = user("Ava", "Stone", "AvaS").search_key();
        assert_eq!(key, "ava stone\navas");
    }

    #[test]
    fn the_ledger_keeps_no_derived_field() {
        let record = serde_json::to_value(user("Ava", "", "").record()).unwrap();
        let fields: Vec<_> = record
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert!(
            fields
                .iter()
                .all(|field| !field.ends_with("_key") && !field.starts_with("primary"))
        );
        assert_eq!(record["username"], serde_json::Value::Null);
        assert_eq!(record["second_factor_policy"], "optional");
    }
}
