//! What comes in about users, and the checked commands made of it.

use std::fmt;

use guildhall_types::limits::PERSON_NAME_CHARS_MAX;
use guildhall_types::users::SecondFactorPolicy;
use guildhall_types::{ErrorCode, FieldError, JsonObject};

use super::rows::UserState;
use crate::fields::{Patch, boolean, image_patch, metadata, optional, optional_patch};
use crate::images::{self, ImagePatch, PreparedImage};
use crate::normalise::{self, Email, Phone};
use crate::refusal::{Faults, Refusal};

/// The fields of a user as a form brings them, not yet fields. An absent field is `None`.
#[derive(Default)]
#[expect(
    missing_docs,
    reason = "the names are those of the wire contract, section 10"
)]
pub struct UserForm {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email_address: Option<String>,
    pub phone_number: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub skip_password_check: Option<String>,
    pub external_id: Option<String>,
    pub public_metadata: Option<String>,
    pub private_metadata: Option<String>,
    pub disabled: Option<String>,
    pub second_factor_policy: Option<String>,
    pub profile_image: Option<Vec<u8>>,
    pub remove_profile_image: Option<String>,
}

/// A checked command to create a user.
#[derive(Debug)]
pub struct CreateUser {
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: Option<Email>,
    pub(super) phone: Option<Phone>,
    /// Empty where there is none.
    pub(super) username: String,
    pub(super) external_id: Option<String>,
    pub(super) public_metadata: JsonObject,
    pub(super) private_metadata: JsonObject,
    pub(super) disabled: bool,
    pub(super) second_factor_policy: SecondFactorPolicy,
    pub(super) image: Option<PreparedImage>,
}

/// A checked command to change a user's own fields. Addresses and numbers are not among them: a form that brings
/// them here is read as if it did not, as every unknown field is.
#[derive(Debug)]
pub struct UpdateUser {
    fields: Fields,
    external_id: Patch<String>,
    pub(super) image: ImagePatch,
}

impl fmt::Debug for UserForm {
    /// Shows nothing: a password that is sent by mistake must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserForm").finish_non_exhaustive()
    }
}

/// The checked fields that a new user and a changed one have in common, `None` where nothing is said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fields {
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
    public_metadata: Option<JsonObject>,
    private_metadata: Option<JsonObject>,
    disabled: Option<bool>,
    second_factor_policy: Option<SecondFactorPolicy>,
}

impl Fields {
    fn check(form: &UserForm, faults: &mut Faults) -> Self {
        let first_name = faults.check(name("first_name", form.first_name.as_deref()));
        let last_name = faults.check(name("last_name", form.last_name.as_deref()));
        let username = faults.check(optional(
            said(form.username.as_deref()),
            normalise::username,
        ));
        let public = faults.check(metadata("public_metadata", form.public_metadata.as_deref()));
        let private = faults.check(metadata(
            "private_metadata",
            form.private_metadata.as_deref(),
        ));
        let disabled = faults.check(boolean("disabled", form.disabled.as_deref()));
        let policy = faults.check(optional(said(form.second_factor_policy.as_deref()), policy));
        Self {
            first_name: first_name.flatten(),
            last_name: last_name.flatten(),
            username: username.flatten(),
            public_metadata: public.flatten(),
            private_metadata: private.flatten(),
            disabled: disabled.flatten(),
            second_factor_policy: policy.flatten(),
        }
    }
}

/// A field that says something: an empty one is ignored, as the vendor's server does (wire contract, section 10).
fn said(field: Option<&str>) -> Option<&str> {
    field.filter(|text| !text.trim().is_empty())
}

fn name(field: &str, raw: Option<&str>) -> Result<Option<String>, FieldError> {
    optional(said(raw), |raw| {
        normalise::name(raw, field, PERSON_NAME_CHARS_MAX)
    })
}

fn policy(raw: &str) -> Result<SecondFactorPolicy, FieldError> {
    SecondFactorPolicy::from_word(raw.trim()).ok_or_else(|| {
        let words = SecondFactorPolicy::ALL.map(|policy| format!("`{}`", policy.word()));
        FieldError {
            field: "second_factor_policy".to_owned(),
            message: format!("must be one of {}", words.join(", ")),
        }
    })
}

/// Refuses a password. `skip_password_check`, which the Rust SDK always sends, says nothing without one.
fn refuse_password(form: &UserForm) -> Result<(), Refusal> {
    if form.password.as_deref().is_none_or(str::is_empty) {
        return Ok(());
    }
    Err(Refusal::field(
        ErrorCode::PasswordNotSupported,
        "password",
        "cannot be kept here: Guildhall is not an identity provider and stores no passwords; give it to the identity \
         provider of the application",
    ))
}

impl CreateUser {
    /// Checks the form. Decodes the image, which can take a tenth of a second: not for an async thread.
    pub fn check(form: UserForm) -> Result<Self, Refusal> {
        refuse_password(&form)?;
        let mut faults = Faults::default();
        let fields = Fields::check(&form, &mut faults);
        let email = faults.check(optional(
            said(form.email_address.as_deref()),
            normalise::email,
        ));
        let phone = faults.check(optional(
            said(form.phone_number.as_deref()),
            normalise::phone,
        ));
        let external_id = faults.check(optional(
            form.external_id.as_deref(),
            normalise::external_id,
        ));
        faults.refuse()?;
        Ok(Self {
            first_name: fields.first_name.unwrap_or_default(),
            last_name: fields.last_name.unwrap_or_default(),
            email: email.flatten(),
            phone: phone.flatten(),
            username: fields.username.unwrap_or_default(),
            external_id: external_id.flatten(),
            public_metadata: fields.public_metadata.unwrap_or_default(),
            private_metadata: fields.private_metadata.unwrap_or_default(),
            disabled: fields.disabled.unwrap_or_default(),
            second_factor_policy: fields
                .second_factor_policy
                .unwrap_or(SecondFactorPolicy::Optional),
            image: images::prepare("profile_image", form.profile_image)?,
        })
    }
}

impl UpdateUser {
    /// Checks the form; refused when it names nothing to change. Decodes the image: not for an async thread.
    pub fn check(form: UserForm) -> Result<Self, Refusal> {
        refuse_password(&form)?;
        let mut faults = Faults::default();
        let fields = Fields::check(&form, &mut faults);
        let external_id = faults.check(optional_patch(
            form.external_id.as_deref(),
            normalise::external_id,
        ));
        let remove = faults.check(boolean(
            "remove_profile_image",
            form.remove_profile_image.as_deref(),
        ));
        faults.refuse()?;
        let command = Self {
            fields,
            external_id: external_id.unwrap_or_default(),
            image: image_patch("profile_image", remove.flatten(), form.profile_image)?,
        };
        if command.is_empty() {
            Err(Refusal::plain(ErrorCode::NothingToUpdate))
        } else {
            Ok(command)
        }
    }

    fn is_empty(&self) -> bool {
        self.fields == Fields::default()
            && self.external_id == Patch::Keep
            && matches!(self.image, ImagePatch::Keep)
    }

    /// The user with the new values; the image is the transaction's to change.
    pub(super) fn apply(&self, before: &UserState) -> UserState {
        let Fields {
            first_name,
            last_name,
            username,
            ..
        } = &self.fields;
        let mut after = before.clone();
        if let Some(name) = first_name {
            after.row.first_name.clone_from(name);
        }
        if let Some(name) = last_name {
            after.row.last_name.clone_from(name);
        }
        if let Some(username) = username {
            after.row.username.clone_from(username);
        }
        self.external_id.apply(&mut after.row.external_id);
        if let Some(metadata) = &self.fields.public_metadata {
            after.public_metadata = metadata.clone();
        }
        if let Some(metadata) = &self.fields.private_metadata {
            after.private_metadata = metadata.clone();
        }
        if let Some(disabled) = self.fields.disabled {
            after.disabled = disabled;
        }
        if let Some(policy) = self.fields.second_factor_policy {
            after.second_factor_policy = policy;
        }
        after
    }
}

#[cfg(test)]
mod tests;
