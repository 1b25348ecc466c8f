//! What has expired goes away by itself, also what expired while no server ran.

use std::sync::Arc;

use guildhall_core::ambient::{Clock, ManualClock, SystemRng};
use guildhall_core::members::{self, AddMember};
use guildhall_core::organizations::{self, CreateOrganization, OrganizationForm};
use guildhall_core::users::{self, CreateUser, UserForm};
use guildhall_core::{
    ChangeRequest, DATABASE_FILE, Guildhall, Recorded, Refusal, Settings, Slot, Source, WriteTx,
    deployments,
};
use guildhall_types::IfMatch;
use guildhall_types::members as wire;
use serde::Serialize;

use crate::harness::Place;
use crate::patience::eventually;

/// A change of long ago.
async fn change<T: Serialize + Send + 'static>(
    guildhall: &Guildhall,
    command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
) -> T {
    let deployment = deployments::operator(guildhall, "default").await.unwrap();
    let request = ChangeRequest {
        request_id: "long-ago".to_owned(),
        idempotency: None,
    };
    let written = guildhall.write(deployment, request, command).await;
    written.unwrap().fresh().unwrap()
}

/// Adds a member for an hour, long ago; tells the organization.
async fn member_of_long_ago(place: &Place) -> String {
    let long_ago = "2026-01-02T03:04:05Z".parse().unwrap();
    let clock = Arc::new(ManualClock::starting_at(long_ago));
    let guildhall = Guildhall::open(Settings {
        source: Source::Sqlite(place.data_dir().join(DATABASE_FILE)),
        slot: Slot::CommandLine,
        public_url: String::new(),
        access_cache_bytes: 0,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        rng: Arc::new(SystemRng),
        fatal: |error| panic!("the disk failed: {error}"),
    })
    .unwrap();
    let form = OrganizationForm {
        name: Some("Acme".to_owned()),
        ..OrganizationForm::default()
    };
    let create = CreateOrganization::check(form).unwrap();
    let acme = change(&guildhall, move |tx| organizations::create(tx, &create)).await;
    let create = CreateUser::check(UserForm::default()).unwrap();
    let ava = change(&guildhall, move |tx| users::create(tx, &create)).await;
    let add = AddMember::check(wire::AddMember {
        user_id: ava.id,
        role_ids: None,
        public_metadata: None,
        expires_at: Some(clock.now().plus_seconds(3_600)),
    })
    .unwrap();
    let id = acme.id;
    change(&guildhall, move |tx| {
        members::add(tx, id, &IfMatch::Any, &add)
    })
    .await;
    id.to_string()
}

#[test]
fn a_server_removes_what_expired_before_it_started() {
    let place = Place::used();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let acme = runtime.block_on(member_of_long_ago(&place));
    let server = place.serve();
    let key = place.key();
    let path = format!("/organizations/{acme}");
    eventually("the member is gone", || {
        server.get(&path, &key).json()["member_count"] == 0
    });
    let ledger = server.get(&format!("{path}/ledger?limit=1"), &key).json();
    let last = &ledger["data"][0];
    assert_eq!(last["action"], "organization.member.expired", "{last}");
    assert_eq!(last["actor"]["type"], "server", "{last}");
    let log = server.stop().log;
    assert!(log.contains("have expired were removed"), "{log}");
    place.run(&["verify"]).succeeds();
}
