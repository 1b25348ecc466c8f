//! Several servers on one database: on PostgreSQL as many as there are, on SQLite the server and the command line beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use guildhall_access::{Demand, Reason};
use guildhall_core::access::Freshness;
use guildhall_core::members::{self, AddMember};
use guildhall_core::roles::{self, CreateRole};
use guildhall_core::{ChangeRequest, Guildhall, Recorded, Refusal, WriteTx, deployments};
use guildhall_types::ids::{OrganizationId, UserId};
use guildhall_types::members as wire;
use guildhall_types::roles as role_wire;
use guildhall_types::{ErrorCode, IfMatch};
use serde::Serialize;

use crate::races::race_across;
use crate::world::World;

const CALLERS: usize = 64;

const READ: Demand<'_> = Demand::All(&["invoices:read"]);

impl World {
    fn is_sound(&self) {
        let report = guildhall_core::verify::verify(&self.guildhall, |_| {}).unwrap();
        assert!(report.is_sound(), "{:#?}", report.findings);
    }
}

/// Sixty-four callers do the same, every other one on the other server; tells what was refused.
async fn on_both<T: Serialize + Send + 'static>(
    world: &World,
    command: impl Fn(usize) -> Command<T>,
) -> Vec<Option<ErrorCode>> {
    let servers = [world.guildhall.clone(), world.second()];
    let calls = (0..CALLERS).map(|number| {
        let server: Guildhall = servers[number % 2].clone();
        let (deployment, command) = (world.deployment, command(number));
        tokio::spawn(async move {
            let request = ChangeRequest {
                request_id: format!("race-{number}"),
                idempotency: None,
            };
            let run = move |tx: &WriteTx<'_>| command(tx);
            server.write(deployment, request, run).await.map(drop)
        })
    });
    let ended = join_all(calls).await;
    let refused = ended.into_iter().filter_map(|call| call.unwrap().err());
    refused.map(|refusal| refusal.code()).collect()
}

type Command<T> = Arc<dyn Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + Sync>;

fn add(organization: OrganizationId, user: UserId) -> Command<wire::OrganizationMember> {
    let command = AddMember::check(wire::AddMember {
        user_id: user,
        role_ids: None,
        public_metadata: None,
        expires_at: None,
    })
    .unwrap();
    Arc::new(move |tx| members::add(tx, organization, &IfMatch::Any, &command))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_member_is_added_once_by_two_servers() {
    let world = World::new().await;
    let (organization, user) = (
        world.organization("Acme").await.id,
        world.user("Ava").await.id,
    );
    let refused = on_both(&world, |_| add(organization, user)).await;
    assert_eq!(refused, [Some(ErrorCode::MemberExists); CALLERS - 1]);
    world.is_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_that_start_at_once_make_one_deployment() {
    let world = World::new().await;
    let servers = [world.guildhall.clone(), world.second()];
    let starts = (0..CALLERS).map(|number| {
        let server = servers[number % 2].clone();
        tokio::spawn(async move { deployments::ensure(&server, "new").await })
    });
    for started in join_all(starts).await {
        started.unwrap().unwrap();
    }
    let all = deployments::list(&world.guildhall).await.unwrap();
    assert_eq!(all.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_seats_are_taken_once_by_two_servers() {
    const SEATS: u32 = 5;
    let world = World::new().await;
    deployments::set_seats(&world.guildhall, world.deployment, SEATS)
        .await
        .unwrap();
    let organization = world.organization("Acme").await.id;
    let mut users = Vec::new();
    for _ in 0..CALLERS {
        users.push(world.user("Ava").await.id);
    }
    let refused = on_both(&world, |number| add(organization, users[number])).await;
    let full = vec![Some(ErrorCode::SeatLimitReached); CALLERS - SEATS as usize];
    assert_eq!(refused, full);
    world.is_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_role_name_is_taken_once_by_two_servers() {
    let world = World::new().await;
    let organization = world.organization("Acme").await.id;
    let create = |number: usize| -> Command<_> {
        let name = if number.is_multiple_of(3) {
            "Owner"
        } else {
            "OWNER"
        };
        let command = CreateRole::check(&role_wire::CreateRole {
            name: name.to_owned(),
            permissions: Vec::new(),
        })
        .unwrap();
        Arc::new(move |tx| roles::create(tx, organization, &IfMatch::Any, &command))
    };
    let refused = on_both(&world, create).await;
    assert_eq!(refused, [Some(ErrorCode::RoleNameTaken); CALLERS - 1]);
    world.is_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_revoke_is_never_followed_by_an_allow_on_another_server() {
    assert_eq!(race_across(20_000).await, 0);
}

/// `cargo test --release -p guildhall-core --test rules -- --ignored a_million_across`
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes minutes"]
async fn a_million_across_servers() {
    assert_eq!(race_across(1_000_000).await, 0);
}

/// Without a revision to wait for, another server follows by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_changes_the_other_knows_soon() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let world = World::new().await;
    let organization = world.organization("Acme").await.id;
    let role = world.role(organization, "Reader").await.unwrap().id;
    let other = world.second();
    let access = other.access(world.deployment);
    let mut lags = Vec::new();
    for _ in 0..20 {
        let user = world.user("Ava").await.id;
        world.member(organization, user, &[role]).await.unwrap();
        let start = Instant::now();
        loop {
            let check = access.check(organization, user, &READ, Freshness::default());
            if check.await.unwrap().decision.reason() == Reason::Granted {
                break;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the other server never hears of it"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        lags.push(start.elapsed());
    }
    lags.sort_unstable();
    println!(
        "known after {:?} at the median, {:?} at most",
        lags[10], lags[19]
    );
}
