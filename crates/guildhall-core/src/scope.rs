//! Scope as a value: what may be read or changed is told by what one holds, not by an id.
//!
//! A [`Deployment`] is made only from a valid key, for the operator at the command line, or for the server's own sweep of
//! what has expired. A transaction is opened for a deployment. Inside it an [`OrganizationWrite`] is one organization,
//! found in that deployment, locked, with its next revision claimed. It ends in [`OrganizationWrite::record`], which writes
//! the ledger, or in [`OrganizationWrite::unchanged`]; both give a [`Recorded`], and nothing commits without one.

use guildhall_db::{Tx, statements};
use guildhall_types::ids::{DeploymentId, OrganizationId};
use guildhall_types::ledger::Actor;
use guildhall_types::{ErrorCode, IfMatch, Revision, Timestamp};

use crate::access::news::Told;
use crate::ids::IdGenerator;
use crate::ledger::{self, Change, Head};
use crate::refusal::Refusal;

statements! {
    CLAIM_ORGANIZATION = "UPDATE organizations SET revision = revision + 1
        WHERE deployment_id = ?1 AND id = ?2
        RETURNING revision, ledger_head, member_count, role_count";
    SETTLE_ORGANIZATION = "UPDATE organizations
        SET ledger_head = ?3, member_count = ?4, role_count = ?5
        WHERE deployment_id = ?1 AND id = ?2";
    CLAIM_DEPLOYMENT = "UPDATE deployments SET revision = revision + 1 WHERE id = ?1
        RETURNING revision, ledger_head";
    SETTLE_DEPLOYMENT = "UPDATE deployments SET ledger_head = ?2 WHERE id = ?1";
    FIND_ORGANIZATION = "SELECT member_count FROM organizations WHERE deployment_id = ?1 AND id = ?2";
}

/// A tenant of the server, and who acts in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployment {
    id: DeploymentId,
    actor: Actor,
}

impl Deployment {
    pub(crate) fn new(id: DeploymentId, actor: Actor) -> Self {
        Self { id, actor }
    }

    /// The deployment's id.
    pub fn id(&self) -> DeploymentId {
        self.id
    }

    /// Who acts.
    pub fn actor(&self) -> Actor {
        self.actor
    }
}

/// What is said where the row of a [`Deployment`] is not found: deployments are never deleted.
pub(crate) fn missing_deployment() -> Refusal {
    Refusal::internal("the deployment of a valid key is missing")
}

/// A transaction of one deployment that may change something.
#[derive(Debug)]
pub struct WriteTx<'a> {
    pub(crate) sql: &'a Tx<'a>,
    pub(crate) deployment: Deployment,
    pub(crate) request_id: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) ids: &'a IdGenerator,
    pub(crate) public_url: &'a str,
    /// What the ledger was told in this transaction.
    pub(crate) told: Told,
}

/// A transaction of one deployment that only reads.
#[derive(Debug)]
pub struct ReadTx<'a> {
    pub(crate) sql: &'a Tx<'a>,
    pub(crate) deployment: Deployment,
    pub(crate) public_url: &'a str,
}

impl WriteTx<'_> {
    /// The same transaction, for the queries of this deployment.
    pub(crate) fn read(&self) -> ReadTx<'_> {
        ReadTx {
            sql: self.sql,
            deployment: self.deployment,
            public_url: self.public_url,
        }
    }

    /// Nothing had to change, and no stream was opened.
    pub(crate) fn untouched<T>(&self, answer: T) -> Recorded<T> {
        let revision = Revision {
            stream: self.deployment.id.raw(),
            number: 0,
        };
        Recorded {
            answer,
            revision,
            changed: false,
        }
    }
}

/// A change that the ledger knows of, with its answer; the only thing that commits.
#[derive(Debug)]
#[must_use = "what is not returned from the command is not part of its answer"]
pub struct Recorded<T> {
    pub(crate) answer: T,
    pub(crate) revision: Revision,
    pub(crate) changed: bool,
}

impl<T> Recorded<T> {
    /// The same change with another answer.
    pub(crate) fn with<U>(self, answer: U) -> Recorded<U> {
        Recorded {
            answer,
            revision: self.revision,
            changed: self.changed,
        }
    }
}

/// One organization of the deployment, for reading.
#[derive(Clone, Copy, Debug)]
pub struct OrganizationRead {
    pub(crate) id: OrganizationId,
    pub(crate) member_count: u64,
}

impl OrganizationRead {
    /// Finds the organization in the transaction's deployment.
    pub(crate) fn open(tx: &ReadTx<'_>, id: OrganizationId) -> Result<Self, Refusal> {
        tx.sql
            .one(&FIND_ORGANIZATION, &[&tx.deployment.id, &id], |row| {
                Ok::<_, Refusal>(Self {
                    id,
                    member_count: row.get(0)?,
                })
            })?
            .ok_or_else(|| Refusal::plain(ErrorCode::OrganizationNotFound))
    }
}

/// One organization of the deployment, locked, with its next revision claimed.
#[derive(Debug)]
pub(crate) struct OrganizationWrite<'a> {
    pub(crate) tx: &'a WriteTx<'a>,
    pub(crate) id: OrganizationId,
    head: Head,
    pub(crate) member_count: i64,
    pub(crate) role_count: i64,
}

impl<'a> OrganizationWrite<'a> {
    /// Finds the organization in the transaction's deployment, locks it and claims its next revision.
    pub(crate) fn open(
        tx: &'a WriteTx<'a>,
        id: OrganizationId,
        if_match: &IfMatch,
    ) -> Result<Self, Refusal> {
        let claimed = tx
            .sql
            .one(&CLAIM_ORGANIZATION, &[&tx.deployment.id, &id], |row| {
                let head = Head {
                    stream: id.raw(),
                    revision: row.get(0)?,
                    previous: row.get(1)?,
                };
                let (member_count, role_count) = (row.get(2)?, row.get(3)?);
                Ok::<_, Refusal>(Self {
                    tx,
                    id,
                    head,
                    member_count,
                    role_count,
                })
            })?;
        let organization =
            claimed.ok_or_else(|| Refusal::plain(ErrorCode::OrganizationNotFound))?;
        demand(if_match, organization.before())?;
        Ok(organization)
    }

    /// The organization that this transaction has just inserted, at its first revision.
    pub(crate) fn begin(tx: &'a WriteTx<'a>, id: OrganizationId) -> Self {
        Self {
            tx,
            id,
            head: Head::first(id.raw()),
            member_count: 0,
            role_count: 0,
        }
    }

    /// Writes the change into the ledger.
    pub(crate) fn record<T>(self, change: Change, answer: T) -> Result<Recorded<T>, Refusal> {
        let hash = ledger::append(self.tx, &self.head, change)?;
        self.tx.sql.exec_exactly(
            1,
            &SETTLE_ORGANIZATION,
            &[
                &self.tx.deployment.id,
                &self.id,
                &hash,
                &self.member_count,
                &self.role_count,
            ],
        )?;
        Ok(Recorded {
            answer,
            revision: self.head.revision(),
            changed: true,
        })
    }

    /// Writes the last change of the organization into the ledger and closes its stream.
    pub(crate) fn record_end<T>(self, change: Change, answer: T) -> Result<Recorded<T>, Refusal> {
        let hash = ledger::append(self.tx, &self.head, change)?;
        ledger::end(self.tx, &self.head, &hash)?;
        Ok(Recorded {
            answer,
            revision: self.head.revision(),
            changed: true,
        })
    }

    /// The number of the claimed revision: what a row remembers as the one that made it.
    pub(crate) fn revision(&self) -> i64 {
        self.head.revision
    }

    /// Gives the claimed revision back: nothing had to change.
    pub(crate) fn unchanged<T>(self, answer: T) -> Recorded<T> {
        Recorded {
            answer,
            revision: self.before(),
            changed: false,
        }
    }

    fn before(&self) -> Revision {
        Revision {
            stream: self.head.stream,
            number: self.head.revision - 1,
        }
    }
}

/// The deployment itself, locked, with its next revision claimed: for what belongs to no organization.
#[derive(Debug)]
pub(crate) struct DeploymentWrite<'a> {
    pub(crate) tx: &'a WriteTx<'a>,
    head: Head,
}

impl<'a> DeploymentWrite<'a> {
    /// Locks the transaction's deployment and claims its next revision.
    pub(crate) fn open(tx: &'a WriteTx<'a>) -> Result<Self, Refusal> {
        let stream = tx.deployment.id.raw();
        let head = tx
            .sql
            .one(&CLAIM_DEPLOYMENT, &[&tx.deployment.id], |row| {
                Ok::<_, Refusal>(Head {
                    stream,
                    revision: row.get(0)?,
                    previous: row.get(1)?,
                })
            })?
            .ok_or_else(missing_deployment)?;
        Ok(Self { tx, head })
    }

    /// The deployment that this transaction has just inserted, at its first revision.
    pub(crate) fn begin(tx: &'a WriteTx<'a>) -> Self {
        Self {
            tx,
            head: Head::first(tx.deployment.id.raw()),
        }
    }

    /// The claimed revision: what the changed row remembers as its own.
    pub(crate) fn revision(&self) -> Revision {
        self.head.revision()
    }

    /// Writes the change into the ledger.
    pub(crate) fn record<T>(self, change: Change, answer: T) -> Result<Recorded<T>, Refusal> {
        let hash = ledger::append(self.tx, &self.head, change)?;
        self.tx
            .sql
            .exec_exactly(1, &SETTLE_DEPLOYMENT, &[&self.tx.deployment.id, &hash])?;
        Ok(Recorded {
            answer,
            revision: self.head.revision(),
            changed: true,
        })
    }

    /// Gives the claimed revision back: nothing had to change. `number` is the revision of the unchanged row.
    pub(crate) fn unchanged<T>(self, number: i64, answer: T) -> Recorded<T> {
        let revision = Revision {
            stream: self.head.stream,
            number,
        };
        Recorded {
            answer,
            revision,
            changed: false,
        }
    }
}

/// Refuses a change of anything but a demanded revision.
pub(crate) fn demand(if_match: &IfMatch, current: Revision) -> Result<(), Refusal> {
    if if_match.allows(current) {
        Ok(())
    } else {
        Err(Refusal::new(
            ErrorCode::RevisionMismatch,
            format!(
                "the current revision is `{current}`; read the object again and repeat the change on it"
            ),
        ))
    }
}
