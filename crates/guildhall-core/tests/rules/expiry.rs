//! What ends by itself, and what rests: memberships, roles of members, organizations. As examples.

use guildhall_core::keys::{self, CreateKey};
use guildhall_core::members::{self, AddMember, MemberFilter, MemberSort, UpdateMember};
use guildhall_core::organizations::{self, OrganizationForm, UpdateOrganization};
use guildhall_core::{ChangeRequest, DATABASE_FILE, Order, Refusal, WriteTx, ledger, sweep};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::keys::KeyScope;
use guildhall_types::ledger::{Actor, LedgerEntry};
use guildhall_types::members::{self as wire, OrganizationMember};
use guildhall_types::{Empty, ErrorCode, IfMatch, Patch, Timestamp};

use crate::world::{World, page};

const HOUR: i64 = 3_600;

/// An organization with one member, and what is done to it.
struct Acme {
    world: World,
    id: OrganizationId,
    ava: UserId,
    role: RoleId,
}

impl Acme {
    async fn new() -> Self {
        Self::within(World::new().await).await
    }

    async fn within(world: World) -> Self {
        let id = world.organization("Acme").await.id;
        let ava = world.user("Ava").await.id;
        let role = world.role(id, "Billing").await.unwrap().id;
        Self {
            world,
            id,
            ava,
            role,
        }
    }

    fn after(&self, seconds: i64) -> Timestamp {
        self.world.guildhall.now().plus_seconds(seconds)
    }

    async fn add(
        &self,
        user_id: UserId,
        expires_at: Option<Timestamp>,
    ) -> Result<OrganizationMember, Refusal> {
        let request = wire::AddMember {
            user_id,
            role_ids: Some(vec![self.role]),
            public_metadata: None,
            expires_at,
        };
        let (command, id) = (AddMember::check(request).unwrap(), self.id);
        self.world
            .change(move |tx| members::add(tx, id, &IfMatch::Any, &command))
            .await
    }

    async fn update(
        &self,
        member: MemberId,
        request: wire::UpdateMember,
    ) -> Result<Empty, Refusal> {
        let (command, id) = (UpdateMember::check(request).unwrap(), self.id);
        self.world
            .change(move |tx| members::update(tx, id, member, &IfMatch::Any, &command))
            .await
    }

    async fn suspend(&self, member: MemberId, suspended: bool) {
        let request = wire::UpdateMember {
            suspended: Some(suspended),
            ..wire::UpdateMember::default()
        };
        self.update(member, request).await.unwrap();
    }

    async fn assign(
        &self,
        member: MemberId,
        expires_at: Option<Timestamp>,
    ) -> Result<Empty, Refusal> {
        let (id, role, request) = (self.id, self.role, wire::AssignRole { expires_at });
        self.world
            .change(move |tx| members::assign_role(tx, id, member, role, request, &IfMatch::Any))
            .await
    }

    async fn suspend_itself(&self, suspended: &str) -> Option<Timestamp> {
        let form = OrganizationForm {
            suspended: Some(suspended.to_owned()),
            ..OrganizationForm::default()
        };
        let (command, id) = (UpdateOrganization::check(form).unwrap(), self.id);
        self.world
            .change(move |tx| organizations::update(tx, id, &IfMatch::Any, &command))
            .await
            .unwrap()
            .suspended_at
    }

    async fn members(&self) -> Vec<OrganizationMember> {
        let id = self.id;
        self.world
            .guildhall
            .list(self.world.deployment, move |tx| {
                let filter = MemberFilter::default();
                let page = page(Order::Ascending);
                members::list(tx, id, &filter, MemberSort::CreatedAt, &page)
            })
            .await
            .unwrap()
            .data
    }

    /// The ends of the roles of the only member.
    async fn role_ends(&self) -> Vec<Option<Timestamp>> {
        let members = self.members().await;
        members[0]
            .roles
            .iter()
            .map(|held| held.expires_at)
            .collect()
    }

    async fn ledger(&self) -> Vec<LedgerEntry> {
        let id = self.id;
        let ledger = self
            .world
            .guildhall
            .point(self.world.deployment, move |tx| {
                ledger::list(tx, id, &page(Order::Ascending))
            })
            .await;
        ledger.unwrap().data
    }

    /// The actions of the newest entries, oldest first.
    async fn actions(&self, count: usize) -> Vec<&'static str> {
        let entries = self.ledger().await;
        let newest = entries.iter().rev().take(count).rev();
        newest.map(|entry| entry.action.word()).collect()
    }

    async fn sweep(&self) -> u64 {
        let swept = sweep::sweep(&self.world.guildhall).await.unwrap();
        let report = guildhall_core::verify::verify(&self.world.guildhall, |_| {}).unwrap();
        assert!(report.is_sound(), "{:#?}", report.findings);
        swept
    }
}

#[tokio::test]
async fn a_membership_ends_at_its_time_and_leaves_an_entry_of_the_server() {
    let acme = Acme::new().await;
    let member = acme.add(acme.ava, Some(acme.after(HOUR))).await.unwrap();
    assert_eq!(member.expires_at, Some(acme.after(HOUR)));
    acme.world.clock.advance_seconds(HOUR - 1);
    assert_eq!(acme.sweep().await, 0);
    acme.world.clock.advance_seconds(1);
    assert_eq!(acme.sweep().await, 1);
    assert!(acme.members().await.is_empty());
    let last = acme.ledger().await.pop().unwrap();
    assert_eq!(last.action.word(), "organization.member.expired");
    assert_eq!(last.actor, Actor::Server);
    assert!(last.request_id.starts_with("sweep-"), "{}", last.request_id);
    let before = last.before.unwrap();
    assert!(
        before
            .get()
            .contains(&format!("\"user_id\":\"{}\"", acme.ava))
    );
}

#[tokio::test]
async fn an_end_lies_in_the_future() {
    let acme = Acme::new().await;
    let member = acme.add(acme.ava, None).await.unwrap().id;
    let now = acme.after(0);
    let update = wire::UpdateMember {
        expires_at: Patch::Set(now),
        ..wire::UpdateMember::default()
    };
    let bea = acme.world.user("Bea").await.id;
    let refusals = [
        acme.add(bea, Some(now)).await.unwrap_err(),
        acme.update(member, update).await.unwrap_err(),
        acme.assign(member, Some(now)).await.unwrap_err(),
    ];
    for refusal in refusals {
        let Refusal::Refused(refused) = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(refused.code, ErrorCode::InvalidRequest);
        assert_eq!(
            refused.message,
            "`expires_at` must be in the future; by the server's clock it is `2026-05-03T12:00:00.000000Z`"
        );
    }
}

#[tokio::test]
async fn an_end_can_be_moved_and_taken_away() {
    let acme = Acme::new().await;
    let member = acme.add(acme.ava, Some(acme.after(HOUR))).await.unwrap().id;
    for (patch, expected) in [
        (Patch::Keep, Some(acme.after(HOUR))),
        (Patch::Set(acme.after(2 * HOUR)), Some(acme.after(2 * HOUR))),
        (Patch::Clear, None),
    ] {
        let request = wire::UpdateMember {
            expires_at: patch,
            ..wire::UpdateMember::default()
        };
        acme.update(member, request).await.unwrap();
        assert_eq!(acme.members().await[0].expires_at, expected);
    }
    acme.world.clock.advance_seconds(3 * HOUR);
    assert_eq!(acme.sweep().await, 0);
}

#[tokio::test]
async fn a_user_whose_membership_is_over_can_be_added_before_it_is_swept() {
    let acme = Acme::new().await;
    let old = acme.add(acme.ava, Some(acme.after(HOUR))).await.unwrap().id;
    let refusal = acme.add(acme.ava, None).await.unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::MemberExists));
    acme.world.clock.advance_seconds(HOUR);
    let new = acme.add(acme.ava, None).await.unwrap();
    assert_ne!(new.id, old);
    assert_eq!(
        acme.actions(2).await,
        ["organization.member.expired", "organization.member.added"]
    );
    let entries = acme.ledger().await;
    let [expired, added] = &entries[entries.len() - 2..] else {
        panic!()
    };
    assert_eq!(expired.request_id, added.request_id, "one request did both");
    assert_eq!(expired.actor, Actor::CommandLine);
    assert_eq!(acme.sweep().await, 0);
    let details = acme
        .world
        .guildhall
        .point(acme.world.deployment, move |tx| {
            organizations::details(tx, acme.id)
        })
        .await
        .unwrap();
    assert_eq!(details.0.organization.member_count, 1);
}

#[tokio::test]
async fn a_role_is_held_until_the_end_that_was_named_last() {
    let acme = Acme::new().await;
    let member = acme.add(acme.ava, None).await.unwrap().id;
    let (soon, late) = (Some(acme.after(HOUR)), Some(acme.after(2 * HOUR)));
    for end in [soon, late, soon, None] {
        acme.assign(member, end).await.unwrap();
        assert_eq!(acme.role_ends().await, [end]);
    }
    let before = acme.ledger().await.len();
    acme.assign(member, None).await.unwrap();
    assert_eq!(acme.ledger().await.len(), before, "nothing was different");
}

#[tokio::test]
async fn a_role_ends_at_its_time_and_the_member_stays() {
    let acme = Acme::new().await;
    let member = acme.add(acme.ava, None).await.unwrap().id;
    acme.assign(member, Some(acme.after(HOUR))).await.unwrap();
    let other = acme.world.role(acme.id, "Other").await.unwrap().id;
    let (id, request) = (acme.id, wire::AssignRole::default());
    acme.world
        .change(move |tx| members::assign_role(tx, id, member, other, request, &IfMatch::Any))
        .await
        .unwrap();
    acme.world.clock.advance_seconds(HOUR);
    assert_eq!(acme.sweep().await, 1);
    let members = acme.members().await;
    let roles: Vec<_> = members[0].roles.iter().map(|held| held.role.id).collect();
    assert_eq!(roles, [other]);
    assert_eq!(acme.actions(1).await, ["organization.member.role.expired"]);
}

#[tokio::test]
async fn a_set_of_roles_keeps_the_end_of_what_stays_and_gives_anew_what_is_over() {
    let acme = Acme::new().await;
    let member = acme.add(acme.ava, None).await.unwrap().id;
    let end = Some(acme.after(HOUR));
    acme.assign(member, end).await.unwrap();
    let set = || wire::UpdateMember {
        role_ids: Some(vec![acme.role]),
        ..wire::UpdateMember::default()
    };
    acme.update(member, set()).await.unwrap();
    assert_eq!(acme.role_ends().await, [end]);
    acme.world.clock.advance_seconds(HOUR);
    acme.update(member, set()).await.unwrap();
    assert_eq!(acme.role_ends().await, [None]);
    assert_eq!(acme.sweep().await, 0);
}

#[tokio::test]
async fn suspending_twice_keeps_the_first_time() {
    let acme = Acme::new().await;
    let member = acme.add(acme.ava, None).await.unwrap().id;
    let since = acme.after(0);
    for _ in 0..2 {
        acme.suspend(member, true).await;
        assert_eq!(acme.members().await[0].suspended_at, Some(since));
        assert_eq!(acme.suspend_itself("true").await, Some(since));
        acme.world.clock.advance_seconds(1);
    }
    acme.suspend(member, false).await;
    assert_eq!(acme.suspend_itself("false").await, None);
    let suspended = acme.members().await[0].suspended_at;
    assert_eq!(suspended, None);
    assert_eq!(
        acme.actions(4).await,
        [
            "organization.member.suspended",
            "organization.suspended",
            "organization.member.reactivated",
            "organization.reactivated"
        ]
    );
    assert_eq!(acme.members().await[0].roles.len(), 1, "nothing is lost");
}

#[tokio::test]
async fn a_suspended_organization_is_administered_as_ever() {
    let acme = Acme::new().await;
    acme.suspend_itself("true").await;
    let member = acme.add(acme.ava, None).await.unwrap().id;
    acme.assign(member, Some(acme.after(HOUR))).await.unwrap();
    acme.world.clock.advance_seconds(HOUR);
    assert_eq!(acme.sweep().await, 1);
    acme.world.role(acme.id, "New").await.unwrap();
}

#[tokio::test]
async fn a_sweep_takes_many_in_small_transactions() {
    let acme = Acme::new().await;
    let end = Some(acme.after(HOUR));
    for number in 0..120 {
        let user = acme.world.user(&format!("User {number}")).await.id;
        let member = acme.add(user, end).await.unwrap().id;
        acme.assign(member, end).await.unwrap();
    }
    acme.world.clock.advance_seconds(HOUR);
    let commits = acme.world.guildhall.stats().commits;
    // Two at once, as two servers would: each does what the other has not done yet.
    let (one, other) = tokio::join!(
        sweep::sweep(&acme.world.guildhall),
        sweep::sweep(&acme.world.guildhall)
    );
    assert_eq!(one.unwrap() + other.unwrap(), 120);
    assert!(acme.world.guildhall.stats().commits - commits >= 2);
    assert_eq!(acme.sweep().await, 0);
    assert!(acme.members().await.is_empty());
}

#[tokio::test]
async fn a_deployment_that_cannot_be_swept_stops_no_other() {
    let broken = Acme::new().await;
    let end = Some(broken.after(HOUR));
    broken.add(broken.ava, end).await.unwrap();
    let mut world = broken.world;
    world.deployment = world.deployment("later").await;
    let later = Acme::within(world).await;
    later.add(later.ava, end).await.unwrap();
    later.world.clock.advance_seconds(HOUR);

    let path = later.world.place.directory().join(DATABASE_FILE);
    let connection = rusqlite::Connection::open(path).unwrap();
    let break_head = "UPDATE organizations SET ledger_head = x'00' WHERE id = ?1";
    let broken_rows = connection.execute(break_head, [broken.id.raw()]).unwrap();
    assert_eq!(broken_rows, 1);

    assert!(sweep::sweep(&later.world.guildhall).await.is_err());
    assert!(later.members().await.is_empty());
}

#[tokio::test]
async fn a_key_is_remembered_with_what_it_gave() {
    let acme = Acme::new().await;
    let (world, id, ava) = (&acme.world, acme.id, acme.ava);
    let command = CreateKey::check("backend", KeyScope::Full, None).unwrap();
    let (_, secret) = keys::create(&world.guildhall, world.deployment, command)
        .await
        .unwrap();
    let hash = keys::hash(secret.expose()).unwrap();
    let caller = keys::authenticate(&world.guildhall, hash).await.unwrap();
    let request = ChangeRequest {
        // A caller may choose such an id; with a key it is still the key that acts.
        request_id: "sweep-7".to_owned(),
        idempotency: None,
    };
    let add = AddMember::check(wire::AddMember {
        user_id: ava,
        role_ids: None,
        public_metadata: None,
        expires_at: None,
    })
    .unwrap();
    let add = move |tx: &WriteTx<'_>| members::add(tx, id, &IfMatch::Any, &add);
    world
        .guildhall
        .write(caller.deployment, request, add)
        .await
        .unwrap();
    let last = acme.ledger().await.pop().unwrap();
    assert_eq!(last.actor, Actor::ApiKey { id: caller.key });
    assert_eq!(acme.sweep().await, 0);
}
