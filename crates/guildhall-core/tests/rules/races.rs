//! Revoke, then check: what was acknowledged is never forgotten, however many do it at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guildhall_access::Demand;
use guildhall_core::access::{Access, Freshness};
use guildhall_core::{ChangeRequest, Deployment, Guildhall, Recorded, Refusal, WriteTx, members};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members::AssignRole;
use guildhall_types::{Empty, IfMatch, Revision};

use crate::world::World;

/// Organizations; there is memory for about a third of them, so that they come and go.
const ORGANIZATIONS: usize = 24;
const MEMBERS: usize = 8;
const CACHE_BYTES: usize = 16_000;

const READ: Demand<'_> = Demand::All(&["invoices:read"]);

/// A member whose role comes and goes.
#[derive(Clone, Copy)]
struct Place {
    organization: OrganizationId,
    user: UserId,
    member: MemberId,
    role: RoleId,
}

/// What asks.
#[derive(Clone)]
struct Asker {
    access: Access,
    /// A cache of decisions, as Guildhall must not have one.
    memo: Option<Arc<Memo>>,
    /// Whether it is the server that makes the changes; any other is told the revision to wait for.
    is_changing: bool,
}

/// When a question was last asked, and what the answer was.
type Memo = Mutex<HashMap<(OrganizationId, UserId), (Instant, bool)>>;

const MEMO_FOR: Duration = Duration::from_millis(5);

impl Asker {
    /// Asks for an answer that is not older than `at_least`.
    async fn ask(&self, place: Place, at_least: Option<Revision>) -> bool {
        let key = (place.organization, place.user);
        if let Some(memo) = &self.memo
            && let Some((at, allowed)) = memo.lock().unwrap().get(&key)
            && at.elapsed() < MEMO_FOR
        {
            return *allowed;
        }
        let freshness = Freshness {
            at_least,
            ..Freshness::default()
        };
        let asked = self
            .access
            .check(place.organization, place.user, &READ, freshness);
        let allowed = asked.await.unwrap().decision.allowed();
        if let Some(memo) = &self.memo {
            memo.lock().unwrap().insert(key, (Instant::now(), allowed));
        }
        allowed
    }
}

async fn change(
    guildhall: &Guildhall,
    deployment: Deployment,
    command: impl Fn(&WriteTx<'_>) -> Result<Recorded<Empty>, Refusal> + Send + 'static,
) -> Revision {
    let request = ChangeRequest {
        request_id: "race".to_owned(),
        idempotency: None,
    };
    let written = guildhall.write(deployment, request, command).await;
    written.unwrap().revision
}

/// Gives and takes the role `pairs` times, and asks after each; tells how often the answer was wrong.
async fn give_and_take(
    guildhall: Guildhall,
    deployment: Deployment,
    asker: Asker,
    place: Place,
    pairs: usize,
) -> u64 {
    let Place {
        organization,
        member,
        role,
        ..
    } = place;
    let mut wrong = 0;
    for _ in 0..pairs {
        let given = change(&guildhall, deployment, move |tx| {
            let request = AssignRole::default();
            members::assign_role(tx, organization, member, role, request, &IfMatch::Any)
        })
        .await;
        let at_least = |revision| (!asker.is_changing).then_some(revision);
        wrong += u64::from(!asker.ask(place, at_least(given)).await);
        let taken = change(&guildhall, deployment, move |tx| {
            members::unassign_role(tx, organization, member, role, &IfMatch::Any)
        })
        .await;
        wrong += u64::from(asker.ask(place, at_least(taken)).await);
    }
    wrong
}

async fn places(world: &World) -> Vec<Place> {
    let mut places = Vec::new();
    let mut users = Vec::new();
    for _ in 0..MEMBERS {
        users.push(world.user("Ava").await.id);
    }
    for _ in 0..ORGANIZATIONS {
        let organization = world.organization("Acme").await.id;
        let role = world.role(organization, "Reader").await.unwrap().id;
        for user in &users {
            let member = world.member(organization, *user, &[]).await.unwrap().id;
            places.push(Place {
                organization,
                user: *user,
                member,
                role,
            });
        }
    }
    places
}

/// Races `pairs` pairs of a grant and a revoke; tells how many answers were wrong.
async fn race(pairs: usize, memo: bool) -> u64 {
    let world = World::with_cache(CACHE_BYTES).await;
    let asker = Asker {
        access: world.guildhall.access(world.deployment),
        memo: memo.then(Arc::default),
        is_changing: true,
    };
    let wrong = race_in(&world, asker, pairs).await;
    let stats = world.guildhall.access_cache_stats();
    assert!(stats.bytes <= CACHE_BYTES as u64, "{stats:?}");
    assert!(stats.evictions > 0 && stats.hits > 0, "{stats:?}");
    wrong
}

/// The same, asked on another server of the same database, with the revision of each change.
pub(crate) async fn race_across(pairs: usize) -> u64 {
    let world = World::with_cache(CACHE_BYTES).await;
    let asker = Asker {
        access: world.second().access(world.deployment),
        memo: None,
        is_changing: false,
    };
    race_in(&world, asker, pairs).await
}

async fn race_in(world: &World, asker: Asker, pairs: usize) -> u64 {
    let places = places(world).await;
    let over = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicU64::new(0));
    // Others who ask all the time: they load, and keep what they asked for in memory.
    let crowd = (0..2).map(|first| {
        let (asker, places) = (asker.clone(), places.clone());
        let (over, asked) = (Arc::clone(&over), Arc::clone(&asked));
        tokio::spawn(async move {
            for place in places.iter().cycle().skip(first * 31).step_by(7) {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                asker.ask(*place, None).await;
                asked.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        })
    });
    let crowd: Vec<_> = crowd.collect();
    let each = pairs.div_ceil(places.len());
    let racers = places.iter().map(|place| {
        let guildhall = world.guildhall.clone();
        let (asker, place) = (asker.clone(), *place);
        tokio::spawn(give_and_take(
            guildhall,
            world.deployment,
            asker,
            place,
            each,
        ))
    });
    let racers: Vec<_> = racers.collect();
    let mut wrong = 0;
    for racer in racers {
        wrong += racer.await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    for asker in crowd {
        asker.await.unwrap();
    }
    assert!(asked.load(Ordering::SeqCst) > 0);
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_revoke_that_was_acknowledged_is_never_followed_by_an_allow() {
    assert_eq!(race(20_000, false).await, 0);
}

/// The teeth of the race: it finds a cache of decisions out.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cache_of_decisions_would_be_found_out() {
    assert!(race(2_000, true).await > 0);
}

/// `cargo test --release -p guildhall-core --test rules -- --ignored a_million`
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes minutes"]
async fn a_million_revokes_are_never_followed_by_an_allow() {
    assert_eq!(race(1_000_000, false).await, 0);
}
