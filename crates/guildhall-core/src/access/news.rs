//! What the ledger was told, on its way to those who keep a picture of it.
//!
//! A snapshot is a fold over a ledger, and this is the one place that says what an entry does to it: for the cache of this
//! process, for a dry run, and for whoever reads the ledger of another server.

use std::cell::RefCell;
use std::collections::BTreeMap;

use guildhall_access::{Assignment, DeploymentChange, Membership, OrganizationChange, Role};
use guildhall_types::Timestamp;
use guildhall_types::ids::{DeploymentId, MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::ledger::Action;
use serde::Deserialize;

use crate::refusal::Refusal;

/// One entry of the ledger: what changed in which stream.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) deployment: DeploymentId,
    /// The organization or deployment.
    pub(crate) stream: i64,
    pub(crate) revision: i64,
    pub(crate) action: Action,
    pub(crate) entity: i64,
    /// JSON, as the ledger keeps it.
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// What an entry does to the picture of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect<C> {
    /// The stream begins: there was nothing to change.
    Begins,
    /// It changes.
    Changes(C),
    /// It ends: there is nothing any more.
    Ends,
}

/// What one command told the ledger so far, in order.
///
/// It lives in the command's transaction, and is worth nothing unless that commits.
#[derive(Debug, Default)]
pub(crate) struct Told(RefCell<Vec<News>>);

impl Told {
    /// Notes an entry.
    pub(crate) fn tell(&self, news: News) {
        self.0.borrow_mut().push(news);
    }

    /// All of it.
    pub(crate) fn into_news(self) -> Vec<News> {
        self.0.into_inner()
    }
}

/// What decides about access in the ledger's record of a member. What is not there in an entry is without limit.
#[derive(Debug, Deserialize)]
struct MemberPart {
    user_id: UserId,
    role_ids: Vec<RoleId>,
    #[serde(default)]
    role_expires_at: BTreeMap<RoleId, Timestamp>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    suspended_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct RolePart {
    name: String,
    permissions: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct OrganizationPart {
    #[serde(default)]
    suspended_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct UserPart {
    disabled: bool,
}

impl News {
    /// Whether the stream is that of the deployment itself.
    pub(crate) fn is_of_deployment(&self) -> bool {
        self.stream == self.deployment.raw()
    }

    /// Whether the stream ends with it.
    pub(crate) fn ends(&self) -> bool {
        self.action == Action::OrganizationDeleted
    }

    /// The organization whose stream it is.
    pub(crate) fn organization(&self) -> Result<OrganizationId, Refusal> {
        OrganizationId::new(self.stream).map_err(Refusal::internal)
    }

    /// What the entry does to the snapshot of its organization.
    pub(crate) fn of_organization(&self) -> Result<Effect<OrganizationChange>, Refusal> {
        let change = match self.action {
            Action::OrganizationCreated => return Ok(Effect::Begins),
            Action::OrganizationDeleted => return Ok(Effect::Ends),
            Action::OrganizationUpdated
            | Action::OrganizationSuspended
            | Action::OrganizationReactivated => {
                let part: OrganizationPart = self.now()?;
                OrganizationChange::Suspended(part.suspended_at.is_some())
            }
            Action::MemberAdded
            | Action::MemberUpdated
            | Action::MemberRolesUpdated
            | Action::MemberRolesExpired
            | Action::MemberSuspended
            | Action::MemberReactivated
            | Action::MemberExpired
            | Action::MemberRemoved => self.member()?,
            Action::RoleCreated | Action::RoleUpdated | Action::RoleDeleted => {
                let role = RoleId::new(self.entity).map_err(Refusal::internal)?;
                match self.role(role)? {
                    Some(set) => OrganizationChange::RoleSet(set),
                    None => OrganizationChange::RoleRemoved(role),
                }
            }
            Action::DeploymentCreated
            | Action::DeploymentUpdated
            | Action::KeyCreated
            | Action::KeyRevoked
            | Action::KeyRotated
            | Action::UserCreated
            | Action::UserUpdated
            | Action::UserDeleted => return Err(self.astray()),
        };
        Ok(Effect::Changes(change))
    }

    /// What the entry does to the snapshot of its deployment.
    pub(crate) fn of_deployment(&self) -> Result<Effect<DeploymentChange>, Refusal> {
        let change = match self.action {
            Action::DeploymentCreated => return Ok(Effect::Begins),
            // A deployment's own roles are those that it began with.
            Action::DeploymentUpdated
            | Action::KeyCreated
            | Action::KeyRevoked
            | Action::KeyRotated => DeploymentChange::Nothing,
            Action::UserCreated | Action::UserUpdated | Action::UserDeleted => self.user()?,
            Action::OrganizationCreated
            | Action::OrganizationUpdated
            | Action::OrganizationSuspended
            | Action::OrganizationReactivated
            | Action::OrganizationDeleted
            | Action::MemberAdded
            | Action::MemberUpdated
            | Action::MemberRolesUpdated
            | Action::MemberRolesExpired
            | Action::MemberSuspended
            | Action::MemberReactivated
            | Action::MemberExpired
            | Action::MemberRemoved
            | Action::RoleCreated
            | Action::RoleUpdated
            | Action::RoleDeleted => return Err(self.astray()),
        };
        Ok(Effect::Changes(change))
    }

    fn member(&self) -> Result<OrganizationChange, Refusal> {
        if self.after.is_none() {
            let part: MemberPart = self.then()?;
            return Ok(OrganizationChange::MemberRemoved(part.user_id));
        }
        let part: MemberPart = self.now()?;
        let assignment = |role_id| Assignment {
            role_id,
            expires_at: part.role_expires_at.get(&role_id).copied(),
        };
        Ok(OrganizationChange::MemberSet(Membership {
            member_id: MemberId::new(self.entity).map_err(Refusal::internal)?,
            user_id: part.user_id,
            suspended: part.suspended_at.is_some(),
            expires_at: part.expires_at,
            roles: part.role_ids.iter().copied().map(assignment).collect(),
        }))
    }

    fn role(&self, id: RoleId) -> Result<Option<Role>, Refusal> {
        if self.after.is_none() {
            return Ok(None);
        }
        let part: RolePart = self.now()?;
        Ok(Some(Role::new(id, part.name, part.permissions)))
    }

    fn user(&self) -> Result<DeploymentChange, Refusal> {
        let user = UserId::new(self.entity).map_err(Refusal::internal)?;
        if self.after.is_none() {
            return Ok(DeploymentChange::UserRemoved(user));
        }
        let disabled = self.now::<UserPart>()?.disabled;
        let before = match &self.before {
            Some(_) => self.then::<UserPart>()?.disabled,
            None => false,
        };
        Ok(if before == disabled {
            DeploymentChange::Nothing
        } else {
            DeploymentChange::UserDisabled(user, disabled)
        })
    }

    fn now<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Refusal> {
        Ok(serde_json::from_str(
            self.after.as_deref().unwrap_or_default(),
        )?)
    }

    fn then<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Refusal> {
        Ok(serde_json::from_str(
            self.before.as_deref().unwrap_or_default(),
        )?)
    }

    /// An entry in a stream that it does not belong to.
    fn astray(&self) -> Refusal {
        let word = self.action.word();
        Refusal::internal(format!("`{word}` is in the ledger of {}", self.stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with all that any noun is asked for.
    const RECORD: &str = r#"{"user_id":"1","role_ids":["2"],"role_expires_at":{"2":"2026-05-03T12:00:00Z"},
        "suspended_at":"2026-05-03T12:00:00Z","name":"x","permissions":["a"],"disabled":true}"#;

    fn news(action: Action) -> News {
        News {
            deployment: DeploymentId::new(5).unwrap(),
            stream: 6,
            revision: 7,
            action,
            entity: 8,
            before: Some(RECORD.to_owned()),
            after: Some(RECORD.to_owned()),
        }
    }

    #[test]
    fn every_action_belongs_to_one_kind_of_stream() {
        for action in Action::ALL {
            let news = news(*action);
            let folds = (news.of_organization().is_ok(), news.of_deployment().is_ok());
            assert!(folds.0 != folds.1, "{action:?} {folds:?}");
        }
    }

    #[test]
    fn a_record_of_a_member_is_the_whole_membership() {
        let end: Timestamp = "2026-05-03T12:00:00Z".parse().unwrap();
        let role_id = RoleId::new(2).unwrap();
        let expected = Membership {
            member_id: MemberId::new(8).unwrap(),
            user_id: UserId::new(1).unwrap(),
            suspended: true,
            expires_at: None,
            roles: vec![Assignment {
                role_id,
                expires_at: Some(end),
            }],
        };
        let effect = news(Action::MemberAdded).of_organization().unwrap();
        assert_eq!(
            effect,
            Effect::Changes(OrganizationChange::MemberSet(expected))
        );
        let gone = News {
            after: None,
            ..news(Action::MemberExpired)
        };
        let removed = OrganizationChange::MemberRemoved(UserId::new(1).unwrap());
        assert_eq!(gone.of_organization().unwrap(), Effect::Changes(removed));
    }
}
