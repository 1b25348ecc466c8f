//! Since when, and by which key: the entry that began what a row says has a beginning.
//!
//! A NULL revision says that the row is from before revisions were kept on it; that alone cannot be checked.

use std::collections::BTreeMap;

use guildhall_types::Timestamp;
use guildhall_types::ids::{KeyId, RoleId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::history::{Effect, Kind};
use super::streams::StoredEntry;
use super::{Audit, Place, Rule};

/// An entry, and the key that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) revision: i64,
    pub(super) key: Option<KeyId>,
}

/// What began when, up to the last entry applied.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// When a member was added, and when the permissions of a role last changed.
    entities: BTreeMap<i64, Origin>,
    /// By member and role, since when it is held until its end of now.
    grants: BTreeMap<(i64, i64), Grant>,
}

#[derive(Clone, Copy, Debug)]
struct Grant {
    end: Option<Timestamp>,
    origin: Origin,
}

/// What the record of a member says about roles.
#[derive(Debug, Default, Deserialize)]
struct Held {
    role_ids: Vec<RoleId>,
    #[serde(default)]
    role_expires_at: BTreeMap<RoleId, Timestamp>,
}

/// What the record of a role says about permissions.
#[derive(Deserialize)]
struct Permitted<'a> {
    #[serde(borrow)]
    permissions: &'a RawValue,
}

impl Origins {
    /// Takes the next entry into account. A record that cannot be read is left to the comparison with the rows.
    pub(super) fn apply(&mut self, kind: Kind, effect: Effect, entry: &StoredEntry) {
        match (kind, effect) {
            (Kind::Organization, Effect::Delete) => *self = Self::default(),
            (Kind::Member | Kind::Role, Effect::Delete) => self.forget(entry.entity),
            (Kind::Member, _) => {
                if effect == Effect::Create {
                    self.began(entry.entity, entry);
                }
                self.hold(entry);
            }
            (Kind::Role, _)
                if permissions(entry.before.as_deref()) != permissions(entry.after.as_deref()) =>
            {
                self.began(entry.entity, entry);
            }
            _ => {}
        }
    }

    /// Something began with this entry.
    pub(super) fn began(&mut self, id: i64, entry: &StoredEntry) {
        self.entities.insert(id, origin(entry));
    }

    /// When a member was added, or the permissions of a role last changed.
    pub(super) fn of(&self, id: i64) -> Option<Origin> {
        self.entities.get(&id).copied()
    }

    /// When a member was given a role as it is held now.
    pub(super) fn of_grant(&self, member: i64, role: i64) -> Option<Origin> {
        self.grants.get(&(member, role)).map(|grant| grant.origin)
    }

    fn forget(&mut self, id: i64) {
        self.entities.remove(&id);
        self.forget_grants(id);
    }

    fn forget_grants(&mut self, member: i64) {
        let roles: Vec<(i64, i64)> = self
            .grants
            .range((member, i64::MIN)..=(member, i64::MAX))
            .map(|(place, _)| *place)
            .collect();
        for place in roles {
            self.grants.remove(&place);
        }
    }

    fn hold(&mut self, entry: &StoredEntry) {
        let member = entry.entity;
        let record = entry.after.as_deref().unwrap_or_default();
        let held: Held = serde_json::from_str(record).unwrap_or_default();
        let grants: Vec<_> = held
            .role_ids
            .into_iter()
            .map(|role| {
                let end = held.role_expires_at.get(&role).copied();
                let place = (member, role.raw());
                let before = self.grants.get(&place).filter(|grant| grant.end == end);
                let given = Grant {
                    end,
                    origin: origin(entry),
                };
                (place, before.copied().unwrap_or(given))
            })
            .collect();
        self.forget_grants(member);
        self.grants.extend(grants);
    }
}

fn origin(entry: &StoredEntry) -> Origin {
    Origin {
        revision: entry.revision,
        key: entry.actor,
    }
}

fn permissions(record: Option<&str>) -> Option<&str> {
    let permitted: Permitted<'_> = serde_json::from_str(record?).ok()?;
    Some(permitted.permissions.get())
}

/// Compares what a row says of its beginning with the ledger.
pub(super) fn expect(
    audit: &mut Audit<'_>,
    place: &Place,
    what: &str,
    stored: (Option<i64>, Option<KeyId>),
    origin: Option<Origin>,
) {
    let kept = match stored {
        (Some(revision), key) => origin == Some(Origin { revision, key }),
        (None, key) => key.is_none(),
    };
    let message = format!("{what} is from another revision or by another key than it says");
    audit.expect(kept, place, Rule::Origin, &message);
}
