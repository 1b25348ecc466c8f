//! Rehearsals: a change carried out by the real command, in the place of the real command, and taken back.
//!
//! No rule is written twice: what would be refused is what the command refuses. What would change is what it told the
//! ledger, folded into a snapshot of its organization. Only ids are used up.

use std::sync::Arc;

use guildhall_access::OrganizationSnapshot;
use guildhall_db::{Tx, Verdict};
use guildhall_types::ids::OrganizationId;
use guildhall_types::{ErrorCode, Revision};

use crate::access::difference::{Course, Difference, empty};
use crate::access::fetch::fetch;
use crate::guildhall::{Guildhall, Inner};
use crate::ledger;
use crate::refusal::{Refusal, Refused};
use crate::scope::{Deployment, Recorded, WriteTx};

/// How often a change is tried. The first try tells which snapshot is needed, the second has it; more only while the
/// organization changes faster than it is read.
const TRIES_MAX: u32 = 4;

/// Entries of the ledger that a snapshot may be behind; one that is further behind is read anew.
const MISSED_MAX: i64 = 1_000;

/// How a change would end.
#[derive(Debug)]
pub enum Rehearsal<T> {
    /// A rule would refuse it.
    Refused(Refused),
    /// It would be made.
    Foreseen(Foreseen<T>),
}

/// What a change would do.
#[derive(Debug)]
pub struct Foreseen<T> {
    /// What it would answer; ids of what it would create are not given out again.
    pub answer: T,
    /// The revision that it would follow, if it is a change of an organization that exists.
    pub revision: Option<Revision>,
    /// Who would gain and lose what, if it is a change of one organization.
    pub access: Option<Box<Difference>>,
}

/// What came of one try.
#[derive(Debug)]
enum Tried<T> {
    Refused(Refused),
    Done {
        answer: T,
        revision: Option<Revision>,
        course: Option<Course>,
    },
    /// It needs a snapshot of this organization, at this revision or later.
    Needs(OrganizationId, i64),
}

impl Guildhall {
    /// Carries out a change and takes it back, whatever became of it: nothing is kept, not even a revision.
    pub async fn rehearse<T: Send + 'static>(
        &self,
        deployment: Deployment,
        request_id: String,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + Sync + 'static,
    ) -> Result<Rehearsal<T>, Refusal> {
        let (request_id, command) = (Arc::new(request_id), Arc::new(command));
        let mut loaded: Option<Arc<OrganizationSnapshot>> = None;
        for _ in 0..TRIES_MAX {
            let (inner, request_id) = (Arc::clone(&self.inner), Arc::clone(&request_id));
            let (command, base) = (Arc::clone(&command), loaded.take());
            let rehearse = move |sql: &Tx<'_>| {
                let tried = inner.rehearse(sql, deployment, &request_id, &*command, base.as_ref());
                Ok(Verdict::TakeBack(tried?))
            };
            let tried: Result<_, Refusal> =
                self.inner.db.write(rehearse, |_, _| Ok(()), |_| {}).await;
            match tried? {
                Tried::Refused(refused) => return Ok(Rehearsal::Refused(refused)),
                Tried::Done {
                    answer,
                    revision,
                    course,
                } => {
                    let access = match course {
                        Some(course) => Some(Box::new(self.difference(deployment, course).await?)),
                        None => None,
                    };
                    return Ok(Rehearsal::Foreseen(Foreseen {
                        answer,
                        revision,
                        access,
                    }));
                }
                Tried::Needs(organization, revision) => {
                    let Inner { db, snapshots, .. } = &*self.inner;
                    let key = (deployment.id(), organization);
                    loaded = fetch(db, &snapshots.organizations, key, revision).await?;
                }
            }
        }
        let message = "the organization changes faster than it can be looked at; try again";
        Err(Refusal::new(ErrorCode::Overloaded, message))
    }

    async fn difference(
        &self,
        deployment: Deployment,
        course: Course,
    ) -> Result<Difference, Refusal> {
        let of_deployment = self.access(deployment).deployment_snapshot(0).await?;
        Difference::new(deployment.id(), of_deployment, course)
    }
}

impl Inner {
    fn rehearse<T>(
        &self,
        sql: &Tx<'_>,
        deployment: Deployment,
        request_id: &str,
        command: &impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal>,
        loaded: Option<&Arc<OrganizationSnapshot>>,
    ) -> Result<Tried<T>, Refusal> {
        let tx = self.write_tx(sql, deployment, request_id);
        let recorded = match command(&tx) {
            Ok(recorded) => recorded,
            // A server without room says nothing about the change.
            Err(Refusal::Refused(refused)) if refused.code.status() < 500 => {
                return Ok(Tried::Refused(*refused));
            }
            Err(refusal) => return Err(refusal),
        };
        let Recorded {
            answer, revision, ..
        } = recorded;
        if revision.stream == deployment.id().raw() {
            return Ok(Tried::Done {
                answer,
                revision: None,
                course: None,
            });
        }
        let id = OrganizationId::new(revision.stream).map_err(Refusal::internal)?;
        let (now, mut own) = (tx.now, tx.told.into_news());
        own.retain(|news| news.stream == revision.stream);
        let before = own
            .first()
            .map_or(revision.number, |first| first.revision - 1);
        let base = if before == 0 || own.is_empty() {
            empty(id, before)
        } else {
            match self.base(deployment, id, before, loaded) {
                Some(base) => base,
                None => return Ok(Tried::Needs(id, before)),
            }
        };
        let missed = ledger::between(sql, deployment.id(), id.raw(), base.revision(), before)?;
        Ok(Tried::Done {
            answer,
            revision: (before > 0).then_some(Revision {
                number: before,
                ..revision
            }),
            course: Some(Course {
                base,
                missed,
                own,
                now,
            }),
        })
    }

    /// A snapshot of the organization that is not far behind `revision`. The commands of one group do not see each
    /// other's changes in the cache, but all in the ledger.
    fn base(
        &self,
        deployment: Deployment,
        id: OrganizationId,
        revision: i64,
        loaded: Option<&Arc<OrganizationSnapshot>>,
    ) -> Option<OrganizationSnapshot> {
        let cached = self.snapshots.organizations.get(&(deployment.id(), id), 0);
        let near = |base: &&Arc<OrganizationSnapshot>| {
            base.id() == id && (0..=MISSED_MAX).contains(&(revision - base.revision()))
        };
        let loaded = loaded.filter(near);
        cached
            .as_ref()
            .filter(near)
            .or(loaded)
            .map(|base| OrganizationSnapshot::clone(base))
    }
}
