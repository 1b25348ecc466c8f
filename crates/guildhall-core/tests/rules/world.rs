//! A small world to try the rules in: a fresh database, a clock that stands still, an operator.

use std::sync::Arc;

use guildhall_core::ambient::{Clock, ManualClock, SystemRng};
use guildhall_core::members::{self, AddMember};
use guildhall_core::organizations::{self, CreateOrganization, OrganizationForm};
use guildhall_core::roles::{self, CreateRole};
use guildhall_core::users::{self, CreateUser, UserForm};
use guildhall_core::{
    ChangeRequest, Deployment, Guildhall, Order, PageLimits, PageRequest, Recorded, Refusal,
    Settings, Slot, WriteTx, Written, deployments,
};
use guildhall_testbed::Place;
use guildhall_types::IfMatch;
use guildhall_types::ids::{OrganizationId, RoleId, UserId};
use guildhall_types::members::OrganizationMember;
use guildhall_types::organizations::Organization;
use guildhall_types::roles::Role;
use guildhall_types::users::User;
use serde::Serialize;

/// A fresh server without doors, and its operator.
pub(crate) struct World {
    pub(crate) guildhall: Guildhall,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) deployment: Deployment,
    pub(crate) place: Place,
}

impl World {
    /// A world with the deployment `default`.
    pub(crate) async fn new() -> Self {
        Self::with_cache(guildhall_core::ACCESS_CACHE_BYTES).await
    }

    /// The same, with so much memory for snapshots.
    pub(crate) async fn with_cache(access_cache_bytes: usize) -> Self {
        let clock = ManualClock::starting_at("2026-05-03T12:00:00Z".parse().unwrap());
        let (clock, place) = (Arc::new(clock), Place::new().unwrap());
        let guildhall = Guildhall::open(Settings {
            source: place.source(),
            slot: Slot::Server,
            public_url: "http://guildhall.test".to_owned(),
            access_cache_bytes,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            rng: Arc::new(SystemRng),
            fatal: |error| panic!("the disk failed: {error}"),
        })
        .unwrap();
        deployments::create(&guildhall, "default").await.unwrap();
        let deployment = deployments::operator(&guildhall, "default").await.unwrap();
        Self {
            guildhall,
            clock,
            deployment,
            place,
        }
    }

    /// Another deployment of the same server.
    pub(crate) async fn deployment(&self, name: &str) -> Deployment {
        deployments::create(&self.guildhall, name).await.unwrap();
        deployments::operator(&self.guildhall, name).await.unwrap()
    }

    /// Carries out a change as the operator.
    pub(crate) async fn change<T: Serialize + Send + 'static>(
        &self,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.written(command)
            .await
            .map(|written| written.fresh().unwrap())
    }

    /// Carries out a change as the operator, and tells its revision.
    pub(crate) async fn written<T: Serialize + Send + 'static>(
        &self,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) -> Result<Written<T>, Refusal> {
        let request = ChangeRequest {
            request_id: "test".to_owned(),
            idempotency: None,
        };
        self.guildhall
            .write(self.deployment, request, command)
            .await
    }

    pub(crate) async fn organization(&self, name: &str) -> Organization {
        let form = OrganizationForm {
            name: Some(name.to_owned()),
            ..OrganizationForm::default()
        };
        let command = CreateOrganization::check(form).unwrap();
        self.change(move |tx| organizations::create(tx, &command))
            .await
            .unwrap()
    }

    pub(crate) async fn user(&self, first_name: &str) -> User {
        let form = UserForm {
            first_name: Some(first_name.to_owned()),
            ..UserForm::default()
        };
        let command = CreateUser::check(form).unwrap();
        self.change(move |tx| users::create(tx, &command))
            .await
            .unwrap()
    }

    pub(crate) async fn role(
        &self,
        organization: OrganizationId,
        name: &str,
    ) -> Result<Role, Refusal> {
        let request = guildhall_types::roles::CreateRole {
            name: name.to_owned(),
            permissions: vec!["invoices:read".to_owned()],
        };
        let command = CreateRole::check(&request)?;
        self.change(move |tx| roles::create(tx, organization, &IfMatch::Any, &command))
            .await
    }

    pub(crate) async fn member(
        &self,
        organization: OrganizationId,
        user_id: UserId,
        role_ids: &[RoleId],
    ) -> Result<OrganizationMember, Refusal> {
        let request = guildhall_types::members::AddMember {
            user_id,
            role_ids: Some(role_ids.to_vec()),
            public_metadata: None,
            expires_at: None,
        };
        let command = AddMember::check(request)?;
        self.change(move |tx| members::add(tx, organization, &IfMatch::Any, &command))
            .await
    }
}

/// The first page, of up to 100 items.
pub(crate) fn page(order: Order) -> PageRequest {
    let limits = PageLimits {
        default: 100,
        max: 100,
    };
    PageRequest::new(limits, None, None, None, order).unwrap()
}

/// A page of `limit` items after `cursor`.
pub(crate) fn page_after(limit: i64, cursor: Option<String>, order: Order) -> PageRequest {
    let limits = PageLimits {
        default: 100,
        max: 100,
    };
    PageRequest::new(limits, Some(limit), None, cursor, order).unwrap()
}
