//! What every handler shares.

use std::sync::Arc;

use guildhall_core::{ChangeRequest, Guildhall, ReadTx, Recorded, Refusal, Revision, WriteTx};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::answer::{Changed, Single};
use crate::change::{Caller, Change};
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::problem::ProblemResponse;

/// Images that are decoded at the same time: each may take most of a second and a quarter of a gigabyte.
const IMAGES_AT_ONCE: usize = 1;

/// The server behind the routes; clones share it.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) guildhall: Guildhall,
    pub(crate) keys: Arc<Keys>,
    pub(crate) metrics: Metrics,
    image_turns: Arc<Semaphore>,
}

impl App {
    /// The server behind the routes.
    pub fn new(guildhall: Guildhall, keys: Keys, metrics: Metrics) -> Self {
        Self {
            guildhall,
            keys: Arc::new(keys),
            metrics,
            image_turns: Arc::new(Semaphore::new(IMAGES_AT_ONCE)),
        }
    }

    /// Carries out a change and answers with its revision.
    pub(crate) async fn write<T: Serialize + Send + 'static>(
        &self,
        change: Change,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) -> Result<Changed<T>, ProblemResponse> {
        let request = ChangeRequest {
            request_id: change.request_id.as_str().to_owned(),
            idempotency: change.idempotency,
        };
        let written = self
            .guildhall
            .write(change.caller.deployment, request, command)
            .await?;
        Ok(Changed(written))
    }

    /// Reads one object, at once.
    pub(crate) fn single<T>(
        &self,
        caller: Caller,
        query: impl FnOnce(&ReadTx<'_>) -> Result<(T, Revision), Refusal>,
    ) -> Result<Single<T>, ProblemResponse> {
        let (object, revision) = self.guildhall.point(caller.deployment, query)?;
        Ok(Single { object, revision })
    }

    /// Reads what may be much, without delaying anybody.
    pub(crate) async fn list<T: Send + 'static>(
        &self,
        caller: Caller,
        query: impl FnOnce(&ReadTx<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<axum::Json<T>, ProblemResponse> {
        Ok(axum::Json(
            self.guildhall.list(caller.deployment, query).await?,
        ))
    }

    /// Runs what decodes an image on a thread that may block, a few at a time.
    pub(crate) async fn decode<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, ProblemResponse> {
        let _turn = self
            .image_turns
            .acquire()
            .await
            .map_err(Refusal::internal)?;
        Ok(tokio::task::spawn_blocking(work)
            .await
            .map_err(Refusal::internal)??)
    }
}
