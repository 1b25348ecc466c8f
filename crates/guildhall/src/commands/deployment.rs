//! `guildhall deployment`: the tenants of the server.

use guildhall_core::deployments;

use super::wait;
use crate::cli::DeploymentVerb;
use crate::config::Place;
use crate::failure::Failure;
use crate::store::Store;
use crate::table::{minute, table};
use crate::{output, welcome};

pub(super) fn run(verb: DeploymentVerb) -> Result<(), Failure> {
    match verb {
        DeploymentVerb::Create { name, place } => create(&name, place),
        DeploymentVerb::Update {
            name,
            max_members,
            place,
        } => update(&name, max_members, place),
        DeploymentVerb::List { json, place } => list(json, place),
    }
}

fn create(name: &str, place: Place) -> Result<(), Failure> {
    let store = Store::configured(place)?;
    let opened = store.open_to_change()?;
    let made = wait(async { Ok(deployments::create(&opened.guildhall, name).await?) })?;
    let program = welcome::program();
    let flag = store.flag();
    output::print(&format!(
        "made the deployment `{name}` with the id {id}\n\
         get a key with `{program} key create --deployment {name} {flag}`\n",
        id = made.id,
    ))
}

fn update(name: &str, max_members: u32, place: Place) -> Result<(), Failure> {
    let opened = Store::configured(place)?.open_to_change()?;
    let guildhall = &opened.guildhall;
    wait(async {
        let deployment = deployments::operator(guildhall, name).await?;
        Ok(deployments::set_seats(guildhall, deployment, max_members).await?)
    })?;
    output::print(&match max_members {
        0 => format!("organizations of `{name}` may have any number of members\n"),
        seats => format!("organizations of `{name}` may have at most {seats} members\n"),
    })
}

fn list(json: bool, place: Place) -> Result<(), Failure> {
    let guildhall = Store::configured(place)?.open_to_read()?;
    let deployments = wait(async { Ok(deployments::list(&guildhall).await?) })?;
    if json {
        return output::json(&deployments);
    }
    let rows = deployments.into_iter().map(|deployment| {
        [
            deployment.id.to_string(),
            deployment.name,
            seats(deployment.max_allowed_org_members),
            minute(deployment.created_at),
        ]
    });
    output::print(&table(["ID", "NAME", "MEMBERS MAX", "CREATED (UTC)"], rows))
}

/// The cap as a person reads it.
fn seats(seats_max: i64) -> String {
    if seats_max == 0 {
        "no cap".to_owned()
    } else {
        seats_max.to_string()
    }
}
