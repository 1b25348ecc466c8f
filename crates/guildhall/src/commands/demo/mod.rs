//! `guildhall demo`: a believable company landscape, so that a newcomer has something to look at.
//!
//! [`plan`] thinks it up from [`companies`] and [`cultures`], always the same; [`seed`] writes it, by the commands that
//! the API has, with a [`logo`] for each company.

mod companies;
mod cultures;
mod dice;
mod industries;
mod logo;
mod plan;
mod seed;

use guildhall_core::deployments;
use guildhall_core::organizations::{self, OrganizationFilter, OrganizationSort};
use guildhall_core::users::{self, UserFilter, UserSort};
use guildhall_core::{Deployment, Guildhall, Order, PageLimits, PageRequest};

use super::wait;
use crate::cli::Demo;
use crate::config;
use crate::failure::Failure;
use crate::store::Store;
use crate::{output, welcome};
use plan::Plan;

pub(super) fn run(words: Demo) -> Result<(), Failure> {
    let url = config::likely_url(&words.place);
    let store = Store::configured(words.place)?;
    let opened = store.create_and_open_to_change()?;
    let name = &words.deployment;
    let plan = Plan::make();
    wait(async {
        let deployment = empty_deployment(&opened.guildhall, name).await?;
        seed::write(&opened.guildhall, deployment, &plan).await
    })?;
    output::print(&summary(&plan, name, &store, &url))
}

/// The deployment with this name, made if it is missing.
async fn empty_deployment(guildhall: &Guildhall, name: &str) -> Result<Deployment, Failure> {
    deployments::ensure(guildhall, name).await?;
    let deployment = deployments::operator(guildhall, name).await?;
    let limits = PageLimits { default: 1, max: 1 };
    let page = || PageRequest::new(limits, None, None, None, Order::Ascending);
    let (organizations, users) = (page()?, page()?);
    let is_empty = guildhall
        .list(deployment, move |tx| {
            let filter = OrganizationFilter::default();
            let sort = OrganizationSort::default();
            let organizations = organizations::list(tx, &filter, sort, &organizations)?;
            let users = users::list(tx, &UserFilter::default(), UserSort::default(), &users)?;
            Ok(organizations.data.is_empty() && users.data.is_empty())
        })
        .await?;
    if is_empty {
        return Ok(deployment);
    }
    Err(Failure::Refused(format!(
        "the deployment `{name}` holds organizations or users already, and the demo would mix with them; \
         look at it as it is, or fill another one with `--deployment NAME`"
    )))
}

fn summary(plan: &Plan, deployment: &str, store: &Store, url: &str) -> String {
    let program = welcome::program();
    let flag = store.flag();
    format!(
        "filled the deployment `{deployment}`: {organizations} organizations, {users} users, \
         {roles} roles, {members} memberships

try next
  start the server   {program} serve {flag}
  get a key          KEY=$({program} key create --deployment {deployment} {flag})
  largest first      curl --header \"authorization: Bearer $KEY\" '{url}/organizations?sort_key=member_count'
  find somebody      curl --header \"authorization: Bearer $KEY\" '{url}/users?search=yılmaz'
  check it all       {program} verify {flag}

",
        organizations = plan.organizations.len(),
        users = plan.people.len(),
        roles = plan.organizations.iter().map(|one| one.roles.len()).sum::<usize>(),
        members = plan.organizations.iter().map(|one| one.members.len()).sum::<usize>(),
    )
}
