//! Verifying while the server writes: one moment is judged, whatever happens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::world::{World, report};

#[tokio::test(flavor = "multi_thread")]
async fn a_live_database_is_sound_at_every_moment() {
    let world = World::eventful().await;
    let over = Arc::new(AtomicBool::new(false));
    let (guildhall, flag) = (world.guildhall.clone(), Arc::clone(&over));
    let checks = tokio::task::spawn_blocking(move || {
        let mut entries = Vec::new();
        while !flag.load(Ordering::Relaxed) {
            let report = report(&guildhall);
            assert!(report.is_sound(), "{:#?}", report.findings);
            entries.push(report.ledger_entries);
        }
        entries
    });
    for number in 0..60 {
        let name = format!("Organization {number}");
        let organization = world.organization(&name, None, false).await;
        world.rename(organization, &format!("{name} again")).await;
        world
            .change(move |tx| {
                guildhall_core::organizations::delete(
                    tx,
                    organization,
                    &guildhall_types::IfMatch::Any,
                )
            })
            .await;
    }
    over.store(true, Ordering::Relaxed);
    let entries = checks.await.unwrap();
    assert!(entries.len() > 1 && entries.is_sorted(), "{entries:?}");
}
