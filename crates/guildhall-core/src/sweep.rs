//! Removing what has expired, in the background: memberships, and roles of members.
//!
//! Nobody waits for it: a check judges the time itself. It works in small transactions, so that it delays no writer; each
//! finds anew what is over, so that it may be cut off anywhere and two servers may do it at once.

use guildhall_types::ids::DeploymentId;
use guildhall_types::ledger::Actor;

use crate::deployments;
use crate::guildhall::{ChangeRequest, Guildhall};
use crate::ledger::SERVER_REQUEST_PREFIX;
use crate::members;
use crate::refusal::Refusal;
use crate::scope::Deployment;

/// Members that lose something in one transaction.
const MEMBERS_A_TRANSACTION: u32 = 50;

/// Removes everything that is over now; tells how many members lost something. A deployment that fails stops no other: the
/// last refusal is returned when all have had their turn.
pub async fn sweep(guildhall: &Guildhall) -> Result<u64, Refusal> {
    let mut swept = Ok(0);
    for deployment in deployments::list(guildhall).await? {
        match sweep_deployment(guildhall, deployment.id).await {
            Ok(count) => swept = swept.map(|before| before + count),
            Err(refusal) => swept = Err(refusal),
        }
    }
    swept
}

async fn sweep_deployment(guildhall: &Guildhall, id: DeploymentId) -> Result<u64, Refusal> {
    let deployment = Deployment::new(id, Actor::Server);
    let mut count = 0;
    // Asked first as a read: mostly nothing is due, and then no writer need hear of it.
    while is_due(guildhall, deployment).await? {
        let request = ChangeRequest {
            request_id: guildhall.request_id(SERVER_REQUEST_PREFIX)?,
            idempotency: None,
        };
        let written = guildhall
            .write(deployment, request, |tx| {
                members::sweep(tx, MEMBERS_A_TRANSACTION)
            })
            .await?;
        match written.fresh() {
            // Another server was faster, or the clock was set back.
            None | Some(0) => break,
            Some(swept) => count += swept,
        }
    }
    Ok(count)
}

async fn is_due(guildhall: &Guildhall, deployment: Deployment) -> Result<bool, Refusal> {
    let now = guildhall.now();
    guildhall
        .point(deployment, move |tx| members::due(tx, now))
        .await
}
