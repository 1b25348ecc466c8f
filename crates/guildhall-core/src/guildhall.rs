//! The opened server without its doors: what the HTTP layer, the command line and the tests call.

use std::sync::Arc;
use std::time::Duration;

use guildhall_db::{Database, DatabaseStats, DbError, Migration, Options, Source, Verdict};
use guildhall_types::{Revision, Timestamp};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::access::cache::Trust;
use crate::access::news::{News, Told};
use crate::access::snapshots::Snapshots;
use crate::ambient::{Clock, Rng};
use crate::idempotency::{self, Idempotency, InFlight};
use crate::ids::{IdGenerator, Slot};
use crate::refusal::Refusal;
use crate::scope::{Deployment, ReadTx, Recorded, WriteTx};

/// The schema, step by step.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "foundation",
        usable_from: None,
        text: include_str!("../schema/0001_foundation.sql"),
    },
    Migration {
        number: 2,
        name: "access",
        usable_from: None,
        text: include_str!("../schema/0002_access.sql"),
    },
    Migration {
        number: 3,
        name: "snapshots",
        usable_from: None,
        text: include_str!("../schema/0003_snapshots.sql"),
    },
    Migration {
        number: 4,
        name: "usable from",
        usable_from: None,
        text: include_str!("../schema/0004_usable_from.sql"),
    },
];

/// The name of the database file in the data directory.
pub const DATABASE_FILE: &str = "guildhall.db";

/// Bytes that snapshots of organizations may take up, if nothing else is said.
pub const ACCESS_CACHE_BYTES: usize = 256 * 1024 * 1024;

/// How long a snapshot counts before the ledger is asked whether another server has changed something: what a check
/// without `at_least` may be behind the changes of other servers.
const BELIEVED_FOR: Duration = Duration::from_millis(500);

/// How often at most a write is made only to see whether one is taken.
const TRY_EVERY_MICROS: i64 = 1_000_000;

/// What a server is opened with.
#[derive(Debug)]
pub struct Settings {
    /// Where the database is.
    pub source: Source,
    /// Who gives out ids in this process; with PostgreSQL always [`Slot::Shared`].
    pub slot: Slot,
    /// The address that clients reach the server at, without a slash at its end: image addresses begin with it.
    pub public_url: String,
    /// Bytes that snapshots of organizations may take up, about; [`ACCESS_CACHE_BYTES`] unless somebody knows better.
    pub access_cache_bytes: usize,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub rng: Arc<dyn Rng>,
    /// Called when the disk fails; must end the process.
    pub fatal: fn(&DbError),
}

/// An opened server.
#[derive(Clone, Debug)]
pub struct Guildhall {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    /// Shared with the loads that go on when nobody waits for them any more.
    pub(crate) db: Arc<Database>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) ids: IdGenerator,
    pub(crate) snapshots: Arc<Snapshots>,
    in_flight: InFlight,
    /// When a write was last tried out; held while one is.
    tried: Mutex<Option<Timestamp>>,
    public_url: String,
}

/// What a change comes with besides its content.
#[derive(Clone, Debug)]
pub struct ChangeRequest {
    /// The request, as in `X-Request-Id`; the ledger keeps it.
    pub request_id: String,
    /// The caller's `Idempotency-Key`, if one was sent.
    pub idempotency: Option<Idempotency>,
}

/// The answer of a change.
#[derive(Clone, Debug)]
pub struct Written<T> {
    /// The answer itself.
    pub answer: Answer<T>,
    /// The revision at which it holds.
    pub revision: Revision,
}

/// An answer, and what the ledger was told for it.
#[derive(Debug)]
pub(crate) struct Announced<T> {
    pub(crate) answer: T,
    pub(crate) news: Vec<News>,
}

/// An answer, given now or given before.
#[derive(Clone, Debug)]
pub enum Answer<T> {
    /// The change was made now.
    Fresh(T),
    /// The change was made earlier under the same `Idempotency-Key`; this is the JSON that was answered then.
    Replayed(String),
}

impl<T> Written<T> {
    /// The answer of a change that was sent without an `Idempotency-Key`.
    pub fn fresh(self) -> Option<T> {
        match self.answer {
            Answer::Fresh(answer) => Some(answer),
            Answer::Replayed(_) => None,
        }
    }
}

impl Guildhall {
    /// Opens the database, creates it if it is missing and brings its schema up to date.
    pub fn open(settings: Settings) -> Result<Self, DbError> {
        let shared = matches!(settings.source, Source::Postgres(_));
        let slot = if shared { Slot::Shared } else { settings.slot };
        let ids = IdGenerator::new(slot, Arc::clone(&settings.clock));
        let trust = || {
            if shared {
                Trust::lasting(BELIEVED_FOR)
            } else {
                Trust::for_ever()
            }
        };
        let snapshots = Snapshots::new(settings.access_cache_bytes, trust);
        let mut hooks = vec![ids.hook()];
        if !shared {
            // Of other servers one hears in another way.
            hooks.insert(0, snapshots.hook());
        }
        let db = Database::open(Options {
            source: settings.source,
            migrations: MIGRATIONS,
            hooks,
            fatal: settings.fatal,
        })?;
        snapshots.listen(&db)?;
        Ok(Self {
            inner: Arc::new(Inner {
                db: Arc::new(db),
                clock: settings.clock,
                rng: settings.rng,
                ids,
                snapshots,
                in_flight: InFlight::default(),
                tried: Mutex::default(),
                public_url: settings.public_url,
            }),
        })
    }

    /// The time now, by the server's clock.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The address that clients reach the server at, without a slash at its end.
    pub fn public_url(&self) -> &str {
        &self.inner.public_url
    }

    /// Numbers of the database for the metrics.
    pub fn stats(&self) -> DatabaseStats {
        self.inner.db.stats()
    }

    /// Carries out a change: the command, its ledger entry and the answer under the caller's `Idempotency-Key`
    /// commit together or not at all, and are on the disk when this returns.
    pub async fn write<T>(
        &self,
        deployment: Deployment,
        request: ChangeRequest,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) -> Result<Written<T>, Refusal>
    where
        T: Serialize + Send + 'static,
    {
        let claim = match &request.idempotency {
            Some(idempotency) => Some(
                self.inner
                    .in_flight
                    .claim(deployment.id(), &idempotency.key)?,
            ),
            None => None,
        };
        let (inner, request) = (Arc::clone(&self.inner), Arc::new(request));
        let (outer, promise) = (Arc::clone(&self.inner), Arc::clone(&request));
        let (snapshots, db) = (
            Arc::clone(&self.inner.snapshots),
            Arc::clone(&self.inner.db),
        );
        self.inner
            .db
            .write(
                move |sql| {
                    // Held by the command, not by the caller: a caller that goes away does not end the command.
                    let _claim = &claim;
                    inner.run(sql, deployment, &request, &command)
                },
                move |sql, told| outer.remember(sql, deployment, &promise, &told.answer),
                move |told| {
                    snapshots.publish(&told.news);
                    if !told.news.is_empty() {
                        db.tell(|| Snapshots::hint(&told.news));
                    }
                },
            )
            .await
            .map(|told| told.answer)
    }

    /// Carries out a change of the operator, who has no request and no `Idempotency-Key`.
    pub(crate) async fn operate<T: Serialize + Send + 'static>(
        &self,
        deployment: Deployment,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let request = ChangeRequest {
            request_id: self.command_request_id()?,
            idempotency: None,
        };
        let written = self.write(deployment, request, command).await?;
        written
            .fresh()
            .ok_or_else(|| Refusal::internal("a change without a key was replayed"))
    }

    /// What the ledger names the runs of the command line by.
    pub fn command_request_id(&self) -> Result<String, Refusal> {
        self.request_id("cli-")
    }

    /// An id of a request that nobody sent.
    pub(crate) fn request_id(&self, prefix: &str) -> Result<String, Refusal> {
        let mut bytes = [0; 8];
        self.inner.rng.fill(&mut bytes).map_err(Refusal::internal)?;
        Ok(format!("{prefix}{}", hex::encode(bytes)))
    }

    /// Reads a little; on the embedded database at once, on the calling thread.
    pub async fn point<T: Send + 'static>(
        &self,
        deployment: Deployment,
        query: impl FnOnce(&ReadTx<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let inner = Arc::clone(&self.inner);
        self.inner
            .db
            .point(move |sql| query(&inner.read(sql, deployment)))
            .await
    }

    /// Reads what may be much, on a thread that is kept for it.
    pub async fn list<T: Send + 'static>(
        &self,
        deployment: Deployment,
        query: impl FnOnce(&ReadTx<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let inner = Arc::clone(&self.inner);
        self.inner
            .db
            .list(move |sql| query(&inner.read(sql, deployment)))
            .await
    }

    /// Removes idempotency records that are past their time; tells how many.
    pub async fn sweep_idempotency(&self) -> Result<u64, Refusal> {
        let now = self.now();
        self.inner
            .db
            .write(
                move |sql| Ok(Verdict::Keep(idempotency::sweep(sql, now)?)),
                |_, _| Ok(()),
                |_| {},
            )
            .await
    }

    /// Lets the engine read each statement without running it; the first that it cannot read is named.
    pub async fn check_statements(
        &self,
        statements: &[&'static guildhall_db::Stmt],
    ) -> Result<(), (&'static str, String)> {
        for statement in statements.iter().copied() {
            let check = self.inner.db.point(|sql| sql.check(statement));
            check
                .await
                .map_err(|error| (statement.name(), format!("{error:?}")))?;
        }
        Ok(())
    }

    /// Whether the database takes a write; for `GET /ready`. One is made, at most once in [`TRY_EVERY_MICROS`].
    pub async fn ready(&self) -> Result<(), Refusal> {
        let mut tried = self.inner.tried.lock().await;
        self.inner.db.has_room()?;
        let now = self.now();
        let fresh =
            |at: &Timestamp| (0..TRY_EVERY_MICROS).contains(&(now.as_micros() - at.as_micros()));
        if tried.as_ref().is_some_and(fresh) {
            return Ok(());
        }
        *tried = None;
        let ids = self.inner.ids.clone();
        self.inner
            .db
            .write(
                move |sql| Ok(Verdict::Keep(ids.touch(sql)?)),
                |_, ()| Ok::<_, Refusal>(()),
                |()| {},
            )
            .await?;
        *tried = Some(now);
        Ok(())
    }
}

impl Inner {
    fn run<T>(
        &self,
        sql: &guildhall_db::Tx<'_>,
        deployment: Deployment,
        request: &ChangeRequest,
        command: &impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal>,
    ) -> Result<Verdict<Announced<Written<T>>>, Refusal> {
        let now = self.clock.now();
        if let Some(promise) = &request.idempotency
            && let Some(kept) = idempotency::find(sql, deployment.id(), promise, now)?
        {
            let answer = Answer::Replayed(kept.answer);
            let revision = kept.revision;
            return Ok(Verdict::TakeBack(Announced {
                answer: Written { answer, revision },
                news: Vec::new(),
            }));
        }
        let tx = self.write_tx(sql, deployment, &request.request_id);
        let Recorded {
            answer,
            revision,
            changed,
        } = command(&tx)?;
        let answer = Written {
            answer: Answer::Fresh(answer),
            revision,
        };
        Ok(if changed {
            let news = tx.told.into_news();
            Verdict::Keep(Announced { answer, news })
        } else {
            let news = Vec::new();
            Verdict::TakeBack(Announced { answer, news })
        })
    }

    pub(crate) fn write_tx<'a>(
        &'a self,
        sql: &'a guildhall_db::Tx<'a>,
        deployment: Deployment,
        request_id: &'a str,
    ) -> WriteTx<'a> {
        WriteTx {
            sql,
            deployment,
            request_id,
            now: self.clock.now(),
            ids: &self.ids,
            public_url: &self.public_url,
            told: Told::default(),
        }
    }

    /// Keeps a fresh answer under the caller's key.
    fn remember<T: Serialize>(
        &self,
        sql: &guildhall_db::Tx<'_>,
        deployment: Deployment,
        request: &ChangeRequest,
        written: &Written<T>,
    ) -> Result<(), Refusal> {
        let (Some(promise), Answer::Fresh(answer)) = (&request.idempotency, &written.answer) else {
            return Ok(());
        };
        let answer = serde_json::to_string(answer)?;
        let now = self.clock.now();
        idempotency::keep(
            sql,
            deployment.id(),
            promise,
            &answer,
            written.revision,
            now,
        )
    }

    pub(crate) fn read<'a>(
        &'a self,
        sql: &'a guildhall_db::Tx<'a>,
        deployment: Deployment,
    ) -> ReadTx<'a> {
        ReadTx {
            sql,
            deployment,
            public_url: &self.public_url,
        }
    }
}
