//! A small server where everything has happened once, so that every table has rows and every action an entry.

use std::path::PathBuf;
use std::sync::Arc;

use guildhall_core::ambient::{Clock, ManualClock, SystemRng};
use guildhall_core::idempotency::Idempotency;
use guildhall_core::keys::{self, CreateKey};
use guildhall_core::members::{self, AddMember, UpdateMember};
use guildhall_core::organizations::{
    self, CreateOrganization, OrganizationForm, UpdateOrganization,
};
use guildhall_core::roles::{self, CreateRole, UpdateRole};
use guildhall_core::sweep;
use guildhall_core::users::{self, CreateUser, UpdateUser, UserForm};
use guildhall_core::verify::{Report, verify};
use guildhall_core::{
    ChangeRequest, DATABASE_FILE, Deployment, Guildhall, Recorded, Refusal, Settings, Slot, Source,
    WriteTx, deployments,
};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::keys::KeyScope;
use guildhall_types::members as wire;
use guildhall_types::{IfMatch, JsonObject, Patch};
use serde::Serialize;

pub(crate) struct World {
    pub(crate) guildhall: Guildhall,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) deployment: Deployment,
    pub(crate) acme: OrganizationId,
    /// An organization that is gone.
    pub(crate) gone: OrganizationId,
    clock: Arc<ManualClock>,
}

/// Opens the database of a directory.
pub(crate) fn open(path: PathBuf, clock: Arc<ManualClock>) -> Guildhall {
    open_at(Source::Sqlite(path), clock)
}

pub(crate) fn open_at(source: Source, clock: Arc<ManualClock>) -> Guildhall {
    Guildhall::open(Settings {
        source,
        slot: Slot::Server,
        public_url: "http://guildhall.test".to_owned(),
        access_cache_bytes: guildhall_core::ACCESS_CACHE_BYTES,
        clock: clock as Arc<dyn Clock>,
        rng: Arc::new(SystemRng),
        fatal: |error| panic!("the disk failed: {error}"),
    })
    .unwrap()
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::starting_at(
        "2026-05-03T12:00:00Z".parse().unwrap(),
    ))
}

/// Opens the database of a directory for a look at it.
pub(crate) fn opened(path: PathBuf) -> Guildhall {
    open(path, clock())
}

pub(crate) fn report(guildhall: &Guildhall) -> Report {
    verify(guildhall, |_| {}).unwrap()
}

impl World {
    /// An empty deployment.
    pub(crate) async fn empty() -> Self {
        let (clock, directory) = (clock(), tempfile::tempdir().unwrap());
        let guildhall = open(directory.path().join(DATABASE_FILE), Arc::clone(&clock));
        deployments::create(&guildhall, "default").await.unwrap();
        let deployment = deployments::operator(&guildhall, "default").await.unwrap();
        let nobody = OrganizationId::new(1).unwrap();
        Self {
            guildhall,
            directory,
            deployment,
            acme: nobody,
            gone: nobody,
            clock,
        }
    }

    /// A deployment where nothing ends by itself or is suspended.
    pub(crate) async fn steady() -> Self {
        let mut world = Self::empty().await;
        world.keys().await;
        let users = world.users().await;
        world.acme = world.organization("Acme", Some("acme"), true).await;
        world.members(world.acme, &users).await;
        world
    }

    /// A deployment where everything has happened, and another beside it.
    pub(crate) async fn eventful() -> Self {
        let mut world = Self::empty().await;
        deployments::set_seats(&world.guildhall, world.deployment, 50)
            .await
            .unwrap();
        world.keys().await;
        let users = world.users().await;
        world.acme = world
            .organization("Acme Ängström", Some("acme"), true)
            .await;
        let globex = world.organization("Globex", None, false).await;
        world.gone = world.organization("Initech", Some("initech"), true).await;
        world.rename(world.acme, "Acme & Söhne").await;
        world.members(world.acme, &users).await;
        world.members(globex, &users).await;
        world.members(world.gone, &users).await;
        let (gone, user) = (world.gone, users[4]);
        world.limits(world.acme, &users).await;
        world.suspensions(globex).await;
        world
            .change(move |tx| organizations::delete(tx, gone, &IfMatch::Any))
            .await;
        world
            .change(move |tx| users::delete(tx, user, &IfMatch::Any))
            .await;
        world.idempotent_organization("Hooli").await;
        world.another_deployment().await;
        world
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join(DATABASE_FILE)
    }

    pub(crate) fn report(&self) -> Report {
        report(&self.guildhall)
    }

    /// The same world in another place, where the time goes on.
    pub(crate) fn moved_to(self, source: Source) -> Self {
        let guildhall = open_at(source, Arc::clone(&self.clock));
        Self { guildhall, ..self }
    }

    /// Carries out a change, each a second after the one before.
    pub(crate) async fn change<T: Serialize + Send + 'static>(
        &self,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) -> T {
        self.clock.advance_seconds(1);
        let request = ChangeRequest {
            request_id: "test".to_owned(),
            idempotency: None,
        };
        self.guildhall
            .write(self.deployment, request, command)
            .await
            .unwrap()
            .fresh()
            .unwrap()
    }

    async fn keys(&self) {
        let mut ids = Vec::new();
        for name in ["one", "two", "three"] {
            let command = CreateKey::check(name, KeyScope::Full, None).unwrap();
            let (key, _) = keys::create(&self.guildhall, self.deployment, command)
                .await
                .unwrap();
            ids.push(key.id);
        }
        keys::revoke(&self.guildhall, self.deployment, ids[0])
            .await
            .unwrap();
        keys::rotate(&self.guildhall, self.deployment, ids[1])
            .await
            .unwrap();
    }

    async fn users(&self) -> Vec<UserId> {
        let mut ids = Vec::new();
        for (index, name) in ["Ava", "Björn", "Chloé", "Đorđe", "Eve"]
            .into_iter()
            .enumerate()
        {
            let form = UserForm {
                first_name: Some(name.to_owned()),
                last_name: Some("Stone".to_owned()),
                username: Some(format!("User{index}")),
                email_address: Some(format!("{index}.Stone@Example.com")),
                phone_number: Some(format!("+1555123456{index}")),
                external_id: Some(format!("u-{index}")),
                public_metadata: Some("{\"a\":1.50}".to_owned()),
                profile_image: (index < 2).then(|| png(index)),
                ..UserForm::default()
            };
            let command = CreateUser::check(form).unwrap();
            ids.push(self.change(move |tx| users::create(tx, &command)).await.id);
        }
        let form = UserForm {
            last_name: Some("Rock".to_owned()),
            ..UserForm::default()
        };
        let (command, ava) = (UpdateUser::check(form).unwrap(), ids[0]);
        self.change(move |tx| users::update(tx, ava, &IfMatch::Any, &command))
            .await;
        ids
    }

    pub(crate) async fn organization(
        &self,
        name: &str,
        slug: Option<&str>,
        image: bool,
    ) -> OrganizationId {
        let form = OrganizationForm {
            name: Some(name.to_owned()),
            slug: slug.map(str::to_owned),
            external_id: slug.map(|slug| format!("crm-{slug}")),
            private_metadata: Some("{\"plan\":\"x\"}".to_owned()),
            image: image.then(|| png(name.len())),
            ..OrganizationForm::default()
        };
        let command = CreateOrganization::check(form).unwrap();
        self.change(move |tx| organizations::create(tx, &command))
            .await
            .id
    }

    pub(crate) async fn rename(&self, organization: OrganizationId, name: &str) {
        let form = OrganizationForm {
            name: Some(name.to_owned()),
            ..OrganizationForm::default()
        };
        self.update(organization, form).await;
    }

    async fn update(&self, organization: OrganizationId, form: OrganizationForm) {
        let command = UpdateOrganization::check(form).unwrap();
        self.change(move |tx| organizations::update(tx, organization, &IfMatch::Any, &command))
            .await;
    }

    async fn role(&self, organization: OrganizationId, name: &str) -> RoleId {
        let request = guildhall_types::roles::CreateRole {
            name: name.to_owned(),
            permissions: vec!["invoices:read".to_owned(), "invoices:pay".to_owned()],
        };
        let command = CreateRole::check(&request).unwrap();
        self.change(move |tx| roles::create(tx, organization, &IfMatch::Any, &command))
            .await
            .id
    }

    pub(crate) async fn member(
        &self,
        organization: OrganizationId,
        user_id: UserId,
        role_ids: &[RoleId],
    ) -> MemberId {
        let role_ids = Some(role_ids.to_vec());
        let request = wire::AddMember {
            user_id,
            role_ids,
            public_metadata: None,
            expires_at: None,
        };
        let command = AddMember::check(request).unwrap();
        self.change(move |tx| members::add(tx, organization, &IfMatch::Any, &command))
            .await
            .id
    }

    /// Every command of members and roles, among them the deletion of a role that members hold.
    async fn members(&self, organization: OrganizationId, users: &[UserId]) {
        let owner = self.role(organization, "Owner").await;
        let doomed = self.role(organization, "Doomed").await;
        let kept = self.role(organization, "Kept").await;
        let first = self.member(organization, users[0], &[owner, doomed]).await;
        let second = self.member(organization, users[1], &[doomed, kept]).await;
        let third = self.member(organization, users[2], &[]).await;
        self.member(organization, users[4], &[owner]).await;
        let metadata = Some(JsonObject::parse("{\"desk\": 7.0}").unwrap());
        let request = wire::UpdateMember {
            public_metadata: metadata,
            ..wire::UpdateMember::default()
        };
        self.update_member(organization, first, request).await;
        for (name, permissions) in [
            (None, Some(vec!["invoices:read".to_owned()])),
            (Some("Boss".to_owned()), None),
        ] {
            let request = guildhall_types::roles::UpdateRole { name, permissions };
            let command = UpdateRole::check(&request).unwrap();
            self.change(move |tx| roles::update(tx, organization, owner, &IfMatch::Any, &command))
                .await;
        }
        self.change(move |tx| roles::delete(tx, organization, doomed, &IfMatch::Any))
            .await;
        self.change(move |tx| {
            members::assign_role(
                tx,
                organization,
                second,
                owner,
                wire::AssignRole::default(),
                &IfMatch::Any,
            )
        })
        .await;
        self.change(move |tx| {
            members::unassign_role(tx, organization, first, owner, &IfMatch::Any)
        })
        .await;
        self.change(move |tx| members::remove(tx, organization, third, &IfMatch::Any))
            .await;
    }

    /// Suspends an organization, ends that and suspends it again.
    async fn suspensions(&self, organization: OrganizationId) {
        for suspended in ["true", "false", "true"] {
            let form = OrganizationForm {
                suspended: Some(suspended.to_owned()),
                ..OrganizationForm::default()
            };
            self.update(organization, form).await;
        }
    }

    /// Everything of members that ends or rests.
    async fn limits(&self, organization: OrganizationId, users: &[UserId]) {
        let role = self.role(organization, "Auditor").await;
        let doomed = self.role(organization, "Doomed too").await;
        let member = self.member(organization, users[3], &[role]).await;
        for (role, seconds) in [(doomed, 3_600), (role, 7_200), (role, 60)] {
            self.assign_until(organization, member, role, seconds).await;
        }
        self.change(move |tx| roles::delete(tx, organization, doomed, &IfMatch::Any))
            .await;
        for suspended in [true, false, true] {
            let request = wire::UpdateMember {
                suspended: Some(suspended),
                ..wire::UpdateMember::default()
            };
            self.update_member(organization, member, request).await;
        }
        let contractor = self.member(organization, users[2], &[role]).await;
        let request = wire::UpdateMember {
            expires_at: Patch::Set(self.clock.now().plus_seconds(60)),
            ..wire::UpdateMember::default()
        };
        self.update_member(organization, contractor, request).await;
        self.clock.advance_seconds(120);
        assert_eq!(sweep::sweep(&self.guildhall).await.unwrap(), 2);
        // What is still to end.
        let contractor = self.member(organization, users[2], &[]).await;
        self.assign_until(organization, contractor, role, 3_600)
            .await;
        let request = wire::UpdateMember {
            expires_at: Patch::Set(self.clock.now().plus_seconds(3_600)),
            ..wire::UpdateMember::default()
        };
        self.update_member(organization, contractor, request).await;
    }

    async fn assign_until(
        &self,
        organization: OrganizationId,
        member: MemberId,
        role: RoleId,
        seconds: i64,
    ) {
        let request = wire::AssignRole {
            expires_at: Some(self.clock.now().plus_seconds(seconds)),
        };
        self.change(move |tx| {
            members::assign_role(tx, organization, member, role, request, &IfMatch::Any)
        })
        .await;
    }

    async fn update_member(
        &self,
        organization: OrganizationId,
        member: MemberId,
        request: wire::UpdateMember,
    ) {
        let command = UpdateMember::check(request).unwrap();
        self.change(move |tx| members::update(tx, organization, member, &IfMatch::Any, &command))
            .await;
    }

    async fn idempotent_organization(&self, name: &str) {
        let form = OrganizationForm {
            name: Some(name.to_owned()),
            ..OrganizationForm::default()
        };
        let command = CreateOrganization::check(form).unwrap();
        let idempotency = Some(Idempotency {
            key: "once".to_owned(),
            fingerprint: [7; 32],
        });
        let request = ChangeRequest {
            request_id: "test".to_owned(),
            idempotency,
        };
        self.guildhall
            .write(self.deployment, request, move |tx| {
                organizations::create(tx, &command)
            })
            .await
            .unwrap();
    }

    async fn another_deployment(&self) {
        deployments::create(&self.guildhall, "other").await.unwrap();
        let deployment = deployments::operator(&self.guildhall, "other")
            .await
            .unwrap();
        let form = OrganizationForm {
            name: Some("Acme".to_owned()),
            slug: Some("acme".to_owned()),
            ..OrganizationForm::default()
        };
        let command = CreateOrganization::check(form).unwrap();
        let request = ChangeRequest {
            request_id: "test".to_owned(),
            idempotency: None,
        };
        self.guildhall
            .write(deployment, request, move |tx| {
                organizations::create(tx, &command)
            })
            .await
            .unwrap();
    }
}

/// A small picture, another one for each number.
fn png(number: usize) -> Vec<u8> {
    let shade = u8::try_from(number % 256).unwrap();
    let picture = image::RgbImage::from_pixel(4, 4, image::Rgb([shade, 100, 200]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}
