//! One world as requests.

use std::collections::BTreeSet;

use guildhall_access::{Reason, matches};
use serde_json::{Value, json};

use super::{
    Asked, Sample, Tally,
    caller::{Caller, id},
    instant,
};
use crate::world::{Member, Question, ROLES, Role, USERS};

/// A world that the server was told: an organization, users, and their ids there.
#[derive(Debug)]
pub(super) struct Told<'a> {
    sample: &'a Sample,
    organization: String,
    /// From the first to the last.
    users: Vec<String>,
}

impl<'a> Told<'a> {
    /// Tells the world.
    pub(super) fn tell(caller: &mut Caller, sample: &'a Sample) -> Self {
        let organization = id(&caller.form("POST", "/organizations", "name", "Acme"));
        let mut user = || id(&caller.form("POST", "/users", "first_name", "Ava"));
        let users = (0..USERS).map(|_| user()).collect();
        let told = Self {
            sample,
            organization,
            users,
        };
        let world = &sample.world;
        if !sample.is_loaded {
            caller.post("/access/check", &told.check(&sample.asked[0].question));
        }
        let roles = told.tell_roles(caller);
        for member in &world.members {
            told.tell_member(caller, member, &roles);
        }
        // Roles that members hold and that do not exist, as the API makes them.
        let missing = (1..=ROLES).filter(|role| world.roles.iter().all(|there| there.id != *role));
        for role in missing {
            caller.delete(&told.path(&format!("/roles/{}", roles[place(role)])));
        }
        for user in &world.disabled {
            let path = format!("/users/{}", told.user(*user));
            caller.form("PATCH", &path, "disabled", "true");
        }
        if world.suspended {
            caller.form("PATCH", &told.path(""), "suspended", "true");
        }
        told
    }

    /// Asks what is asked at this time, once alone and once in a batch.
    pub(super) fn ask(&self, caller: &mut Caller, now: i64) -> Tally {
        let asked = self.sample.asked.iter();
        let asked: Vec<_> = asked.filter(|asked| asked.question.now == now).collect();
        let checks = asked.iter().map(|asked| self.check(&asked.question));
        let checks: Vec<_> = checks.collect();
        let batch = caller.post("/access/check-batch", &json!({ "checks": checks }));
        let results = batch["results"].as_array().unwrap();
        assert_eq!(results.len(), checks.len());
        let mut tally = Tally {
            checks: checks.len(),
            ..Tally::default()
        };
        for ((asked, check), batched) in asked.iter().zip(&checks).zip(results) {
            let alone = caller.post("/access/check", check);
            for (way, said) in [("check", &alone), ("check-batch", batched)] {
                let expected = asked.expected;
                let allowed = expected == Reason::Granted;
                if said["reason"] != expected.word() || said["allowed"] != allowed {
                    tally.disagree(way, || self.shown(asked, way, said));
                }
            }
            if let Some(holders) = &asked.holders {
                self.ask_lists(caller, asked, holders, &mut tally);
            }
        }
        tally
    }

    /// Creates the roles, and those that will be missing; answers all ids, from the first to the last.
    fn tell_roles(&self, caller: &mut Caller) -> Vec<String> {
        let deployments = caller.get("/settings/b2b/organization-roles");
        let deployments = deployments["data"].as_array().unwrap();
        let mut tell = |number| {
            let role = self
                .sample
                .world
                .roles
                .iter()
                .find(|role| role.id == number);
            if let Some(Role { texts, .. }) = role.filter(|role| role.is_deployment_level) {
                let same = |there: &&Value| there["permissions"] == json!(texts);
                return id(deployments.iter().find(same).unwrap());
            }
            let texts = role.map_or(json!(["*"]), |role| json!(role.texts));
            let body = json!({ "name": format!("role {number}"), "permissions": texts });
            id(&caller.post(&self.path("/roles"), &body))
        };
        (1..=ROLES).map(&mut tell).collect()
    }

    fn tell_member(&self, caller: &mut Caller, member: &Member, roles: &[String]) {
        let end = |end: Option<i64>| end.map(|end| instant(end).to_string());
        let held = member.roles.iter().map(|(role, _)| &roles[place(*role)]);
        let held: Vec<_> = held.collect();
        let body = json!({ "user_id": self.user(member.user), "role_ids": held, "expires_at": end(member.end) });
        let path = self.path("/members");
        let path = format!("{path}/{}", id(&caller.post(&path, &body)));
        if held.is_empty() {
            // Who is added without roles has the default one.
            caller.patch(&path, &json!({ "role_ids": [] }));
        }
        for (role, ends) in member.roles.iter().filter(|(_, ends)| ends.is_some()) {
            let role = &roles[place(*role)];
            let body = json!({ "expires_at": end(*ends) });
            caller.post(&format!("{path}/roles/{role}"), &body);
        }
        if member.suspended {
            caller.patch(&path, &json!({ "suspended": true }));
        }
    }

    /// Who else may, where else the user may, and what else.
    fn ask_lists(&self, caller: &mut Caller, asked: &Asked, holders: &[i64], tally: &mut Tally) {
        let question = &asked.question;
        let allowed = asked.expected == Reason::Granted;
        let (user, query) = (self.user(question.user), query(question));
        let who = self.path(&format!("/access/holders?{query}"));
        let who = texts(&caller.get(&who), "user_id");
        let expected = holders.iter().map(|user| self.user(*user).to_owned());
        let mut is_agreed = who == expected.collect();
        let whereabouts = format!("/users/{user}/access/organizations?{query}");
        let whereabouts = texts(&caller.get(&whereabouts), "organization_id");
        let expected = allowed.then(|| self.organization.clone());
        is_agreed &= whereabouts == expected.into_iter().collect();
        let what = self.path(&format!("/access/permissions?user_id={user}"));
        let what = texts(&caller.get(&what), "permission");
        is_agreed &=
            allowed == question.is_met(|asked| what.iter().any(|held| matches(held, asked)));
        let is_kept_out = !matches!(asked.expected, Reason::Granted | Reason::MissingPermission);
        is_agreed &= what.is_empty() || !is_kept_out;
        tally.lists += 3;
        if !is_agreed {
            let said = json!({ "who": who, "where": whereabouts, "what": what });
            tally.disagree("lists", || self.shown(asked, "the lists", &said));
        }
    }

    fn check(&self, question: &Question) -> Value {
        let permission = match question.permissions.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        json!({
            "organization_id": self.organization,
            "user_id": self.user(question.user),
            "permission": permission,
            "mode": mode(question),
        })
    }

    fn path(&self, rest: &str) -> String {
        format!("/organizations/{}{rest}", self.organization)
    }

    fn user(&self, user: i64) -> &str {
        &self.users[place(user)]
    }

    fn shown(&self, asked: &Asked, way: &str, said: &Value) -> String {
        let Sample { seed, world, .. } = self.sample;
        format!("seed {seed}: {asked:?}: over HTTP {way} said {said}\n{world:?}")
    }
}

/// Where the user or role of this number is in a list of them.
fn place(number: i64) -> usize {
    usize::try_from(number - 1).unwrap()
}

fn mode(question: &Question) -> &'static str {
    if question.is_all { "all" } else { "any" }
}

fn query(question: &Question) -> String {
    let mut query = format!("limit=100&mode={}", mode(question));
    for permission in &question.permissions {
        let bytes = permission.bytes().map(|byte| format!("%{byte:02X}"));
        query.extend(["&permission=".to_owned()].into_iter().chain(bytes));
    }
    query
}

/// One field of all items of a list.
fn texts(page: &Value, field: &str) -> BTreeSet<String> {
    let items = page["data"].as_array().unwrap().iter();
    let texts = items.map(|item| item[field].as_str().unwrap().to_owned());
    texts.collect()
}
