//! Whether a database keeps every rule of the house: what `guildhall verify` looks at, live or restored.
//!
//! Everything is read in one transaction, so that one moment is judged while the server goes on. The engine looks through
//! its file first. Then each stream of the ledger is walked: gapless, chained, every hash made again from the fields.
//! While it is walked it is replayed (`history`), and what it says is there is compared with the rows of its
//! organization or deployment, byte by byte. Questions about whole tables come last (`tables`).
//!
//! The work grows with the data and no faster. Memory holds one stream at a time, as ids and revisions only.
//!
//! What this cannot find: a ledger that was written anew from some entry to its end, with rows and head to match; the
//! hash of the head, kept elsewhere, would. A row that claims to be older than the revisions kept on rows. And what the
//! ledger does not keep: the time at which an image was stored, and answers under an `Idempotency-Key`.

mod deployments;
mod history;
mod members;
mod organizations;
mod origins;
mod records;
mod report;
mod roles;
mod streams;
mod tables;
mod users;

pub use report::{Finding, Report, Rule, Step, VerifyProgress};

use guildhall_db::{Stmt, Tx, statements};
use guildhall_types::ids::DeploymentId;
use guildhall_types::ledger::Actor;

use crate::guildhall::Guildhall;
use crate::refusal::Refusal;
use crate::scope::{Deployment, ReadTx};

statements! {
    DEPLOYMENTS = "SELECT id FROM deployments ORDER BY id";
    // The revision of a stream is the number of its entries.
    ENTRIES_COUNT = "SELECT CAST(COALESCE(SUM(revision), 0) AS BIGINT) FROM (
          SELECT revision FROM deployments
          UNION ALL SELECT revision FROM organizations
          UNION ALL SELECT revision FROM ledger_ends) AS heads";
}

/// Every statement of these checks, for the tests that prepare them on each engine.
pub(crate) fn statements() -> Vec<&'static Stmt> {
    [
        STATEMENTS,
        deployments::STATEMENTS,
        history::STATEMENTS,
        members::STATEMENTS,
        organizations::STATEMENTS,
        roles::STATEMENTS,
        streams::STATEMENTS,
        tables::STATEMENTS,
        users::STATEMENTS,
    ]
    .concat()
}

/// Rows that are read at once.
const PAGE: u32 = 200;

/// Checks everything, as of one moment. Changes nothing, and may take minutes: not for an async thread.
///
/// What is broken is in the report, also what cannot be read; the error is for what keeps the check from running.
pub fn verify(
    guildhall: &Guildhall,
    mut report: impl FnMut(VerifyProgress) + Send,
) -> Result<Report, Refusal> {
    guildhall.inner.db.long_read(|sql| {
        let mut audit = Audit {
            sql,
            report: Report::default(),
            endings: 0,
            progress: VerifyProgress {
                step: Step::Engine,
                done: 0,
                total: 1,
            },
            listener: &mut report,
        };
        audit.everything()?;
        Ok(audit.report)
    })
}

/// A check that is under way.
struct Audit<'a> {
    sql: &'a Tx<'a>,
    report: Report,
    /// How many rows the search index of names must have.
    endings: u64,
    progress: VerifyProgress,
    listener: &'a mut dyn FnMut(VerifyProgress),
}

/// What a finding is about.
#[derive(Clone, Debug)]
struct Place {
    deployment: Option<DeploymentId>,
    text: String,
}

impl Place {
    fn file() -> Self {
        Self {
            deployment: None,
            text: "database".to_owned(),
        }
    }

    fn of(deployment: DeploymentId, noun: &str, id: i64) -> Self {
        Self {
            deployment: Some(deployment),
            text: format!("{noun} {id}"),
        }
    }

    /// Something inside this place.
    fn part(&self, noun: &str, id: i64) -> Self {
        Self {
            deployment: self.deployment,
            text: format!("{noun} {id} of {}", self.text),
        }
    }
}

impl<'a> Audit<'a> {
    fn everything(&mut self) -> Result<(), Refusal> {
        (self.listener)(self.progress);
        self.engine();
        self.advance(1);
        let total = self.sql.one(&ENTRIES_COUNT, &[], |row| {
            Ok::<_, Refusal>(row.get::<u64>(0)?)
        });
        // The total is for the progress only; damaged revisions are found where they stand.
        self.begin(Step::Streams, total.ok().flatten().unwrap_or_default());
        self.guarded(&Place::file(), |audit| {
            let deployments = audit.sql.rows(&DEPLOYMENTS, &[], |row| {
                Ok::<_, Refusal>(row.get::<DeploymentId>(0)?)
            })?;
            for id in deployments {
                let place = Place::of(id, "deployment", id.raw());
                audit.guarded(&place, |audit| deployments::check(audit, id, &place))?;
            }
            Ok(())
        })?;
        tables::check(self)
    }

    fn engine(&mut self) {
        match self.sql.integrity() {
            Ok(findings) => {
                for message in findings {
                    self.find(&Place::file(), Rule::Engine, message);
                }
            }
            Err(error) => {
                let message = format!("the engine's own check ended early: {}", chain(&error));
                self.find(&Place::file(), Rule::Engine, message);
            }
        }
    }

    /// Runs a part of the check; what cannot be read there is a finding, and the next part goes on.
    fn guarded(
        &mut self,
        place: &Place,
        check: impl FnOnce(&mut Self) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        match check(self) {
            Err(Refusal::Failed(failure)) => {
                self.find(place, Rule::Readable, failure.chain());
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn find(&mut self, place: &Place, rule: Rule, message: impl Into<String>) {
        self.report.add(Finding {
            deployment_id: place.deployment,
            place: place.text.clone(),
            rule,
            message: message.into(),
        });
    }

    /// Notes a finding unless the rule is kept.
    fn expect(&mut self, kept: bool, place: &Place, rule: Rule, message: &str) {
        if !kept {
            self.find(place, rule, message);
        }
    }

    /// A kept count against the rows.
    fn expect_count(&mut self, place: &Place, what: &str, kept: i64, rows: u64) {
        if u64::try_from(kept) != Ok(rows) {
            self.find(
                place,
                Rule::Count,
                format!("{what} is {kept}, there are {rows}"),
            );
        }
    }

    fn begin(&mut self, step: Step, total: u64) {
        self.progress = VerifyProgress {
            step,
            done: 0,
            total,
        };
        (self.listener)(self.progress);
    }

    fn advance(&mut self, by: u64) {
        self.progress.done += by;
        (self.listener)(self.progress);
    }

    /// The transaction as the nouns' own queries take it.
    fn read(&self, deployment: DeploymentId) -> ReadTx<'a> {
        ReadTx {
            sql: self.sql,
            deployment: Deployment::new(deployment, Actor::CommandLine),
            public_url: "",
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
