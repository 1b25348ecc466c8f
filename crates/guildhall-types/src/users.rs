//! Users: the people of the application, who may be members of organizations.

use serde::{Deserialize, Serialize};

use crate::ids::{DeploymentId, UserEmailId, UserId, UserPhoneId};
use crate::json::JsonObject;
use crate::time::Timestamp;

/// A user as lists show them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// When the user was created.
    pub created_at: Timestamp,
    /// When the user's own fields last changed.
    pub updated_at: Timestamp,
    /// First name, or the empty string.
    #[cfg_attr(feature = "openapi", schema(example = "Ava"))]
    pub first_name: String,
    /// Last name, or the empty string.
    #[cfg_attr(feature = "openapi", schema(example = "Stone"))]
    pub last_name: String,
    /// Username, unique in the deployment without regard to case.
    pub username: Option<String>,
    /// Where the profile image is served, or the empty string.
    pub profile_picture_url: String,
    /// The primary e-mail address, as it was typed.
    #[cfg_attr(feature = "openapi", schema(example = "ava@example.com"))]
    pub primary_email_address: Option<String>,
    /// The primary phone number, in E.164 form.
    #[cfg_attr(feature = "openapi", schema(example = "+15551234567"))]
    pub primary_phone_number: Option<String>,
    /// The id that another system knows the user by, unique in the deployment.
    pub external_id: Option<String>,
}

/// A user with everything that is known about them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserDetails {
    /// The user as lists show them.
    #[serde(flatten)]
    pub user: User,
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// Always `v1`.
    pub schema_version: SchemaVersion,
    /// Whether the user is shut out.
    pub disabled: bool,
    /// Whether a second factor is asked of the user, for the identity provider in front.
    pub second_factor_policy: SecondFactorPolicy,
    /// Always `available`.
    pub availability: String,
    /// Always false: Guildhall stores no password.
    pub has_password: bool,
    /// Always false: Guildhall stores no backup codes.
    pub has_backup_codes: bool,
    /// Always null.
    pub last_password_reset_at: Option<Timestamp>,
    /// Always null: the active organization belongs to a session of the identity provider.
    pub active_organization_membership_id: Option<String>,
    /// Always null: the active workspace belongs to a session of the identity provider.
    pub active_workspace_membership_id: Option<String>,
    /// The id of the primary e-mail address.
    pub primary_email_address_id: Option<UserEmailId>,
    /// The id of the primary phone number.
    pub primary_phone_number_id: Option<UserPhoneId>,
    /// All e-mail addresses.
    pub email_addresses: Vec<UserEmail>,
    /// All phone numbers.
    pub phone_numbers: Vec<UserPhone>,
    /// Empty: social connections belong to the identity provider.
    pub social_connections: Vec<serde_json::Value>,
    /// Empty: segments are not served yet.
    pub segments: Vec<serde_json::Value>,
    /// Metadata that the application shows to its users.
    pub public_metadata: JsonObject,
    /// Metadata that the application keeps to itself.
    pub private_metadata: JsonObject,
}

/// The version of the user's shape; there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SchemaVersion {
    /// The version in use.
    V1,
}

/// Whether a second factor is asked of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SecondFactorPolicy {
    /// Never.
    None,
    /// If the user set one up.
    Optional,
    /// Always.
    Enforced,
}

impl SecondFactorPolicy {
    /// All policies, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::None, Self::Optional, Self::Enforced];

    /// The word on the wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Enforced => "enforced",
        }
    }

    /// The policy of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.word() == word)
    }
}

/// An e-mail address of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserEmail {
    /// The id of the address.
    pub id: UserEmailId,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// The user.
    pub user_id: UserId,
    /// The address as it was typed.
    pub email: String,
    /// Whether it is the user's primary address.
    pub is_primary: bool,
    /// Whether it is known to belong to the user.
    pub verified: bool,
    /// When it was verified; when it was added, if it was not.
    pub verified_at: Timestamp,
    /// How it was verified; always `otp` today.
    pub verification_strategy: String,
}

/// A phone number of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserPhone {
    /// The id of the number.
    pub id: UserPhoneId,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// The user.
    pub user_id: UserId,
    /// The number without its country code.
    pub phone_number: String,
    /// The country code with its plus sign.
    pub country_code: String,
    /// Whether it is known to belong to the user.
    pub verified: bool,
    /// When it was verified; when it was added, if it was not.
    pub verified_at: Timestamp,
}
