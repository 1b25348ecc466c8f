//! Rehearsals: a change carried out by the real command, in the place of the real command, and taken back.
//!
//! No rule is written twice: what would be refused is what the command refuses. Only ids are used up.

use std::sync::Arc;

use guildhall_db::{Tx, Verdict};
use guildhall_types::Revision;

use crate::guildhall::{Guildhall, Inner};
use crate::refusal::{Refusal, Refused};
use crate::scope::{Deployment, Recorded, WriteTx};

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
    /// What it would answer; ids of what it would create are not used again.
    pub answer: T,
    /// The revision that it would follow, if it is a change of an organization that exists.
    pub revision: Option<Revision>,
}

impl Guildhall {
    /// Carries out a change and takes it back, whatever became of it: nothing is kept, not even a revision.
    pub async fn rehearse<T: Send + 'static>(
        &self,
        deployment: Deployment,
        request_id: String,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) -> Result<Rehearsal<T>, Refusal> {
        let inner = Arc::clone(&self.inner);
        let rehearse = move |sql: &Tx<'_>| {
            let rehearsal = inner.rehearse(sql, deployment, &request_id, &command)?;
            Ok(Verdict::TakeBack(rehearsal))
        };
        self.inner.db.write(rehearse, |_, _| Ok(()), |_| {}).await
    }
}

impl Inner {
    fn rehearse<T>(
        &self,
        sql: &Tx<'_>,
        deployment: Deployment,
        request_id: &str,
        command: &impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal>,
    ) -> Result<Rehearsal<T>, Refusal> {
        let tx = self.write_tx(sql, deployment, request_id);
        let recorded = match command(&tx) {
            Ok(recorded) => recorded,
            // A server without room says nothing about the change.
            Err(Refusal::Refused(refused)) if refused.code.status() < 500 => {
                return Ok(Rehearsal::Refused(*refused));
            }
            Err(refusal) => return Err(refusal),
        };
        Ok(Rehearsal::Foreseen(Foreseen {
            revision: before(deployment, &recorded),
            answer: recorded.answer,
        }))
    }
}

/// The revision that a change of an organization followed, if there was one.
fn before<T>(deployment: Deployment, recorded: &Recorded<T>) -> Option<Revision> {
    let Revision { stream, number } = recorded.revision;
    let number = number - i64::from(recorded.changed);
    (stream != deployment.id().raw() && number > 0).then_some(Revision { stream, number })
}
