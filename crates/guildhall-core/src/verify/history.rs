//! Replaying a stream: which entities there are after its last entry, and which entry left each as it is.
//!
//! Only ids and revisions are kept; the record itself is read again when it is compared. Deleting a role takes it
//! from all members without entries of their own, so that a member's record is compared without the roles that were
//! deleted after it. Deleting an organization ends all that is in it.

use std::collections::BTreeMap;

use guildhall_db::statements;
use guildhall_types::ids::DeploymentId;
use guildhall_types::ledger::Action;

use super::origins::Origins;
use super::records::Fields;
use super::streams::StoredEntry;
use super::{Audit, Place, Rule};
use crate::refusal::Refusal;

statements! {
    AFTER = "SELECT after FROM ledger WHERE deployment_id = ?1 AND stream_id = ?2 AND revision = ?3";
}

/// The field of a new deployment's record that holds the roles it began with.
const FIRST_ROLES: &str = "organization_roles";

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    Key,
    Organization,
    Member,
    Role,
    User,
}

impl Kind {
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Key => "api key",
            Self::Organization => "organization",
            Self::Member => "member",
            Self::Role => "role",
            Self::User => "user",
        }
    }
}

/// What an entry does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Create,
    Change,
    Delete,
}

fn meaning(action: Action) -> (Kind, Effect) {
    match action {
        Action::DeploymentCreated => (Kind::Deployment, Effect::Create),
        Action::DeploymentUpdated => (Kind::Deployment, Effect::Change),
        Action::KeyCreated => (Kind::Key, Effect::Create),
        // A key that ends stays as a row, so that the ledger can be read.
        Action::KeyRevoked | Action::KeyRotated => (Kind::Key, Effect::Change),
        Action::OrganizationCreated => (Kind::Organization, Effect::Create),
        Action::OrganizationUpdated
        | Action::OrganizationSuspended
        | Action::OrganizationReactivated => (Kind::Organization, Effect::Change),
        Action::OrganizationDeleted => (Kind::Organization, Effect::Delete),
        Action::MemberAdded => (Kind::Member, Effect::Create),
        Action::MemberUpdated
        | Action::MemberRolesUpdated
        | Action::MemberRolesExpired
        | Action::MemberSuspended
        | Action::MemberReactivated => (Kind::Member, Effect::Change),
        Action::MemberExpired | Action::MemberRemoved => (Kind::Member, Effect::Delete),
        Action::RoleCreated => (Kind::Role, Effect::Create),
        Action::RoleUpdated => (Kind::Role, Effect::Change),
        Action::RoleDeleted => (Kind::Role, Effect::Delete),
        Action::UserCreated => (Kind::User, Effect::Create),
        Action::UserUpdated => (Kind::User, Effect::Change),
        Action::UserDeleted => (Kind::User, Effect::Delete),
    }
}

/// The last entry about an entity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) kind: Kind,
    pub(super) revision: i64,
    /// Whether the entity is one of the roles inside the record of a new deployment.
    first_role: bool,
}

/// What a stream says, up to the last entry applied.
#[derive(Debug)]
pub(super) struct History {
    deployment: DeploymentId,
    stream: i64,
    entities: BTreeMap<i64, Last>,
    /// Deleted roles with the revision of their deletion, which only grows.
    deleted_roles: Vec<(i64, i64)>,
    pub(super) origins: Origins,
    ended: bool,
}

impl History {
    pub(super) fn new(deployment: DeploymentId, stream: i64) -> Self {
        Self {
            deployment,
            stream,
            entities: BTreeMap::new(),
            deleted_roles: Vec::new(),
            origins: Origins::default(),
            ended: false,
        }
    }

    /// Whether the last entry deleted the organization.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Takes the next entry into account; what cannot follow on what was before is a finding.
    pub(super) fn apply(
        &mut self,
        audit: &mut Audit<'_>,
        place: &Place,
        entry: &StoredEntry,
    ) -> Result<(), Refusal> {
        let Some(action) = Action::from_word(&entry.action) else {
            audit.find(
                place,
                Rule::LedgerAction,
                "its action is none that this server knows",
            );
            return Ok(());
        };
        let (kind, effect) = meaning(action);
        if let Some(fault) = self.misplaced(kind, effect, entry) {
            audit.find(place, Rule::LedgerHistory, fault);
        }
        let prior = self
            .entities
            .get(&entry.entity)
            .copied()
            .filter(|prior| prior.kind == kind);
        match (effect, prior, &entry.before) {
            (Effect::Create, Some(prior), _) => {
                let message = format!("creates what is there since revision {}", prior.revision);
                audit.find(place, Rule::LedgerHistory, message);
            }
            (Effect::Change | Effect::Delete, None, _) => {
                audit.find(place, Rule::LedgerHistory, "changes what is not there");
            }
            (Effect::Change | Effect::Delete, Some(prior), Some(before)) => {
                if let Some(difference) = self.difference(audit, entry.entity, &prior, before)? {
                    let message = format!(
                        "{difference} was not so before: revision {} left it otherwise",
                        prior.revision
                    );
                    audit.find(place, Rule::LedgerHistory, message);
                }
            }
            // Without a record of before it is misplaced already.
            (Effect::Create, None, _) | (_, _, None) => {}
        }
        self.advance(kind, effect, entry);
        Ok(())
    }

    /// Why an entry cannot stand where it does, whatever was before.
    fn misplaced(&self, kind: Kind, effect: Effect, entry: &StoredEntry) -> Option<&'static str> {
        let of_deployment = self.stream == self.deployment.raw();
        let (is_here, is_stream) = match kind {
            Kind::Deployment => (of_deployment, true),
            Kind::Key | Kind::User => (of_deployment, false),
            Kind::Organization => (!of_deployment, true),
            Kind::Member => (!of_deployment, false),
            Kind::Role => (true, false),
        };
        let records = match effect {
            Effect::Create => (false, true),
            Effect::Change => (true, true),
            Effect::Delete => (true, false),
        };
        if self.ended {
            return Some("follows the deletion of the organization");
        }
        if !is_here {
            return Some("belongs to another kind of stream");
        }
        if (entry.before.is_some(), entry.after.is_some()) != records {
            return Some("its records of before and after do not fit its action");
        }
        if is_stream && entry.entity != self.stream {
            return Some("is about another stream");
        }
        let opens = is_stream && effect == Effect::Create;
        (opens != (entry.revision == 1))
            .then_some("a stream begins with its creation, and only once")
    }

    fn advance(&mut self, kind: Kind, effect: Effect, entry: &StoredEntry) {
        self.origins.apply(kind, effect, entry);
        if effect != Effect::Delete {
            let last = Last {
                kind,
                revision: entry.revision,
                first_role: false,
            };
            self.entities.insert(entry.entity, last);
        } else if kind == Kind::Organization {
            self.entities.clear();
            self.ended = true;
        } else {
            self.entities.remove(&entry.entity);
        }
        if (kind, effect) == (Kind::Role, Effect::Delete) {
            self.deleted_roles.push((entry.revision, entry.entity));
        }
        if (kind, effect) == (Kind::Deployment, Effect::Create) {
            let record = entry.after.as_deref().and_then(Fields::parse);
            for role in record
                .map(|record| record.list(FIRST_ROLES))
                .unwrap_or_default()
                .into_keys()
            {
                let last = Last {
                    kind: Kind::Role,
                    revision: entry.revision,
                    first_role: true,
                };
                self.entities.insert(role, last);
                self.origins.began(role, entry);
            }
        }
    }

    /// The last entry about an entity, which then counts as seen.
    pub(super) fn take(&mut self, kind: Kind, id: i64) -> Option<Last> {
        self.entities.get(&id).filter(|last| last.kind == kind)?;
        self.entities.remove(&id)
    }

    /// The entities that were not taken.
    pub(super) fn into_rest(self) -> BTreeMap<i64, Last> {
        self.entities
    }

    /// What of a record is not as the last entry about the entity left it, in words.
    pub(super) fn difference(
        &self,
        audit: &Audit<'_>,
        id: i64,
        last: &Last,
        record: &str,
    ) -> Result<Option<String>, Refusal> {
        let after = audit.sql.one(
            &AFTER,
            &[&self.deployment, &self.stream, &last.revision],
            |row| Ok::<_, Refusal>(row.get::<Option<String>>(0)?),
        )?;
        let after = after.flatten().unwrap_or_default();
        let deleted_roles = self.roles_deleted_after(last);
        if after == record && deleted_roles.is_empty() {
            return Ok(None);
        }
        let unreadable = Ok(Some("its record".to_owned()));
        let Some(mut kept) = Fields::parse(&after) else {
            return unreadable;
        };
        if last.first_role {
            let Some(role) = kept.list(FIRST_ROLES).remove(&id) else {
                return unreadable;
            };
            kept = role;
        }
        if !deleted_roles.is_empty() {
            let is_deleted = |role: &str| {
                deleted_roles
                    .iter()
                    .any(|(_, deleted)| role.parse() == Ok(*deleted))
            };
            kept.take_ids("role_ids", is_deleted);
            kept.take_keys("role_expires_at", is_deleted);
        }
        let Some(mut now) = Fields::parse(record) else {
            return unreadable;
        };
        if last.kind == Kind::Deployment {
            // The roles that it began with go on as entities of their own.
            (kept, now) = (kept.without(FIRST_ROLES), now.without(FIRST_ROLES));
        }
        Ok(kept.difference(&now).map(|field| format!("`{field}`")))
    }

    fn roles_deleted_after(&self, last: &Last) -> &[(i64, i64)] {
        if last.kind != Kind::Member {
            return &[];
        }
        let from = self
            .deleted_roles
            .partition_point(|(revision, _)| *revision <= last.revision);
        self.deleted_roles.get(from..).unwrap_or_default()
    }
}
