//! The e-mail addresses and phone numbers of a user.

use guildhall_db::{Row, statements};
use guildhall_types::Timestamp;
use guildhall_types::ids::{DeploymentId, UserEmailId, UserId, UserPhoneId};
use guildhall_types::users::{UserEmail, UserPhone};
use serde::Serialize;

use crate::normalise::{Email, Phone};
use crate::refusal::Refusal;
use crate::scope::{ReadTx, WriteTx};

statements! {
    EMAILS = "SELECT id, created_at, updated_at, email, email_key, is_primary, verified_at FROM user_emails
        WHERE deployment_id = ?1 AND user_id = ?2 ORDER BY id";
    PHONES = "SELECT id, created_at, updated_at, country_code, national_number, phone_key, is_primary, verified_at
        FROM user_phones WHERE deployment_id = ?1 AND user_id = ?2 ORDER BY id";
    INSERT_EMAIL = "INSERT INTO user_emails (deployment_id, user_id, id, created_at, updated_at, email, email_key,
          is_primary, verified_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    INSERT_PHONE = "INSERT INTO user_phones (deployment_id, user_id, id, created_at, updated_at, country_code,
          national_number, phone_key, is_primary, verified_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    DELETE_EMAILS = "DELETE FROM user_emails WHERE deployment_id = ?1 AND user_id = ?2";
    DELETE_PHONES = "DELETE FROM user_phones WHERE deployment_id = ?1 AND user_id = ?2";
}

/// How addresses and numbers are verified, as the wire contract calls it (section 10).
const VERIFICATION_STRATEGY: &str = "otp";

/// An e-mail address as it stands in its table and as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct EmailRow {
    id: UserEmailId,
    pub(super) email: String,
    #[serde(skip)]
    pub(super) email_key: String,
    is_primary: bool,
    verified_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A phone number as it stands in its table and as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PhoneRow {
    id: UserPhoneId,
    country_code: String,
    national_number: String,
    /// In E.164 form.
    #[serde(skip)]
    pub(super) phone_key: String,
    is_primary: bool,
    verified_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The addresses and numbers of one user, each list oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identifiers {
    pub(super) emails: Vec<EmailRow>,
    pub(super) phones: Vec<PhoneRow>,
}

impl EmailRow {
    /// The address that a user is created with: primary and verified at once.
    fn first(tx: &WriteTx<'_>, email: &Email) -> Result<Self, Refusal> {
        Ok(Self {
            id: tx.ids.next(UserEmailId::new)?,
            email: email.typed.clone(),
            email_key: email.key.clone(),
            is_primary: true,
            verified_at: Some(tx.now),
            created_at: tx.now,
            updated_at: tx.now,
        })
    }

    fn read(row: &Row<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            id: row.get(0)?,
            created_at: row.get(1)?,
            updated_at: row.get(2)?,
            email: row.get(3)?,
            email_key: row.get(4)?,
            is_primary: row.get(5)?,
            verified_at: row.get(6)?,
        })
    }

    fn wire(self, deployment_id: DeploymentId, user_id: UserId) -> UserEmail {
        UserEmail {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            deployment_id,
            user_id,
            email: self.email,
            is_primary: self.is_primary,
            verified: self.verified_at.is_some(),
            verified_at: self.verified_at.unwrap_or(self.created_at),
            verification_strategy: VERIFICATION_STRATEGY.to_owned(),
        }
    }
}

impl PhoneRow {
    /// The number that a user is created with: primary and verified at once.
    fn first(tx: &WriteTx<'_>, phone: &Phone) -> Result<Self, Refusal> {
        Ok(Self {
            id: tx.ids.next(UserPhoneId::new)?,
            country_code: phone.country_code.clone(),
            national_number: phone.national.clone(),
            phone_key: phone.e164.clone(),
            is_primary: true,
            verified_at: Some(tx.now),
            created_at: tx.now,
            updated_at: tx.now,
        })
    }

    fn read(row: &Row<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            id: row.get(0)?,
            created_at: row.get(1)?,
            updated_at: row.get(2)?,
            country_code: row.get(3)?,
            national_number: row.get(4)?,
            phone_key: row.get(5)?,
            is_primary: row.get(6)?,
            verified_at: row.get(7)?,
        })
    }

    fn wire(self, deployment_id: DeploymentId, user_id: UserId) -> UserPhone {
        UserPhone {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            deployment_id,
            user_id,
            phone_number: self.national_number,
            country_code: self.country_code,
            verified: self.verified_at.is_some(),
            verified_at: self.verified_at.unwrap_or(self.created_at),
        }
    }
}

impl Identifiers {
    /// What a user is created with.
    pub(super) fn first(
        tx: &WriteTx<'_>,
        email: Option<&Email>,
        phone: Option<&Phone>,
    ) -> Result<Self, Refusal> {
        let email = email.map(|email| EmailRow::first(tx, email)).transpose()?;
        let phone = phone.map(|phone| PhoneRow::first(tx, phone)).transpose()?;
        Ok(Self {
            emails: email.into_iter().collect(),
            phones: phone.into_iter().collect(),
        })
    }

    /// What a user has.
    pub(super) fn load(tx: &ReadTx<'_>, user: UserId) -> Result<Self, Refusal> {
        let deployment = tx.deployment.id();
        Ok(Self {
            emails: tx
                .sql
                .rows(&EMAILS, &[&deployment, &user], EmailRow::read)?,
            phones: tx
                .sql
                .rows(&PHONES, &[&deployment, &user], PhoneRow::read)?,
        })
    }

    pub(super) fn primary_email(&self) -> Option<&EmailRow> {
        self.emails.iter().find(|email| email.is_primary)
    }

    pub(super) fn primary_phone(&self) -> Option<&PhoneRow> {
        self.phones.iter().find(|phone| phone.is_primary)
    }

    pub(super) fn primary_ids(&self) -> (Option<UserEmailId>, Option<UserPhoneId>) {
        (
            self.primary_email().map(|email| email.id),
            self.primary_phone().map(|phone| phone.id),
        )
    }

    /// What a caller sees of them.
    pub(super) fn wire(
        self,
        deployment: DeploymentId,
        user: UserId,
    ) -> (Vec<UserEmail>, Vec<UserPhone>) {
        (
            self.emails
                .into_iter()
                .map(|email| email.wire(deployment, user))
                .collect(),
            self.phones
                .into_iter()
                .map(|phone| phone.wire(deployment, user))
                .collect(),
        )
    }

    /// Inserts the rows of a new user.
    pub(super) fn insert(&self, tx: &WriteTx<'_>, user: UserId) -> Result<(), Refusal> {
        let deployment = tx.deployment.id();
        for email in &self.emails {
            let params: [&dyn guildhall_db::Param; 9] = [
                &deployment,
                &user,
                &email.id,
                &email.created_at,
                &email.updated_at,
                &email.email,
                &email.email_key,
                &email.is_primary,
                &email.verified_at,
            ];
            tx.sql
                .exec_exactly(1, &INSERT_EMAIL, &params)
                .map_err(super::commands::taken)?;
        }
        for phone in &self.phones {
            let params: [&dyn guildhall_db::Param; 10] = [
                &deployment,
                &user,
                &phone.id,
                &phone.created_at,
                &phone.updated_at,
                &phone.country_code,
                &phone.national_number,
                &phone.phone_key,
                &phone.is_primary,
                &phone.verified_at,
            ];
            tx.sql
                .exec_exactly(1, &INSERT_PHONE, &params)
                .map_err(super::commands::taken)?;
        }
        Ok(())
    }

    /// Deletes the rows of a user who goes.
    pub(super) fn delete(&self, tx: &WriteTx<'_>, user: UserId) -> Result<(), Refusal> {
        let deployment = tx.deployment.id();
        let (emails, phones) = (self.emails.len() as u64, self.phones.len() as u64);
        tx.sql
            .exec_exactly(emails, &DELETE_EMAILS, &[&deployment, &user])?;
        tx.sql
            .exec_exactly(phones, &DELETE_PHONES, &[&deployment, &user])?;
        Ok(())
    }
}
