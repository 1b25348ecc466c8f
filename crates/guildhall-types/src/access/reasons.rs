//! Why a check is answered as it is.

use serde::{Serialize, Serializer};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal;)+) => {
        /// Why a check is answered as it is. Where several reasons hold, the first of this list is told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, in the order in which they are looked for.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable word on the wire.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

reasons! {
    /// The user holds what is asked for: the one reason of an allow.
    Granted = "granted";
    /// No organization of the deployment has this id.
    OrganizationNotFound = "organization_not_found";
    /// The organization is suspended, and with it everybody in it.
    OrganizationSuspended = "organization_suspended";
    /// The user is not a member of the organization, or there is no such user.
    NotAMember = "not_a_member";
    /// The user is disabled, everywhere.
    UserDisabled = "user_disabled";
    /// The membership is suspended.
    MembershipSuspended = "membership_suspended";
    /// The membership has ended.
    MembershipExpired = "membership_expired";
    /// No role that the member holds now gives what is asked for.
    MissingPermission = "missing_permission";
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

// By hand: the derive does not see a name that comes from a macro.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Reason {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("Why a check is answered as it is"))
            .enum_values(Some(Self::ALL.iter().map(|reason| reason.word())))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Reason {}
