//! One connection, driven by whichever thread uses it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::ReadyChunks;
use futures_util::{StreamExt, TryStreamExt, future};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::{Client, Config, Row, RowStream, SimpleQueryMessage, Statement};

use super::bound::{Bound, kind};
use crate::error::DbError;
use crate::postgres::tls::Tls;
use crate::statement::Stmt;
use crate::value::Param;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Rows that are taken over at once when there are many.
const ROWS_AT_ONCE: usize = 256;

/// How a connection may be used.
#[derive(Debug)]
pub(super) struct Manner {
    /// Whether what is prepared stays: not where another transaction may come to another connection of a pooler.
    pub(super) prepares: bool,
    /// What opens a transaction for changes. It tells the number that the transaction's end can be asked for by.
    pub(super) change: String,
    /// What opens a transaction for reading, at one moment.
    pub(super) read: String,
}

/// A connection, with what is prepared on it.
///
/// It has a runtime of its own, of the thread that uses it: a round trip then wakes no other thread. While nobody uses it,
/// nobody reads from it; that it was lost meanwhile is seen at the next use.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    prepared: RefCell<HashMap<&'static str, Statement>>,
    /// What the last opening of a transaction told.
    told: RefCell<Option<String>>,
    pub(super) manner: Arc<Manner>,
    runtime: OwnRuntime,
}

/// A runtime that may be dropped on any thread.
#[derive(Debug)]
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl OwnRuntime {
    fn new() -> Result<Self, DbError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime
            .map(|runtime| Self(Some(runtime)))
            .map_err(|error| DbError::Engine(Box::new(error)))
    }

    fn block_on<F: Future>(&self, work: F) -> Result<F::Output, DbError> {
        let runtime = self.0.as_ref().ok_or(DbError::Closed)?;
        Ok(runtime.block_on(work))
    }
}

impl Session {
    /// Connects; on a thread that may block.
    pub(super) fn open(config: &Config, tls: &Tls, manner: &Arc<Manner>) -> Result<Self, DbError> {
        let runtime = OwnRuntime::new()?;
        let connect = async {
            let connecting = tokio::time::timeout(CONNECT_TIMEOUT, config.connect(tls.clone()));
            let (client, connection) = connecting.await.map_err(late)??;
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(%error, "a connection to PostgreSQL was lost");
                }
            });
            Ok::<_, DbError>(client)
        };
        let client = runtime.block_on(connect)??;
        Ok(Self {
            client,
            prepared: RefCell::default(),
            told: RefCell::default(),
            manner: Arc::clone(manner),
            runtime,
        })
    }

    /// Whether it is still there, as far as this side was told.
    pub(super) fn is_alive(&self) -> bool {
        // What came in while nobody looked is read now: the second turn is that of the one who was woken in the first.
        let look = async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        };
        self.runtime.block_on(look).is_ok() && !self.client.is_closed()
    }

    /// What the opening of the transaction told.
    pub(super) fn take_told(&self) -> Option<String> {
        self.told.borrow_mut().take()
    }

    /// Runs statements that have no parameters and whose answers nobody needs.
    pub(super) fn batch(&self, text: &str) -> Result<(), DbError> {
        self.runtime.block_on(self.client.batch_execute(text))??;
        Ok(())
    }

    /// The rows of a statement; `before` goes ahead of it on the same way, if there is one.
    pub(super) fn query(
        &self,
        before: Option<&str>,
        statement: &'static Stmt,
        params: &[&dyn Param],
    ) -> Result<Vec<Row>, DbError> {
        self.runtime.block_on(async {
            let rows = self.run(before, statement, params).await?;
            Ok(rows.try_collect().await?)
        })?
    }

    /// The rows of a statement as they come; `before` as in [`Session::query`]. Nothing else may be asked before the end.
    pub(super) fn stream(
        &self,
        before: Option<&str>,
        statement: &'static Stmt,
        params: &[&dyn Param],
    ) -> Result<Rows<'_>, DbError> {
        let rows = self
            .runtime
            .block_on(self.run(before, statement, params))??;
        Ok(Rows {
            session: self,
            rows: Box::pin(rows.ready_chunks(ROWS_AT_ONCE)),
        })
    }

    /// How many rows a statement touched; `before` as in [`Session::query`].
    pub(super) fn execute(
        &self,
        before: Option<&str>,
        statement: &'static Stmt,
        params: &[&dyn Param],
    ) -> Result<u64, DbError> {
        self.runtime.block_on(async {
            let mut rows = pin!(self.run(before, statement, params).await?);
            while rows.try_next().await?.is_some() {}
            Ok(rows.rows_affected().unwrap_or_default())
        })?
    }

    /// Inserts rows, by `COPY`: a third of the time that as many statements take, even if all are sent before any is
    /// answered. `statement` is the `INSERT` of one row, which also tells the types. The transaction is open already.
    pub(super) fn copy_in<P: Param>(
        &self,
        statement: &'static Stmt,
        rows: &[Vec<P>],
    ) -> Result<(), DbError> {
        let text = statement.copy_in();
        let text = text.ok_or_else(|| DbError::Engine("not the insert of one row".into()))?;
        self.runtime.block_on(async {
            let prepared = self.prepare(statement).await?;
            let sink = self.client.copy_in(&text).await?;
            let mut writer = pin!(BinaryCopyInWriter::new(sink, prepared.params()));
            for row in rows {
                if row.len() != prepared.params().len() {
                    return Err(DbError::Engine("a row has other columns".into()));
                }
                let bound = row.iter().map(|param| Bound(param.value()));
                writer.as_mut().write_raw(bound).await?;
            }
            writer.as_mut().finish().await?;
            Ok(())
        })?
    }

    /// Lets the server read a statement without running it.
    pub(super) fn check(&self, statement: &'static Stmt) -> Result<(), DbError> {
        self.runtime
            .block_on(async { self.prepare(statement).await.map(drop) })?
    }

    /// The first text that a query without parameters finds.
    pub(super) fn text(&self, query: &str) -> Result<Option<String>, DbError> {
        let messages = self.runtime.block_on(self.client.simple_query(query))??;
        Ok(first_text(&messages))
    }

    /// Sends a statement, and `before` ahead of it: neither waits for the other, so that both are one round trip.
    async fn run(
        &self,
        before: Option<&str>,
        statement: &'static Stmt,
        params: &[&dyn Param],
    ) -> Result<RowStream, DbError> {
        let prepared = if self.manner.prepares {
            Some(self.prepare(statement).await?)
        } else {
            None
        };
        let values = params.iter().map(|param| param.value());
        let run = async {
            if let Some(prepared) = &prepared {
                self.client.query_raw(prepared, values.map(Bound)).await
            } else {
                let typed = values.map(|value| (Bound(value), kind(&value)));
                let text = statement.postgres();
                self.client.query_typed_raw(text, typed).await
            }
        };
        let Some(before) = before else {
            return Ok(run.await?);
        };
        let (before, ran) = future::join(self.client.simple_query(before), run).await;
        *self.told.borrow_mut() = first_text(&before?);
        Ok(ran?)
    }

    async fn prepare(&self, statement: &'static Stmt) -> Result<Statement, DbError> {
        let text = statement.postgres();
        if let Some(prepared) = self.prepared.borrow().get(text) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(text).await?;
        self.prepared.borrow_mut().insert(text, prepared.clone());
        Ok(prepared)
    }
}

/// The rows of a statement as they come.
pub(super) struct Rows<'s> {
    session: &'s Session,
    rows: Pin<Box<ReadyChunks<RowStream>>>,
}

impl Rows<'_> {
    /// The next of them, some at a time; none at the end.
    pub(super) fn next(&mut self) -> Result<Vec<Row>, DbError> {
        let chunk = self.session.runtime.block_on(self.rows.next())?;
        let rows = chunk.into_iter().flatten();
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn first_text(messages: &[SimpleQueryMessage]) -> Option<String> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

fn late(elapsed: tokio::time::error::Elapsed) -> DbError {
    DbError::Unavailable(Box::new(elapsed))
}
