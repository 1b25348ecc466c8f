//! What the server may give out only once: ids and revisions.

use std::collections::HashSet;

use crate::client::{Id, Reply, id};
use crate::operations::Operation;

/// An answer that a writer has received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledgement {
    /// The id of what is new.
    pub(crate) made: Option<Id>,
    /// The stream and the number of its revision.
    pub(crate) revision: (Id, u64),
}

impl Acknowledgement {
    pub(crate) fn read(operation: &Operation, reply: &Reply) -> Self {
        let answer = reply.ok();
        Self {
            made: operation.makes().then(|| id(&answer, "id")),
            revision: reply.revision(),
        }
    }
}

/// Everything that was given out, over all lives of a server.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    ids: HashSet<Id>,
    revisions: HashSet<(Id, u64)>,
    /// The highest id of the lives before this one.
    before: Id,
}

impl Registry {
    /// Notes what an answer gave out; a change that was acknowledged once and then lost shows here, too: its revision
    /// comes a second time.
    pub(crate) fn acknowledged(&mut self, acknowledgement: &Acknowledgement) {
        let revision = acknowledgement.revision;
        assert!(self.revisions.insert(revision), "twice: {revision:?}");
        self.made(acknowledgement.made);
    }

    /// Notes the id of something new, acknowledged or found later.
    pub(crate) fn made(&mut self, made: Option<Id>) {
        if let Some(id) = made {
            assert!(self.ids.insert(id), "the id {id} was given out before");
            let before = self.before;
            assert!(
                id > before,
                "the id {id} is not above {before}, of a life before"
            );
        }
    }

    /// The server has ended: every id from now on must be above all those so far.
    pub(crate) fn next_life(&mut self) {
        self.before = self.ids.iter().copied().max().unwrap_or_default();
    }

    pub(crate) fn ids(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledgement(made: Id, number: u64) -> Acknowledgement {
        Acknowledgement {
            made: Some(made),
            revision: (1, number),
        }
    }

    #[test]
    #[should_panic(expected = "the id 5 was given out before")]
    fn an_id_comes_once() {
        let mut registry = Registry::default();
        registry.acknowledged(&acknowledgement(5, 1));
        registry.acknowledged(&acknowledgement(5, 2));
    }

    #[test]
    #[should_panic(expected = "the id 4 is not above 5")]
    fn ids_grow_from_life_to_life() {
        let mut registry = Registry::default();
        registry.acknowledged(&acknowledgement(5, 1));
        registry.next_life();
        registry.acknowledged(&acknowledgement(4, 2));
    }

    #[test]
    #[should_panic(expected = "twice: (1, 1)")]
    fn a_revision_comes_once() {
        let mut registry = Registry::default();
        registry.acknowledged(&acknowledgement(5, 1));
        registry.acknowledged(&acknowledgement(6, 1));
    }
}
