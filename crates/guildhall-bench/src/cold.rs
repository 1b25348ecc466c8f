//! The first question about an organization that was never asked about in the life of the server, and what the snapshots
//! of very many organizations take of its memory.
//!
//! The first answer about a large organization does not wait until all of it is in memory, so that is measured too: a
//! batch waits.

use std::time::{Duration, Instant};

use guildhall_types::ids::{OrganizationId, UserId};

use crate::access::{self, CHECK, CHECK_BATCH};
use crate::child::{Memory, Server};
use crate::data_set::{Description, Sampled};
use crate::failure::{Failure, Outcome};
use crate::histogram::Histogram;
use crate::scenarios::{Ask, Client, choice};

/// The name that `--only` finds these figures by.
pub(crate) const NAME: &str = "access first check";

/// Small organizations have about ten members.
const SMALL: std::ops::RangeInclusive<u64> = 9..=11;

/// Small ones that are asked about in the life of one server, at most.
const SMALL_MAX: usize = 200;

/// After the last question, before the memory is looked at.
const SETTLING: Duration = Duration::from_secs(1);

/// First questions about organizations of one size.
#[derive(Clone, Debug, Default)]
pub(crate) struct First {
    /// Members that each of them has at least.
    pub(crate) members: u64,
    /// Until it was answered.
    pub(crate) answered: Histogram,
    /// Until the organization was in memory.
    pub(crate) loaded: Histogram,
}

/// What was seen of one data set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cold {
    pub(crate) small: First,
    pub(crate) largest: First,
    pub(crate) filled: Filled,
}

/// What the snapshots take, when every organization of the sample has been asked about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filled {
    pub(crate) asked: u64,
    /// What the server says that it holds.
    pub(crate) held: u64,
    /// Of the members of all that were asked about.
    pub(crate) members: u64,
    /// What the server says that they take.
    pub(crate) bytes: u64,
    pub(crate) after: Memory,
}

/// Asks about access, as somebody who is a member nowhere.
struct Asker<'a> {
    client: Client,
    description: &'a Description,
}

impl Cold {
    /// Asks a server that was just started, and that nobody has asked yet.
    pub(crate) async fn ask(&mut self, client: Client, description: &Description) -> Outcome {
        let mut asker = Asker {
            client,
            description,
        };
        self.small.members = *SMALL.start();
        for sampled in sample(description, |it| SMALL.contains(&it.members)).take(SMALL_MAX) {
            asker.first(sampled.id, &mut self.small).await?;
        }
        let largest = largest(description)?;
        self.largest.members = largest.members;
        asker.first(largest.id, &mut self.largest).await?;
        Ok(())
    }

    /// Asks it about all others, and looks at what became of its memory.
    pub(crate) async fn fill(
        &mut self,
        server: &Server,
        client: Client,
        description: &Description,
    ) -> Outcome {
        let mut asker = Asker {
            client,
            description,
        };
        let mut filled = Filled::default();
        for sampled in sample(description, |_| true).chain(description.largest) {
            asker.ask(CHECK, asker.check(sampled.id)?).await?;
            filled.asked += 1;
            filled.members += sampled.members;
        }
        tokio::time::sleep(SETTLING).await;
        filled.after = server.memory()?;
        let text = asker.metrics().await?;
        filled.bytes = metric(&text, "guildhall_access_cache_bytes")?;
        filled.held = metric(&text, "guildhall_access_cache_organizations")?;
        self.filled = filled;
        Ok(())
    }
}

impl Asker<'_> {
    async fn first(&mut self, organization: OrganizationId, first: &mut First) -> Outcome {
        let (check, begin) = (self.check(organization)?, Instant::now());
        self.ask(CHECK, check.clone()).await?;
        first.answered.record(begin.elapsed());
        self.ask(CHECK_BATCH, format!("{{\"checks\":[{check}]}}"))
            .await?;
        first.loaded.record(begin.elapsed());
        Ok(())
    }

    async fn ask(&mut self, path: &str, body: String) -> Outcome {
        let request = Ask::question(path, body).request(&self.client.key);
        let answer = self.client.connection.exchange(&request).await?;
        access::expect(path, answer.status, answer.body, 1)
    }

    fn check(&self, organization: OrganizationId) -> Outcome<String> {
        let user = self.stranger()?;
        Ok(access::check(organization, user, "organization:admin"))
    }

    fn stranger(&self) -> Outcome<UserId> {
        let stranger = self.description.strangers.first().copied();
        stranger.ok_or_else(|| Failure::new("the data set has nobody who is a member nowhere"))
    }

    async fn metrics(&mut self) -> Outcome<String> {
        let request = self.client.get("/metrics");
        Ok(self.client.connection.exchange(&request).await?.text())
    }
}

/// The organizations of the sample that fit, in an order that is not that of the tables.
fn sample(
    description: &Description,
    fits: impl Fn(&Sampled) -> bool,
) -> impl Iterator<Item = Sampled> {
    let mut sample = description.sample.clone();
    choice(0).shuffle(&mut sample);
    sample.retain(fits);
    sample.into_iter()
}

fn largest(description: &Description) -> Outcome<Sampled> {
    let sampled = description.sample.iter().copied();
    sampled
        .chain(description.largest)
        .max_by_key(|sampled| sampled.members)
        .ok_or_else(|| Failure::new("the data set has no organizations"))
}

/// The value of a metric without labels.
fn metric(text: &str, name: &str) -> Outcome<u64> {
    let value = text.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == name).then(|| value.parse().ok())?
    });
    value.ok_or_else(|| Failure::new(format!("the server has no metric `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let text = "# TYPE held gauge\nheld_more 3\nheld 7\n";
        assert_eq!(metric(text, "held").unwrap(), 7);
        assert!(metric(text, "hel").is_err());
    }
}
