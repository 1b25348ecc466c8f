//! Who belongs where, and how it is written: the content of a data set.

use guildhall_core::members::{self, AddMember};
use guildhall_core::organizations::{self, CreateOrganization, OrganizationForm};
use guildhall_core::roles::{self, CreateRole};
use guildhall_core::users::{self, CreateUser, UserForm};
use guildhall_core::{ChangeRequest, Deployment, Guildhall, Recorded, Refusal, WriteTx};
use guildhall_types::ids::{OrganizationId, RoleId, UserId};
use guildhall_types::members as wire;
use guildhall_types::{IfMatch, JsonObject};
use serde::Serialize;

use crate::data_set::{Plan, Sampled};
use crate::failure::{Failure, Outcome};
use crate::names;
use crate::random::Random;

/// Members that one command adds at most, so that no command holds the writer for long.
const MEMBERS_A_COMMAND: usize = 500;

/// The few organizations with very many members, and from which size of data set on there are any.
const LARGE_COUNT: u64 = 5;
pub(crate) const LARGE_MEMBERS: u64 = 10_000;
const LARGE_FROM: u64 = 100_000;

/// The one after all others, which is made where there are as many users.
pub(crate) const LARGEST_MEMBERS: u64 = 100_000;

/// What a number is drawn for; see [`Random::of`].
const USER: u64 = 1;
const ORGANIZATION: u64 = 2;

/// Carries out changes as the operator.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) guildhall: Guildhall,
    pub(crate) deployment: Deployment,
}

impl Writer {
    async fn change<T: Serialize + Send + 'static>(
        &self,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) -> Outcome<T> {
        let request = ChangeRequest {
            request_id: "seed".to_owned(),
            idempotency: None,
        };
        let written = self
            .guildhall
            .write(self.deployment, request, command)
            .await?;
        written
            .fresh()
            .ok_or_else(|| Failure::new("a change without a key was replayed"))
    }

    pub(crate) async fn user(&self, index: u64) -> Outcome<UserId> {
        let mut random = Random::of(USER, index);
        let (first_name, last_name) = names::person(&mut random);
        let brand = names::brand(index);
        let form = UserForm {
            first_name: Some(first_name.to_owned()),
            last_name: Some(last_name.to_owned()),
            email_address: Some(format!(
                "{brand}@{}",
                random.word(&["example.com", "example.org", "example.net"])
            )),
            username: random.chance(50).then(|| brand.clone()),
            external_id: random.chance(25).then(|| format!("hr-{index}")),
            ..UserForm::default()
        };
        let command = CreateUser::check(form)?;
        Ok(self.change(move |tx| users::create(tx, &command)).await?.id)
    }

    async fn organization(&self, index: u64, random: &mut Random) -> Outcome<OrganizationId> {
        let plan = random.word(&["free", "team", "pro", "enterprise"]);
        let form = OrganizationForm {
            name: Some(names::organization(index, random)),
            description: random.chance(50).then(|| names::description(random)),
            public_metadata: Some(format!(
                "{{\"plan\":\"{plan}\",\"seats\":{}}}",
                random.between(1, 500)
            )),
            private_metadata: random
                .chance(50)
                .then(|| format!("{{\"crm_id\":\"{:016x}\"}}", random.next())),
            slug: random.chance(50).then(|| names::brand(index)),
            ..OrganizationForm::default()
        };
        let command = CreateOrganization::check(form)?;
        Ok(self
            .change(move |tx| organizations::create(tx, &command))
            .await?
            .id)
    }

    async fn role(&self, organization: OrganizationId, name: &str) -> Outcome<RoleId> {
        let permissions = ["invoices:read", "invoices:pay", "projects:manage"]
            .map(str::to_owned)
            .into();
        let request = guildhall_types::roles::CreateRole {
            name: name.to_owned(),
            permissions,
        };
        let command = CreateRole::check(&request)?;
        Ok(self
            .change(move |tx| roles::create(tx, organization, &IfMatch::Any, &command))
            .await?
            .id)
    }

    async fn members(&self, organization: OrganizationId, commands: Vec<AddMember>) -> Outcome {
        let added = self.change(move |tx| {
            let mut last = None;
            for command in &commands {
                last = Some(members::add(tx, organization, &IfMatch::Any, command)?);
            }
            last.ok_or_else(|| Refusal::internal("there are no members to add"))
        });
        added.await.map(drop)
    }
}

/// Who belongs where.
#[derive(Debug)]
pub(crate) struct Landscape {
    pub(crate) plan: Plan,
    /// Who can be a member.
    pub(crate) users: Vec<UserId>,
    pub(crate) admin: RoleId,
}

impl Landscape {
    /// Makes one organization with its roles and members.
    pub(crate) async fn settle(&self, writer: &Writer, index: u64) -> Outcome<Sampled> {
        let mut random = Random::of(ORGANIZATION, index);
        let id = writer.organization(index, &mut random).await?;
        let mut custom = Vec::new();
        for name in ["Billing", "Prüfer"] {
            if random.chance(12) {
                custom.push(writer.role(id, name).await?);
            }
        }
        let members = self.members(index, &custom, &mut random)?;
        let count = members.len() as u64;
        let mut members = members.into_iter().peekable();
        while members.peek().is_some() {
            writer
                .members(id, members.by_ref().take(MEMBERS_A_COMMAND).collect())
                .await?;
        }
        Ok(Sampled {
            id,
            index,
            members: count,
        })
    }

    /// Most organizations are small, a few are not.
    fn size(&self, index: u64, random: &mut Random) -> u64 {
        let organizations = self.plan.organizations;
        if index >= organizations {
            return LARGEST_MEMBERS;
        }
        let every = organizations / LARGE_COUNT;
        if organizations >= LARGE_FROM && index % every == every / 2 {
            return LARGE_MEMBERS;
        }
        // 70 % × 4.5 + 25 % × 14.5 + 5 % × 65 is 10.
        let size = match random.below(100) {
            0..70 => random.between(1, 8),
            70..95 => random.between(9, 20),
            _ => random.between(40, 90),
        };
        (size * self.plan.members_mean).div_ceil(10)
    }

    /// Neighbouring organizations share people, as those of one group or one town do.
    fn members(
        &self,
        index: u64,
        custom: &[RoleId],
        random: &mut Random,
    ) -> Outcome<Vec<AddMember>> {
        let pool = self.users.len() as u64;
        let count = self.size(index, random).min(pool);
        let first = index * pool / self.plan.organizations + random.below(pool / 50 + 50);
        let step = random.between(1, (pool / count.max(1)).clamp(1, 7));
        (0..count)
            .map(|number| {
                let place = usize::try_from((first + number * step) % pool).unwrap_or_default();
                let user = self
                    .users
                    .get(place)
                    .ok_or_else(|| Failure::new("there are no users"))?;
                let role_ids = match random.below(100) {
                    0..10 => Some(vec![self.admin]),
                    10..30 => random.choose(custom).map(|role| vec![role]),
                    _ => None,
                };
                let title = random.word(&["CFO", "Leitung", "Développeuse", "Bäckerin", "Ops"]);
                let public_metadata = random
                    .chance(20)
                    .then(|| JsonObject::trusted(format!("{{\"title\":\"{title}\"}}")));
                Ok(AddMember::check(wire::AddMember {
                    user_id: *user,
                    role_ids,
                    public_metadata,
                    expires_at: None,
                })?)
            })
            .collect()
    }
}
