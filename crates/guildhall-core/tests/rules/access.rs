//! Access is what the database says, at once after each change.

use std::time::Duration;

use guildhall_access::{Demand, Reason};
use guildhall_core::access::{Checked, Freshness, Held};
use guildhall_core::ambient::SystemRng;
use guildhall_core::members::{self, UpdateMember};
use guildhall_core::organizations::{self, OrganizationForm, UpdateOrganization};
use guildhall_core::roles::{self, UpdateRole};
use guildhall_core::users::{self, UpdateUser, UserForm};
use guildhall_core::{Guildhall, Recorded, Refusal, Revision, Settings, Slot, WriteTx, sweep};
use guildhall_types::access::Consistency;
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members::{self as wire, AssignRole};
use guildhall_types::{ErrorCode, IfMatch, Patch};

use crate::world::World;

const READ: Demand<'_> = Demand::All(&["invoices:read"]);

const FULL: Freshness = Freshness {
    consistency: Consistency::Full,
    at_least: None,
};

impl World {
    async fn ask(&self, organization: OrganizationId, user: UserId) -> Reason {
        let cached = self.checked(organization, user, Freshness::default()).await;
        let full = self.checked(organization, user, FULL).await.unwrap();
        let cached = cached.unwrap();
        assert_eq!(cached.decision, full.decision);
        assert_eq!(cached.revision, full.revision);
        cached.decision.reason()
    }

    async fn checked(
        &self,
        organization: OrganizationId,
        user: UserId,
        freshness: Freshness,
    ) -> Result<Checked, Refusal> {
        let access = self.guildhall.access(self.deployment);
        access.check(organization, user, &READ, freshness).await
    }

    async fn moment(&self, organization: OrganizationId, freshness: Freshness) -> Held {
        let access = self.guildhall.access(self.deployment);
        access.moment(organization, freshness).await.unwrap()
    }

    fn loads(&self) -> u64 {
        self.guildhall.access_cache_stats().loads
    }

    /// How often the database was asked for an organization, whole or for what is new.
    fn looks(&self) -> u64 {
        let stats = self.guildhall.access_cache_stats();
        stats.loads + stats.renewals
    }
}

/// An organization with one member, who may read, and a first question that was answered.
struct Acme {
    world: World,
    id: OrganizationId,
    user: UserId,
    role: RoleId,
    member: MemberId,
}

impl Acme {
    async fn new() -> Self {
        let world = World::new().await;
        let user = world.user("Ava").await.id;
        let id = world.organization("Acme").await.id;
        assert_eq!(world.ask(id, user).await, Reason::NotAMember);
        let role = world.role(id, "Reader").await.unwrap().id;
        let member = world.member(id, user, &[role]).await.unwrap().id;
        let acme = Self {
            world,
            id,
            user,
            role,
            member,
        };
        acme.says(Reason::Granted).await;
        acme
    }

    async fn says(&self, reason: Reason) {
        assert_eq!(self.world.ask(self.id, self.user).await, reason);
        // Folded, not read again.
        assert_eq!(self.world.loads(), 1);
    }

    async fn after<T: serde::Serialize + Send + 'static>(
        &self,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
        reason: Reason,
    ) {
        self.world.change(command).await.unwrap();
        self.says(reason).await;
    }

    async fn permissions(&self, permission: &str, reason: Reason) {
        let request = guildhall_types::roles::UpdateRole {
            name: None,
            permissions: Some(vec![permission.to_owned()]),
        };
        let (id, role, command) = (self.id, self.role, UpdateRole::check(&request).unwrap());
        let update = move |tx: &WriteTx<'_>| roles::update(tx, id, role, &IfMatch::Any, &command);
        self.after(update, reason).await;
    }

    async fn disabled(&self, disabled: bool, reason: Reason) {
        let form = UserForm {
            disabled: Some(disabled.to_string()),
            ..UserForm::default()
        };
        let (user, command) = (self.user, UpdateUser::check(form).unwrap());
        let update = move |tx: &WriteTx<'_>| users::update(tx, user, &IfMatch::Any, &command);
        self.after(update, reason).await;
    }

    async fn suspended(&self, suspended: bool, reason: Reason) {
        let form = OrganizationForm {
            suspended: Some(suspended.to_string()),
            ..OrganizationForm::default()
        };
        let (id, command) = (self.id, UpdateOrganization::check(form).unwrap());
        let update = move |tx: &WriteTx<'_>| organizations::update(tx, id, &IfMatch::Any, &command);
        self.after(update, reason).await;
    }

    async fn update(&self, request: wire::UpdateMember, reason: Reason) {
        let (id, member) = (self.id, self.member);
        let command = UpdateMember::check(request).unwrap();
        let update =
            move |tx: &WriteTx<'_>| members::update(tx, id, member, &IfMatch::Any, &command);
        self.after(update, reason).await;
    }

    async fn assign(&self, request: AssignRole, reason: Reason) {
        let (id, member, role) = (self.id, self.member, self.role);
        let assign = move |tx: &WriteTx<'_>| {
            members::assign_role(tx, id, member, role, request, &IfMatch::Any)
        };
        self.after(assign, reason).await;
    }
}

#[tokio::test]
async fn every_change_is_known_at_once() {
    let acme = Acme::new().await;
    acme.permissions("invoices:write", Reason::MissingPermission)
        .await;
    acme.permissions("invoices:*", Reason::Granted).await;
    acme.disabled(true, Reason::UserDisabled).await;
    acme.disabled(false, Reason::Granted).await;
    acme.suspended(true, Reason::OrganizationSuspended).await;
    acme.suspended(false, Reason::Granted).await;
    for (suspended, reason) in [
        (true, Reason::MembershipSuspended),
        (false, Reason::Granted),
    ] {
        let request = wire::UpdateMember {
            suspended: Some(suspended),
            ..wire::UpdateMember::default()
        };
        acme.update(request, reason).await;
    }
    let (id, member, role) = (acme.id, acme.member, acme.role);
    let unassign =
        move |tx: &WriteTx<'_>| members::unassign_role(tx, id, member, role, &IfMatch::Any);
    acme.after(unassign, Reason::MissingPermission).await;
    acme.assign(AssignRole::default(), Reason::Granted).await;
    let delete = move |tx: &WriteTx<'_>| roles::delete(tx, id, role, &IfMatch::Any);
    acme.after(delete, Reason::MissingPermission).await;
    let remove = move |tx: &WriteTx<'_>| members::remove(tx, id, member, &IfMatch::Any);
    acme.after(remove, Reason::NotAMember).await;
    acme.world
        .change(move |tx| organizations::delete(tx, id, &IfMatch::Any))
        .await
        .unwrap();
    let reason = acme.world.ask(id, acme.user).await;
    assert_eq!(reason, Reason::OrganizationNotFound);
}

#[tokio::test]
async fn what_ends_ends_without_a_change_and_is_swept_with_one() {
    let acme = Acme::new().await;
    let hour = acme.world.guildhall.now().plus_seconds(3_600);
    let request = AssignRole {
        expires_at: Some(hour),
    };
    acme.assign(request, Reason::Granted).await;
    let request = wire::UpdateMember {
        expires_at: Patch::Set(hour.plus_seconds(3_600)),
        ..wire::UpdateMember::default()
    };
    acme.update(request, Reason::Granted).await;
    acme.world.clock.advance_seconds(3_600);
    acme.says(Reason::MissingPermission).await;
    assert_eq!(sweep::sweep(&acme.world.guildhall).await.unwrap(), 1);
    acme.says(Reason::MissingPermission).await;
    acme.world.clock.advance_seconds(3_600);
    acme.says(Reason::MembershipExpired).await;
    assert_eq!(sweep::sweep(&acme.world.guildhall).await.unwrap(), 1);
    acme.says(Reason::NotAMember).await;
}

#[tokio::test]
async fn a_user_that_is_deleted_is_out_everywhere() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let mut organizations = Vec::new();
    for name in ["Acme", "Globex", "Initech"] {
        let organization = world.organization(name).await.id;
        let role = world.role(organization, "Reader").await.unwrap().id;
        world.member(organization, user, &[role]).await.unwrap();
        assert_eq!(world.ask(organization, user).await, Reason::Granted);
        organizations.push(organization);
    }
    world
        .change(move |tx| users::delete(tx, user, &IfMatch::Any))
        .await
        .unwrap();
    for organization in organizations {
        assert_eq!(world.ask(organization, user).await, Reason::NotAMember);
    }
    assert_eq!(world.loads(), 3);
}

#[tokio::test]
async fn the_roles_of_the_deployment_count_in_every_organization() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let organization = world.organization("Acme").await.id;
    // The default role of new members.
    world.member(organization, user, &[]).await.unwrap();
    let held = world.moment(organization, Freshness::default()).await;
    let demand = Demand::All(&["organization:member"]);
    assert_eq!(held.check(user, &demand).reason(), Reason::Granted);
    let other = world.deployment("other").await;
    let foreign = world.guildhall.access(other);
    let checked = foreign
        .check(organization, user, &demand, Freshness::default())
        .await
        .unwrap();
    assert_eq!(checked.decision.reason(), Reason::OrganizationNotFound);
    assert_eq!(checked.revision, None);
}

#[tokio::test]
async fn a_command_that_is_taken_back_is_no_news() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let organization = world.organization("Acme").await.id;
    let role = world.role(organization, "Reader").await.unwrap().id;
    let member = world.member(organization, user, &[role]).await.unwrap().id;
    assert_eq!(world.ask(organization, user).await, Reason::Granted);
    let refused = world
        .change::<()>(move |tx| {
            let _recorded = members::remove(tx, organization, member, &IfMatch::Any)?;
            Err(Refusal::plain(ErrorCode::SeatLimitReached))
        })
        .await;
    assert!(refused.is_err());
    let panicked = world
        .change::<()>(move |tx| {
            let _recorded = members::remove(tx, organization, member, &IfMatch::Any)?;
            panic!("on purpose")
        })
        .await;
    assert!(panicked.is_err());
    let request = "dry".to_owned();
    let rehearsed = world
        .guildhall
        .rehearse(world.deployment, request, move |tx| {
            members::remove(tx, organization, member, &IfMatch::Any)
        })
        .await;
    assert!(rehearsed.is_ok());
    assert_eq!(world.ask(organization, user).await, Reason::Granted);
}

#[tokio::test]
async fn at_least_waits_for_nothing_and_refuses_what_is_not_there() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let organization = world.organization("Acme").await.id;
    let at_least = |stream, number| Freshness {
        consistency: Consistency::Cached,
        at_least: Some(Revision { stream, number }),
    };
    let deployment = world.deployment.id().raw();
    for (stream, number, code) in [
        (organization.raw(), 1, None),
        (organization.raw(), 2, Some(ErrorCode::RevisionNotReached)),
        (deployment, 2, None),
        (deployment, 3, Some(ErrorCode::RevisionNotReached)),
        (user.raw(), 1, Some(ErrorCode::InvalidRequest)),
    ] {
        for consistency in [Consistency::Cached, Consistency::Full] {
            let freshness = Freshness {
                consistency,
                ..at_least(stream, number)
            };
            let checked = world.checked(organization, user, freshness).await;
            let refusal = checked.err().and_then(|refusal| refusal.code());
            assert_eq!(refusal, code, "{stream}@{number} {consistency:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_ask_first_load_once() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let organization = world.organization("Acme").await.id;
    for size in [10, 1_500] {
        for _ in 0..size {
            let user = world.user("Bob").await.id;
            world.member(organization, user, &[]).await.unwrap();
        }
        let before = world.looks();
        // Another process writes: everything is read again, or looked up in the ledger.
        world.stranger().await;
        let asks = (0..64).map(|_| {
            let access = world.guildhall.access(world.deployment);
            tokio::spawn(async move {
                access
                    .check(organization, user, &READ, Freshness::default())
                    .await
            })
        });
        let asks: Vec<_> = asks.collect();
        for ask in asks {
            ask.await.unwrap().unwrap();
        }
        // Nobody waited for the large one but this.
        world.moment(organization, Freshness::default()).await;
        assert_eq!(world.looks() - before, 1, "{size}");
    }
}

impl World {
    /// Another process writes to the database, and the server has half a second to notice.
    async fn stranger(&self) {
        let stranger = self.second();
        guildhall_core::deployments::create(&stranger, &format!("d{}", self.loads()))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
    }

    pub(crate) fn second(&self) -> Guildhall {
        Guildhall::open(Settings {
            source: self.place.source(),
            slot: Slot::CommandLine,
            public_url: String::new(),
            access_cache_bytes: guildhall_core::ACCESS_CACHE_BYTES,
            clock: self.clock.clone(),
            rng: std::sync::Arc::new(SystemRng),
            fatal: |error| panic!("the disk failed: {error}"),
        })
        .unwrap()
    }
}

#[tokio::test]
async fn what_another_process_changes_is_known_within_half_a_second() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let organization = world.organization("Acme").await.id;
    let role = world.role(organization, "Reader").await.unwrap().id;
    let member = world.member(organization, user, &[role]).await.unwrap().id;
    assert_eq!(world.ask(organization, user).await, Reason::Granted);
    let stranger = world.second();
    let remove = |id| {
        let request = guildhall_core::ChangeRequest {
            request_id: "stranger".to_owned(),
            idempotency: None,
        };
        stranger.write(world.deployment, request, move |tx| {
            members::remove(tx, organization, id, &IfMatch::Any)
        })
    };
    let revision = remove(member).await.unwrap().revision;
    // With its revision in hand at once, without it soon.
    let freshness = Freshness {
        consistency: Consistency::Cached,
        at_least: Some(revision),
    };
    let checked = world.checked(organization, user, freshness).await.unwrap();
    assert_eq!(checked.decision.reason(), Reason::NotAMember);

    let member = world.member(organization, user, &[role]).await.unwrap().id;
    assert_eq!(world.ask(organization, user).await, Reason::Granted);
    remove(member).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(world.ask(organization, user).await, Reason::NotAMember);
}

#[tokio::test]
async fn the_server_s_own_commits_and_checkpoints_drop_nothing() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let organization = world.organization("Acme").await.id;
    world.member(organization, user, &[]).await.unwrap();
    assert_eq!(
        world.ask(organization, user).await,
        Reason::MissingPermission
    );
    // Each is in the log twice, as a row and in the ledger: a hundred megabytes of a log that never is so long, because
    // it is moved back meanwhile.
    let form = || UserForm {
        first_name: Some("Bob".to_owned()),
        public_metadata: Some(format!("{{\"x\":\"{}\"}}", "x".repeat(60_000))),
        ..UserForm::default()
    };
    for _ in 0..850 {
        let command = users::CreateUser::check(form()).unwrap();
        world
            .change(move |tx| users::create(tx, &command))
            .await
            .unwrap();
    }
    assert!(world.guildhall.stats().log_bytes < 80_000_000);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let loads = world.loads();
    world.user("Bob").await;
    assert_eq!(
        world.ask(organization, user).await,
        Reason::MissingPermission
    );
    assert_eq!(world.loads(), loads);
}

/// Everything about an organization that decides.
fn picture(held: &Held) -> String {
    let moment = held.moment().unwrap();
    let roles: Vec<_> = moment.organization.roles().collect();
    let deployment: Vec<_> = moment.deployment.roles().collect();
    let mut members: Vec<_> = moment.organization.members_after(None).collect();
    for member in &mut members {
        // A role that is gone stays with its members until they change, and gives nothing.
        member.roles.retain(|held| {
            let mut all = roles.iter().chain(&deployment);
            all.any(|role| role.id == held.role_id)
        });
    }
    format!(
        "{} {} {members:?} {roles:?} {deployment:?}",
        moment.organization.revision(),
        moment.organization.suspended(),
    )
}

#[tokio::test]
async fn folding_every_change_gives_what_the_tables_say() {
    let world = World::new().await;
    let organization = world.organization("Acme").await.id;
    world.moment(organization, Freshness::default()).await;
    let (mut roles, mut users): (Vec<RoleId>, Vec<UserId>) = (Vec::new(), Vec::new());
    let mut seed: u64 = 0x2545_f491_4f6c_dd1d;
    let mut dice = move |sides: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % sides as u64).unwrap()
    };
    for step in 0..400 {
        match dice(8) {
            0 => {
                let role = world.role(organization, &format!("Role {step}")).await;
                roles.push(role.unwrap().id);
            }
            1 if roles.len() > 3 => {
                let role = roles.swap_remove(dice(roles.len()));
                world
                    .change(move |tx| roles::delete(tx, organization, role, &IfMatch::Any))
                    .await
                    .unwrap();
            }
            2 if users.len() > 3 => {
                let user = users.swap_remove(dice(users.len()));
                world
                    .change(move |tx| users::delete(tx, user, &IfMatch::Any))
                    .await
                    .unwrap();
            }
            3 if !users.is_empty() && !roles.is_empty() => {
                let user = users[dice(users.len())];
                let held = world.moment(organization, FULL).await;
                let member = held
                    .moment()
                    .unwrap()
                    .organization
                    .membership(user)
                    .unwrap();
                let request = wire::UpdateMember {
                    role_ids: Some(vec![roles[dice(roles.len())], roles[dice(roles.len())]]),
                    ..wire::UpdateMember::default()
                };
                let command = UpdateMember::check(request).unwrap();
                let id = member.member_id;
                world
                    .change(move |tx| {
                        members::update(tx, organization, id, &IfMatch::Any, &command)
                    })
                    .await
                    .unwrap();
            }
            _ => {
                let user = world.user("Bob").await.id;
                let held: Vec<RoleId> = roles.iter().copied().take(dice(4)).collect();
                world.member(organization, user, &held).await.unwrap();
                users.push(user);
            }
        }
        let cached = world.moment(organization, Freshness::default()).await;
        let full = world.moment(organization, FULL).await;
        assert_eq!(picture(&cached), picture(&full), "step {step}");
    }
    assert_eq!(world.loads(), 1);
}
