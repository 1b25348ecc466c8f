//! Writes the landscape, by the same commands that the API has.

use std::collections::VecDeque;

use guildhall_core::members::{self, AddMember, UpdateMember};
use guildhall_core::organizations::{self, CreateOrganization, OrganizationForm};
use guildhall_core::roles::{self, CreateRole};
use guildhall_core::users::{self, CreateUser, UserForm};
use guildhall_core::{ChangeRequest, Deployment, Guildhall, Recorded, Refusal, WriteTx};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members::{AddMember as MemberRequest, UpdateMember as UpdateRequest};
use guildhall_types::roles::CreateRole as RoleRequest;
use guildhall_types::{IfMatch, JsonObject, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::logo;
use super::plan::{Member, Organization, Person, Plan, Role};
use crate::failure::Failure;
use crate::progress::Progress;

/// Commands under way at the same time: one commit takes as many as wait for it.
const AT_ONCE: usize = 32;

/// The deployment's own role for those who run an organization.
const ADMIN: &str = "Admin";

const DAY_SECONDS: i64 = 24 * 3_600;

/// Writes everything into an empty deployment.
pub(super) async fn write(
    guildhall: &Guildhall,
    deployment: Deployment,
    plan: &Plan,
) -> Result<(), Failure> {
    let inside = |one: &Organization| 1 + one.roles.len() + one.members.len();
    let steps = plan.people.len() + plan.organizations.iter().map(inside).sum::<usize>();
    let request_id = guildhall.command_request_id()?;
    let progress = Progress::new("seeding", u64::try_from(steps).unwrap_or_default());
    let seeder = Seeder {
        guildhall: guildhall.clone(),
        deployment,
        request_id,
        progress,
    };
    let people = seeder.people(&plan.people).await?;
    let admin = seeder.admin_role().await?;
    for (number, organization) in (1..).zip(&plan.organizations) {
        seeder
            .organization(number, organization, &people, admin)
            .await?;
    }
    Ok(())
}

struct Seeder {
    guildhall: Guildhall,
    deployment: Deployment,
    /// One for all, so that the ledger tells what the demo did.
    request_id: String,
    progress: Progress,
}

impl Seeder {
    async fn people(&self, people: &[Person]) -> Result<Vec<UserId>, Failure> {
        let mut written = Batch::new(&self.progress);
        for person in people {
            let command = CreateUser::check(user_form(person))?;
            let writing = self.write(move |tx| users::create(tx, &command));
            written.add(async { Ok(writing.await?.id) }).await?;
        }
        written.finish().await
    }

    async fn admin_role(&self) -> Result<Option<RoleId>, Failure> {
        let roles = self
            .guildhall
            .point(self.deployment, roles::list_of_deployment)
            .await?;
        Ok(roles
            .data
            .into_iter()
            .find(|found| found.role.name == ADMIN)
            .map(|found| found.role.id))
    }

    async fn organization(
        &self,
        number: u64,
        plan: &Organization,
        people: &[UserId],
        admin: Option<RoleId>,
    ) -> Result<(), Failure> {
        let command = CreateOrganization::check(organization_form(number, plan)?)?;
        let id = self
            .write(move |tx| organizations::create(tx, &command))
            .await?
            .id;
        self.progress.step();
        let roles = self.roles(id, &plan.roles).await?;
        let mut written = Batch::new(&self.progress);
        for member in &plan.members {
            let Some(user) = people.get(member.person) else {
                continue;
            };
            let now = self.guildhall.now();
            let command = AddMember::check(member_request(*user, member, &roles, admin, now)?)?;
            let writing = self.write(move |tx| members::add(tx, id, &IfMatch::Any, &command));
            let is_suspended = member.is_suspended;
            let added = async move { Ok((writing.await?.id, is_suspended)) };
            written.add(added).await?;
        }
        for (member, is_suspended) in written.finish().await? {
            if is_suspended {
                self.suspend(id, member).await?;
            }
        }
        Ok(())
    }

    async fn suspend(&self, organization: OrganizationId, member: MemberId) -> Result<(), Failure> {
        let command = UpdateMember::check(UpdateRequest {
            suspended: Some(true),
            ..UpdateRequest::default()
        })?;
        self.write(move |tx| members::update(tx, organization, member, &IfMatch::Any, &command))
            .await
            .map(drop)
    }

    async fn roles(&self, id: OrganizationId, plan: &[Role]) -> Result<Vec<RoleId>, Failure> {
        let mut written = Batch::new(&self.progress);
        for Role { name, permissions } in plan {
            let (name, permissions) = ((*name).to_owned(), permissions.clone());
            let command = CreateRole::check(&RoleRequest { name, permissions })?;
            let writing = self.write(move |tx| roles::create(tx, id, &IfMatch::Any, &command));
            written.add(async { Ok(writing.await?.id) }).await?;
        }
        written.finish().await
    }

    fn write<T: Serialize + Send + 'static>(
        &self,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) -> impl Future<Output = Result<T, Failure>> + Send + 'static {
        let (guildhall, deployment) = (self.guildhall.clone(), self.deployment);
        let request = ChangeRequest {
            request_id: self.request_id.clone(),
            idempotency: None,
        };
        async move {
            let written = guildhall.write(deployment, request, command).await?;
            let replayed = || Failure::Internal("a change without a key was replayed".to_owned());
            written.fresh().ok_or_else(replayed)
        }
    }
}

/// Writes under way, in their order, so that many share a commit.
struct Batch<'a, T> {
    under_way: VecDeque<JoinHandle<Result<T, Failure>>>,
    done: Vec<T>,
    progress: &'a Progress,
}

impl<'a, T: Send + 'static> Batch<'a, T> {
    fn new(progress: &'a Progress) -> Self {
        Self {
            under_way: VecDeque::new(),
            done: Vec::new(),
            progress,
        }
    }

    /// Starts a write, when there is room for it.
    async fn add(
        &mut self,
        write: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<(), Failure> {
        if self.under_way.len() >= AT_ONCE {
            self.settle_one().await?;
        }
        self.under_way.push_back(tokio::spawn(write));
        Ok(())
    }

    /// Waits for all; the answers are in the order of the writes.
    async fn finish(mut self) -> Result<Vec<T>, Failure> {
        while !self.under_way.is_empty() {
            self.settle_one().await?;
        }
        Ok(self.done)
    }

    async fn settle_one(&mut self) -> Result<(), Failure> {
        let Some(write) = self.under_way.pop_front() else {
            return Ok(());
        };
        self.done
            .push(write.await.map_err(|error| Failure::internal(&error))??);
        self.progress.step();
        Ok(())
    }
}

fn user_form(person: &Person) -> UserForm {
    let profile = json!({ "locale": person.locale, "time_zone": person.time_zone });
    UserForm {
        first_name: Some(person.first_name.clone()),
        last_name: Some(person.last_name.clone()),
        email_address: Some(person.email.clone()),
        phone_number: person.phone.clone(),
        username: Some(person.username.clone()),
        external_id: Some(person.external_id.clone()),
        public_metadata: Some(profile.to_string()),
        ..UserForm::default()
    }
}

fn organization_form(number: u64, plan: &Organization) -> Result<OrganizationForm, Failure> {
    let company = plan.company;
    let public = json!({
        "country": company.culture.country,
        "industry": company.industry.name,
        "plan": company.plan,
    });
    let private = json!({ "crm": { "account": format!("A-{:05}", 10_000 + number * 7) } });
    Ok(OrganizationForm {
        name: Some(company.name.to_owned()),
        slug: Some(company.slug.to_owned()),
        description: Some(company.description.to_owned()),
        external_id: Some(format!("company-{number:04}")),
        public_metadata: Some(public.to_string()),
        private_metadata: Some(private.to_string()),
        image: Some(logo::png(number)?),
        ..OrganizationForm::default()
    })
}

fn member_request(
    user_id: UserId,
    member: &Member,
    roles: &[RoleId],
    admin: Option<RoleId>,
    now: Timestamp,
) -> Result<MemberRequest, Failure> {
    let custom = member
        .roles
        .iter()
        .filter_map(|place| roles.get(*place).copied());
    let role_ids = custom.chain(admin.filter(|_| member.is_admin)).collect();
    Ok(MemberRequest {
        user_id,
        role_ids: Some(role_ids),
        public_metadata: Some(metadata(&json!({ "title": member.title }))?),
        expires_at: member
            .days_left
            .map(|days| now.plus_seconds(days * DAY_SECONDS)),
    })
}

fn metadata(value: &Value) -> Result<JsonObject, Failure> {
    JsonObject::parse(&value.to_string()).map_err(|error| Failure::internal(&error))
}
