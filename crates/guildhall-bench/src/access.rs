//! What is asked about access: questions about a bounded number of organizations, whose snapshots stay in memory.

use guildhall_types::ids::{OrganizationId, UserId};
use serde_json::Value;

use crate::data_set::Description;
use crate::failure::{Failure, Outcome};
use crate::random::Random;
use crate::scenarios::{Ask, Client, choice, refuse};

pub(crate) const CHECK: &str = "/access/check";
pub(crate) const CHECK_BATCH: &str = "/access/check-batch";

/// Organizations that are asked about: as many in each data set, so that the data sets differ in nothing else.
const ORGANIZATIONS: usize = 1_000;

/// Larger ones are left out: a page has all members of those that are left.
const MEMBERS_MAX: u64 = 100;

/// A batch that stays in one organization asks about one that has at least so many.
const BATCH_MEMBERS_MIN: usize = 40;

/// Different requests of a scenario.
const CHECKS: u64 = 16_384;
const BATCHES: u64 = 256;

/// Checks of a batch.
pub(crate) const BATCH: usize = 100;

/// Of so many questions in a hundred the user is no member.
const STRANGERS_PERCENT: u64 = 10;

/// Of allowed and of denied answers there are at least so many in a hundred, so that both are measured.
const EACH_PERCENT_MIN: usize = 15;

/// Every member has the first or the second; some have the others, by roles that the organization defined; nobody has the
/// last.
const PERMISSIONS: [&str; 6] = [
    "organization:member",
    "organization:member",
    "organization:admin",
    "invoices:read",
    "projects:manage",
    "projects:archive",
];

/// One organization with all of its members.
struct Populated {
    organization: OrganizationId,
    users: Vec<UserId>,
}

/// One check, as a body has it.
pub(crate) fn check(organization: OrganizationId, user: UserId, permission: &str) -> String {
    format!(
        "{{\"user_id\":\"{user}\",\"organization_id\":\"{organization}\",\"permission\":\"{permission}\"}}"
    )
}

/// Random users in random organizations, one to a request.
pub(crate) async fn checks(description: &Description, client: &mut Client) -> Outcome<Vec<Ask>> {
    let populated = populated(description, client).await?;
    let ask = |index| {
        let mut random = choice(index);
        let body = question(&populated, description, &mut random)?;
        Ok(Ask::question(CHECK, body))
    };
    (0..CHECKS).map(ask).collect()
}

/// Random users, [`BATCH`] to a request: in one organization, or each in one of all.
pub(crate) async fn batches(
    description: &Description,
    client: &mut Client,
    in_one: bool,
) -> Outcome<Vec<Ask>> {
    let mut populated = populated(description, client).await?;
    if in_one {
        populated.retain(|it| it.users.len() >= BATCH_MEMBERS_MIN);
    }
    let count = populated.len() as u64;
    let batch = |index: u64| {
        let mut random = choice(index);
        let place = usize::try_from(index.checked_rem(count).unwrap_or_default());
        let one = place.ok().and_then(|place| populated.get(place..=place));
        let asked = one.filter(|_| in_one).unwrap_or(&populated);
        let checks: Vec<String> = (0..BATCH)
            .map(|_| question(asked, description, &mut random))
            .collect::<Outcome<_>>()?;
        let body = format!("{{\"checks\":[{}]}}", checks.join(","));
        Ok(Ask::question(CHECK_BATCH, body))
    };
    (0..BATCHES).map(batch).collect()
}

/// Refuses answers of which nearly all are alike.
pub(crate) fn mixed<'a>(answers: impl Iterator<Item = &'a str>) -> Outcome {
    let (mut allowed, mut denied) = (0, 0);
    for answer in answers {
        allowed += answer.matches("\"allowed\":true").count();
        denied += answer.matches("\"allowed\":false").count();
    }
    if allowed.min(denied) * 100 >= (allowed + denied) * EACH_PERCENT_MIN {
        return Ok(());
    }
    Err(Failure::new(format!(
        "of the checks {allowed} are allowed and {denied} denied, which measures only one of them"
    )))
}

/// Refuses an answer that is not to as many checks of organizations that exist.
pub(crate) fn expect(path: &str, status: u16, body: &[u8], checks: usize) -> Outcome {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let one = std::slice::from_ref(&answer);
    let decisions = answer
        .get("results")
        .map_or(Some(one), |results| results.as_array().map(Vec::as_slice))
        .unwrap_or_default();
    let exists = |decision: &Value| {
        decision.get("allowed").is_some_and(Value::is_boolean)
            && decision.get("revision").is_some_and(Value::is_string)
    };
    if status == 200 && decisions.len() == checks && decisions.iter().all(exists) {
        return Ok(());
    }
    Err(refuse(path, status, body))
}

fn question(
    populated: &[Populated],
    description: &Description,
    random: &mut Random,
) -> Outcome<String> {
    let place = usize::try_from(random.below(populated.len() as u64)).unwrap_or_default();
    let asked = populated.get(place);
    let users = if random.chance(STRANGERS_PERCENT) {
        Some(&description.strangers)
    } else {
        asked.map(|it| &it.users)
    };
    let user = users.and_then(|users| random.choose(users));
    let (Some(asked), Some(user)) = (asked, user) else {
        return Err(Failure::new("the data set has nobody to ask about"));
    };
    Ok(check(asked.organization, user, random.word(&PERMISSIONS)))
}

/// The organizations that are asked about, and who is in them.
async fn populated(description: &Description, client: &mut Client) -> Outcome<Vec<Populated>> {
    let mut sample = description.sample.clone();
    choice(0).shuffle(&mut sample);
    sample.retain(|it| (1..MEMBERS_MAX).contains(&it.members));
    let mut found = Vec::with_capacity(ORGANIZATIONS);
    for sampled in sample.iter().take(ORGANIZATIONS) {
        let organization = sampled.id;
        let path = format!("/organizations/{organization}/members?limit={MEMBERS_MAX}");
        let page = client.json(&client.get(&path)).await?;
        let members = page.get("data").and_then(Value::as_array);
        let users = members
            .into_iter()
            .flatten()
            .filter_map(|member| member.get("user_id")?.as_str()?.parse().ok())
            .collect();
        found.push(Populated {
            organization,
            users,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_types::ids::ID_MAX;

    const ALLOWED: &str = "{\"allowed\":true,\"reason\":\"granted\",\"revision\":\"1@2\"}";
    const NOWHERE: &str =
        "{\"allowed\":false,\"reason\":\"organization_not_found\",\"revision\":null}";

    #[test]
    fn an_answer_to_something_else_is_refused() {
        let expect = |status, body: &str, checks| expect(CHECK, status, body.as_bytes(), checks);
        let two = format!("{{\"results\":[{ALLOWED},{ALLOWED}]}}");
        assert!(expect(200, ALLOWED, 1).is_ok() && expect(200, &two, 2).is_ok());
        assert!(expect(200, &two, 1).is_err() && expect(200, ALLOWED, 2).is_err());
        assert!(expect(412, ALLOWED, 1).is_err() && expect(200, NOWHERE, 1).is_err());
    }

    #[test]
    fn answers_that_are_all_alike_are_refused() {
        assert!(mixed([ALLOWED, NOWHERE].into_iter()).is_ok());
        assert!(mixed([ALLOWED, ALLOWED].into_iter()).is_err());
    }

    #[test]
    fn no_check_is_longer_than_what_tells_it_from_others() {
        let longest = check(
            OrganizationId::new(ID_MAX).unwrap(),
            UserId::new(ID_MAX).unwrap(),
            "organization:member",
        );
        assert_eq!(crate::bare::beginning(longest.as_bytes()), longest);
    }
}
