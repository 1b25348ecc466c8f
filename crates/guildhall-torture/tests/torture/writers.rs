//! A writer: works alone on what it has made, and remembers every answer.

use crate::client::{Client, Reply};
use crate::holdings::Holdings;
use crate::operations::Operation;
use crate::random::Random;
use crate::registry::{Acknowledgement, Registry};
use crate::world;

/// Somebody who remembers every answer.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) number: usize,
    random: Random,
    labels: u64,
    /// What the server has acknowledged.
    holdings: Holdings,
    /// What it was asked and did not answer.
    in_flight: Option<Operation>,
    acknowledgements: Vec<Acknowledgement>,
}

/// Why a writer stopped working.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The server has died, and the last change was done or not.
    Unanswered,
    /// The server has said no, and the last change was not done.
    Refused(Reply),
}

/// What became of the operation that was in flight when the server died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InFlight {
    /// There was none.
    None,
    Applied,
    NotApplied,
}

impl Writer {
    pub(crate) fn new(number: usize, random: Random) -> Self {
        Self {
            number,
            random,
            labels: 0,
            holdings: Holdings::default(),
            in_flight: None,
            acknowledgements: Vec::new(),
        }
    }

    /// Works until the server does not acknowledge a change. `answered` hears of each answer at once.
    pub(crate) async fn work(mut self, mut client: Client, answered: impl Fn()) -> (Self, Stop) {
        loop {
            self.labels += 1;
            let label = world::label(self.number, self.labels);
            let operation = Operation::draw(&mut self.random, &self.holdings, &label);
            let outcome = client.call(&operation.call()).await;
            answered();
            match outcome {
                Ok(reply) if reply.status == 200 => self.acknowledged(&operation, &reply),
                Ok(reply) => return (self, Stop::Refused(reply)),
                Err(_) => {
                    self.in_flight = Some(operation);
                    return (self, Stop::Unanswered);
                }
            }
        }
    }

    fn acknowledged(&mut self, operation: &Operation, reply: &Reply) {
        let acknowledgement = Acknowledgement::read(operation, reply);
        operation.apply(&mut self.holdings, acknowledgement.made);
        let (stream, number) = acknowledgement.revision;
        // Nobody else writes here, so that the next revision is known.
        if let Some(organization) = self.holdings.organizations.get(&stream) {
            assert_eq!(organization.revision, number, "{operation:?}");
        }
        self.acknowledgements.push(acknowledgement);
    }

    /// Compares what was read back with what was acknowledged. What was in flight may be there or not, but no third thing.
    pub(crate) fn settle(&mut self, found: Holdings, registry: &mut Registry) -> InFlight {
        let operation = self.in_flight.take();
        if found == self.holdings {
            return operation.map_or(InFlight::None, |_| InFlight::NotApplied);
        }
        let mut applied = self.holdings.clone();
        let made = operation
            .as_ref()
            .and_then(|operation| operation.made_in(&found));
        if let Some(operation) = &operation
            && made.is_some() == operation.makes()
        {
            operation.apply(&mut applied, made);
        }
        let Self {
            number, holdings, ..
        } = &*self;
        assert!(
            found == applied,
            "writer {number} was acknowledged {holdings:#?}\nwith this in flight: {operation:#?}\nand finds {found:#?}"
        );
        registry.made(made);
        self.holdings = found;
        InFlight::Applied
    }

    /// Hands over the answers since the last time.
    pub(crate) fn acknowledgements(&mut self) -> Vec<Acknowledgement> {
        std::mem::take(&mut self.acknowledgements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer with one user, and the operation that renames it.
    fn writer() -> (Writer, Operation) {
        let mut writer = Writer::new(0, Random::new(0));
        let create = Operation::CreateUser {
            label: "w0-1".to_owned(),
        };
        create.apply(&mut writer.holdings, Some(7));
        let rename = Operation::RenameUser {
            user: 7,
            note: "w0-2".to_owned(),
        };
        (writer, rename)
    }

    #[test]
    #[should_panic(expected = "writer 0 was acknowledged")]
    fn what_was_acknowledged_and_is_gone_is_noticed() {
        writer()
            .0
            .settle(Holdings::default(), &mut Registry::default());
    }

    #[test]
    #[should_panic(expected = "writer 0 was acknowledged")]
    fn what_was_refused_and_is_done_is_noticed() {
        let (mut writer, rename) = writer();
        let mut found = writer.holdings.clone();
        rename.apply(&mut found, None);
        writer.settle(found, &mut Registry::default());
    }

    #[test]
    fn what_was_in_flight_may_be_done_or_not() {
        let (mut writer, rename) = writer();
        let mut registry = Registry::default();
        writer.in_flight = Some(rename.clone());
        let mut found = writer.holdings.clone();
        assert_eq!(
            writer.settle(found.clone(), &mut registry),
            InFlight::NotApplied
        );
        writer.in_flight = Some(rename.clone());
        rename.apply(&mut found, None);
        assert_eq!(
            writer.settle(found.clone(), &mut registry),
            InFlight::Applied
        );
        assert_eq!(writer.settle(found, &mut registry), InFlight::None);
    }
}
