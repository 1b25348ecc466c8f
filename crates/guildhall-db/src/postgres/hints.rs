//! What servers tell each other over `LISTEN` and `NOTIFY`: hints, a few milliseconds after the fact.
//!
//! A hint may be late, be lost or come twice; whoever relies on it must find the truth in the tables. It is sent after the
//! commit and not in it: a transaction that notifies takes a lock of the whole database for its commit, and all commits
//! would wait for each other. Through a pooler that lends connections by the transaction there are no hints.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config};

use super::tls::Tls;
use crate::error::DbError;

/// Asks for the channel. Each schema has one: a copy of it in the same database has the same ids, and what is told of
/// the one is not true of the other.
const CHANNEL: &str = "SELECT format('guildhall_%s', current_schema()::regnamespace::oid)";

/// Hints that wait to be sent; more are dropped.
const WAITING_MAX: usize = 4_096;

/// Bytes of one message; PostgreSQL takes fewer than 8000.
const MESSAGE_BYTES_MAX: usize = 7_000;

/// How often a silent connection is asked whether it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The pause before a lost connection is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// Called with what another server told, or this one.
pub(crate) type Heard = Arc<dyn Fn(&str) + Send + Sync>;

/// The connection over which hints come and go.
#[derive(Debug)]
pub(super) struct Hints {
    queue: mpsc::Sender<String>,
}

impl Hints {
    /// Starts the thread that listens and tells.
    pub(super) fn start(config: Config, tls: Tls, heard: Heard) -> Result<Self, DbError> {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let engine = |error| DbError::Engine(Box::new(error));
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(engine)?;
        std::thread::Builder::new()
            .name("hints".to_owned())
            .spawn(move || runtime.block_on(keep_talking(config, tls, waiting, heard)))
            .map_err(engine)?;
        Ok(Self { queue })
    }

    /// Tells the other servers; forgets it if there is no getting through.
    pub(super) fn tell(&self, hint: String) {
        drop(self.queue.try_send(hint));
    }
}

async fn keep_talking(config: Config, tls: Tls, mut waiting: mpsc::Receiver<String>, heard: Heard) {
    let mut silent = false;
    loop {
        match talk(&config, &tls, &mut waiting, &heard, &mut silent).await {
            Ok(()) => return,
            Err(error) if !silent => {
                tracing::warn!(%error, "no hints from other servers: their changes count half a second later");
                silent = true;
            }
            Err(_) => {}
        }
        // Ends with the server, also while there is nobody to talk to.
        if let Ok(None) = timeout(PAUSE, drain(&mut waiting)).await {
            return;
        }
    }
}

/// Throws hints away until the end.
async fn drain(waiting: &mut mpsc::Receiver<String>) -> Option<()> {
    while waiting.recv().await.is_some() {}
    None
}

/// Talks until the server ends, or the connection is lost.
async fn talk(
    config: &Config,
    tls: &Tls,
    waiting: &mut mpsc::Receiver<String>,
    heard: &Heard,
    silent: &mut bool,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = config.connect(tls.clone()).await?;
    let heard = Arc::clone(heard);
    let listening = tokio::spawn(async move {
        let mut messages = stream::poll_fn(|context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(hint) = message {
                heard(hint.payload());
            }
        }
    });
    let channel: String = client.query_one(CHANNEL, &[]).await?.try_get(0)?;
    client.batch_execute(&format!("LISTEN {channel}")).await?;
    if std::mem::take(silent) {
        tracing::info!("hints from other servers come again");
    }
    let ended = exchange(&client, &channel, waiting).await;
    listening.abort();
    ended
}

async fn exchange(
    client: &Client,
    channel: &str,
    waiting: &mut mpsc::Receiver<String>,
) -> Result<(), tokio_postgres::Error> {
    loop {
        let Ok(next) = timeout(HEARTBEAT, waiting.recv()).await else {
            client.batch_execute("").await?;
            continue;
        };
        let Some(mut message) = next else {
            return Ok(());
        };
        // What came meanwhile goes with it.
        while message.len() < MESSAGE_BYTES_MAX / 2 {
            match waiting.try_recv() {
                Ok(hint) => message = message + " " + &hint,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let message = message.get(..MESSAGE_BYTES_MAX).unwrap_or(&message);
        let notify = "SELECT pg_notify($1, $2)";
        client.query(notify, &[&channel, &message]).await?;
    }
}
