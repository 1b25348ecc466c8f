//! The one place that starts what runs beside the requests.

use std::time::Duration;

use guildhall_core::{Guildhall, Refusal, sweep};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::failure::Failure;

/// How often answers that were kept for an `Idempotency-Key` are looked through.
const IDEMPOTENCY_SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// How often memberships and roles that have expired are removed. Checks deny them at their time anyway; what waits for
/// this is the seat of the member, and the list that still shows it.
const EXPIRY_SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// The tasks beside the requests; dropped, they end.
#[derive(Debug)]
pub(crate) struct Supervisor {
    tasks: JoinSet<()>,
}

impl Supervisor {
    /// Starts everything that a server does by itself.
    pub(crate) fn start(guildhall: &Guildhall) -> Self {
        let mut supervisor = Self {
            tasks: JoinSet::new(),
        };
        let sweeper = guildhall.clone();
        supervisor.every(
            IDEMPOTENCY_SWEEP_INTERVAL,
            "the idempotency sweep",
            move || sweep_idempotency(sweeper.clone()),
        );
        let sweeper = guildhall.clone();
        supervisor.every(EXPIRY_SWEEP_INTERVAL, "the expiry sweep", move || {
            sweep_expired(sweeper.clone())
        });
        supervisor
    }

    /// Does `work` now and at every interval. What goes wrong is logged, and tried again at the next.
    fn every<Work>(
        &mut self,
        period: Duration,
        name: &'static str,
        work: impl Fn() -> Work + Send + 'static,
    ) where
        Work: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.tasks.spawn(async move {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                // On a task of its own, so that a panic ends this round and not all that follow.
                let mut round = JoinSet::new();
                round.spawn(work());
                match round.join_next().await {
                    Some(Ok(Err(refusal))) => {
                        let error = Failure::from(refusal);
                        tracing::warn!(%error, "{name} failed and is tried again later");
                    }
                    Some(Err(error)) => tracing::error!(%error, "{name} broke off"),
                    Some(Ok(Ok(()))) | None => {}
                }
            }
        });
    }
}

/// Removes the answers that nobody can ask for any more, a bounded number in each transaction.
async fn sweep_idempotency(guildhall: Guildhall) -> Result<(), Refusal> {
    let mut swept = 0;
    loop {
        match guildhall.sweep_idempotency().await? {
            0 => break,
            count => swept += count,
        }
    }
    tracing::debug!(swept, "kept answers were removed");
    Ok(())
}

/// Removes what has expired.
async fn sweep_expired(guildhall: Guildhall) -> Result<(), Refusal> {
    let members = sweep::sweep(&guildhall).await?;
    if members > 0 {
        tracing::info!(
            members,
            "memberships and roles that have expired were removed"
        );
    }
    Ok(())
}
