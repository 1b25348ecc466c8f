//! The ledger: what changed, who changed it, when, and proof that nobody rewrote it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::KeyId;
use crate::time::Timestamp;

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal;)+) => {
        /// What happened, in the words of the contract's event catalog (wire contract, section 16).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Action {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word on the wire and in the database.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

actions! {
    /// A deployment was created.
    DeploymentCreated = "deployment.created";
    /// A setting of a deployment changed.
    DeploymentUpdated = "deployment.updated";
    /// An API key was created.
    KeyCreated = "api_key.created";
    /// An API key was revoked.
    KeyRevoked = "api_key.deleted";
    /// An API key was replaced by a new one.
    KeyRotated = "api_key.rotated";
    /// An organization was created.
    OrganizationCreated = "organization.created";
    /// An organization's own fields changed.
    OrganizationUpdated = "organization.updated";
    /// An organization was suspended: every check in it is denied.
    OrganizationSuspended = "organization.suspended";
    /// The suspension of an organization ended.
    OrganizationReactivated = "organization.reactivated";
    /// An organization was deleted, with everything in it.
    OrganizationDeleted = "organization.deleted";
    /// A user became a member.
    MemberAdded = "organization.member.added";
    /// A member's metadata or end changed.
    MemberUpdated = "organization.member.updated";
    /// A member's roles changed.
    MemberRolesUpdated = "organization.member.role.updated";
    /// Roles that a member held until now have expired.
    MemberRolesExpired = "organization.member.role.expired";
    /// A member was suspended: every check of it is denied.
    MemberSuspended = "organization.member.suspended";
    /// The suspension of a member ended.
    MemberReactivated = "organization.member.reactivated";
    /// A membership has expired, and was removed.
    MemberExpired = "organization.member.expired";
    /// A member was removed.
    MemberRemoved = "organization.member.removed";
    /// A role was created.
    RoleCreated = "organization.role.created";
    /// A role's name or permissions changed.
    RoleUpdated = "organization.role.updated";
    /// A role was deleted and taken from its members.
    RoleDeleted = "organization.role.deleted";
    /// A user was created.
    UserCreated = "user.created";
    /// A user's fields changed.
    UserUpdated = "user.updated";
    /// A user was deleted, with all memberships.
    UserDeleted = "user.deleted";
}

impl Action {
    /// The action of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|action| action.word() == word)
    }
}

// By hand: the derive does not see a name that comes from a macro.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Action {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.iter().map(|action| action.word())))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Action {}

/// Who made a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// A backend, through the API.
    ApiKey {
        /// The key that it called with.
        id: KeyId,
    },
    /// An operator, on the server's own command line.
    CommandLine,
    /// The server itself, which removes what has expired.
    Server,
}

impl Actor {
    /// The key that was called with, if it was one.
    pub fn key(self) -> Option<KeyId> {
        match self {
            Self::ApiKey { id } => Some(id),
            Self::CommandLine | Self::Server => None,
        }
    }
}

/// One change of one stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedgerEntry {
    /// The number of the change in its stream, from 1, without gaps.
    pub revision: i64,
    /// When it was made.
    pub occurred_at: Timestamp,
    /// What happened.
    pub action: Action,
    /// Who did it.
    pub actor: Actor,
    /// The request that did it, as in `X-Request-Id`.
    pub request_id: String,
    /// What it happened to.
    #[cfg_attr(feature = "openapi", schema(example = "59392107315200001"))]
    pub entity_id: String,
    /// The entity before; null when it did not exist.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub before: Option<Box<RawValue>>,
    /// The entity after; null when it no longer exists.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub after: Option<Box<RawValue>>,
    /// The hash of the entry before this one, in hexadecimal; zeros for the first.
    pub previous_hash: String,
    /// SHA-256 over the previous hash and every field of this entry, in hexadecimal.
    pub hash: String,
}
