//! What a first question costs. `cargo nextest run --release -p guildhall-core --run-ignored only cold --no-capture`

use std::time::{Duration, Instant};

use guildhall_access::{Demand, Reason};
use guildhall_core::access::Freshness;
use guildhall_core::members::{self, AddMember};
use guildhall_types::IfMatch;
use guildhall_types::ids::{OrganizationId, UserId};

use crate::world::World;

const READ: Demand<'_> = Demand::All(&["invoices:read"]);

/// Questions from memory, of which the mean is told.
const WARM_CHECKS: u32 = 10_000;

/// Commands that are under way at once while the world is made.
const AT_ONCE: usize = 64;

impl World {
    async fn crowd(&self, organization: OrganizationId, count: usize) -> UserId {
        let role = self.role(organization, "Reader").await.unwrap().id;
        let mut last = None;
        for begin in (0..count).step_by(AT_ONCE) {
            let one = |_| async {
                let user = self.user("Ava").await.id;
                let request = guildhall_types::members::AddMember {
                    user_id: user,
                    role_ids: Some(vec![role]),
                    public_metadata: None,
                    expires_at: None,
                };
                let command = AddMember::check(request).unwrap();
                self.change(move |tx| members::add(tx, organization, &IfMatch::Any, &command))
                    .await
                    .unwrap();
                user
            };
            let some = (begin..count.min(begin + AT_ONCE)).map(one);
            last = futures_util::future::join_all(some).await.pop().or(last);
        }
        last.unwrap()
    }

    /// The time of a first question to a server that has just been started, until the whole organization is in memory,
    /// and of one question of many then.
    async fn first(&self, organization: OrganizationId, user: UserId) -> [Duration; 3] {
        let server = self.second();
        let access = server.access(self.deployment);
        // The deployment is loaded, and a connection is open.
        let nowhere = OrganizationId::new(1).unwrap();
        let _nothing = access
            .check(nowhere, user, &READ, Freshness::default())
            .await;
        let ask = || async {
            let begin = Instant::now();
            let asked = access.check(organization, user, &READ, Freshness::default());
            let checked = asked.await.unwrap();
            assert_eq!(checked.decision.reason(), Reason::Granted);
            begin.elapsed()
        };
        let cold = ask().await;
        let begin = Instant::now();
        let whole = access.moment(organization, Freshness::default()).await;
        assert!(whole.is_ok());
        let loaded = begin.elapsed();
        let begin = Instant::now();
        for _ in 0..WARM_CHECKS {
            ask().await;
        }
        [cold, loaded, begin.elapsed() / WARM_CHECKS]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute, and means something in a release build only"]
async fn a_cold_organization_is_there_in_good_time() {
    let world = World::new().await;
    for (count, limit) in [(10, 1), (1_000, 10), (100_000, 1)] {
        let organization = world.organization("Acme").await.id;
        let user = world.crowd(organization, count).await;
        let mut times = Vec::new();
        for _ in 0..11 {
            times.push(world.first(organization, user).await);
        }
        times.sort_unstable();
        let [cold, whole, warm] = times[times.len() / 2];
        println!("{count} members: {cold:?} cold, {whole:?} to load, {warm:?} warm");
        assert!(cold <= Duration::from_millis(limit), "{count}: {cold:?}");
        assert!(whole <= Duration::from_millis(150), "{count}: {whole:?}");
    }
}
