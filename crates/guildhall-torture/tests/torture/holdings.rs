//! What one writer has made, and nobody else touches: so that what must be there is known exactly.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Id;

/// Everything that a writer owns, as the server has acknowledged it or as it was read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) users: BTreeMap<Id, User>,
    pub(crate) organizations: BTreeMap<Id, Organization>,
}

/// A user: the label is the `external_id`, the note the last name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) label: String,
    pub(crate) note: String,
}

/// An organization: the label is the `external_id`, the note stands in the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Organization {
    pub(crate) label: String,
    pub(crate) note: String,
    pub(crate) revision: u64,
    pub(crate) roles: BTreeMap<Id, Role>,
    pub(crate) members: BTreeMap<Id, Member>,
}

/// A role of the organization: the label is its name, the note its one permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) label: String,
    pub(crate) note: String,
}

/// A member with the organization's own roles; the note stands in the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) user: Id,
    pub(crate) roles: BTreeSet<Id>,
    pub(crate) note: String,
}

impl Holdings {
    /// An organization that is known to be there.
    pub(crate) fn organization(&mut self, id: Id) -> &mut Organization {
        self.organizations.get_mut(&id).unwrap()
    }
}

impl Organization {
    /// A new one.
    pub(crate) fn new(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            note: String::new(),
            revision: 1,
            roles: BTreeMap::new(),
            members: BTreeMap::new(),
        }
    }

    /// A member that is known to be there.
    pub(crate) fn member(&mut self, id: Id) -> &mut Member {
        self.members.get_mut(&id).unwrap()
    }
}
