//! What every handler shares.

use std::sync::Arc;

use guildhall_core::{
    ChangeRequest, Effort, Guildhall, ReadTx, Recorded, Refusal, Revision, WriteTx,
};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::answer::{Changed, Listed, Single};
use crate::change::{Caller, Change, Purpose};
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::problem::ProblemResponse;

/// Images that are decoded at the same time: each may take most of a second and a quarter of a gigabyte.
const IMAGES_AT_ONCE: usize = 1;

/// Differences of large organizations that are computed at the same time: each may take a tenth of a second.
const DIFFERENCES_AT_ONCE: usize = 1;

/// The server behind the routes; clones share it, and cost one counter: each request makes several.
#[derive(Clone, Debug)]
pub struct App(Arc<Shared>);

/// What the clones of an [`App`] share.
#[derive(Debug)]
pub struct Shared {
    pub(crate) guildhall: Guildhall,
    pub(crate) keys: Keys,
    pub(crate) metrics: Metrics,
    image_turns: Arc<Semaphore>,
    difference_turns: Arc<Semaphore>,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// The server behind the routes.
    pub fn new(guildhall: Guildhall, keys: Keys, metrics: Metrics) -> Self {
        Self(Arc::new(Shared {
            guildhall,
            keys,
            metrics,
            image_turns: Arc::new(Semaphore::new(IMAGES_AT_ONCE)),
            difference_turns: Arc::new(Semaphore::new(DIFFERENCES_AT_ONCE)),
        }))
    }

    /// Carries out a change and answers with its revision; or only tries it, if that is what it was sent for.
    pub(crate) async fn write<T: Serialize + Send + 'static>(
        &self,
        change: Change,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + Sync + 'static,
    ) -> Result<Changed<T>, ProblemResponse> {
        let idempotency = match change.purpose {
            Purpose::CarryOut(idempotency) => idempotency,
            Purpose::DryRun(asked) => {
                let tried = self.rehearse(change.caller, change.request_id, asked, command);
                return Ok(Changed::Tried(Box::new(tried.await?)));
            }
        };
        let request = ChangeRequest {
            request_id: change.request_id.as_str().to_owned(),
            idempotency,
        };
        let written = self
            .guildhall
            .write(change.caller.deployment, request, command)
            .await?;
        Ok(Changed::Written(written))
    }

    /// Reads one object, at once.
    pub(crate) async fn single<T: Send + 'static>(
        &self,
        caller: Caller,
        query: impl FnOnce(&ReadTx<'_>) -> Result<(T, Revision), Refusal> + Send + 'static,
    ) -> Result<Single<T>, ProblemResponse> {
        let (object, revision) = self.guildhall.point(caller.deployment, query).await?;
        Ok(Single { object, revision })
    }

    /// Reads a page: a short one at once, one that may be long without delaying anybody.
    pub(crate) async fn list<T: Send + 'static>(
        &self,
        caller: Caller,
        effort: Effort,
        query: impl FnOnce(&ReadTx<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<Listed<T>, ProblemResponse> {
        Ok(Listed(match effort {
            Effort::Short => self.guildhall.point(caller.deployment, query).await?,
            Effort::Long => self.guildhall.list(caller.deployment, query).await?,
        }))
    }

    /// Runs what decodes an image on a thread that may block, a few at a time.
    pub(crate) async fn decode<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, ProblemResponse> {
        Ok(apart(&self.image_turns, work).await?)
    }

    /// Runs what looks through a large organization in the same way.
    pub(crate) async fn compare<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        apart(&self.difference_turns, work).await
    }
}

async fn apart<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let turn = Arc::clone(turns).acquire_owned().await;
    let turn = turn.map_err(Refusal::internal)?;
    let run = move || {
        // Held by the work: a caller that goes away does not end it.
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(run)
        .await
        .map_err(Refusal::internal)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::time::Duration;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn work_whose_caller_went_away_counts_until_it_ends() {
        let turns = Arc::new(Semaphore::new(1));
        let (begun, begins) = oneshot::channel();
        let (end, ended) = oneshot::channel::<()>();
        let first = {
            let turns = Arc::clone(&turns);
            let work = move || {
                begun.send(()).unwrap();
                Ok(ended.blocking_recv())
            };
            tokio::spawn(async move { apart(&turns, work).await })
        };
        begins.await.unwrap();
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());

        let mut second = pin!(apart(&turns, || Ok(())));
        let patience = Duration::from_millis(100);
        let early = tokio::time::timeout(patience, second.as_mut()).await;
        assert!(early.is_err(), "it runs beside work that nobody waits for");
        drop(end);
        second.await.unwrap();
    }
}
