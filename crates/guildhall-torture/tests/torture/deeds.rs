//! Changes whose effects can be counted, each in an organization of its own.

use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Call, Client, Id, Reply, id};
use crate::operations::text;
use crate::world;

/// The sorts of changes: every method, every noun, with and without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    CreateOrganization,
    CreateUser,
    CreateRole,
    AddMember,
    AssignRole,
    Describe,
    UpdateRole,
    DeleteRole,
    RemoveMember,
    DeleteUser,
    DeleteOrganization,
}

impl Sort {
    pub(crate) const ALL: [Self; 11] = [
        Self::CreateOrganization,
        Self::CreateUser,
        Self::CreateRole,
        Self::AddMember,
        Self::AssignRole,
        Self::Describe,
        Self::UpdateRole,
        Self::DeleteRole,
        Self::RemoveMember,
        Self::DeleteUser,
        Self::DeleteOrganization,
    ];
}

/// A change that must happen once, however often it is asked for.
#[derive(Debug)]
pub(crate) struct Deed {
    sort: Sort,
    /// Never used twice: the `Idempotency-Key`, the beginning of the request ids, and the name of what is new.
    label: String,
    organization: Id,
    role: Id,
    user: Id,
    member: Id,
    outsider: Id,
}

impl Deed {
    /// Makes what the change needs: an organization with a role and a member, and a user who is none.
    pub(crate) async fn prepare(client: &mut Client, sort: Sort, label: String) -> Self {
        let organization = made(client, form("/organizations", &[("name", "Home")])).await;
        let user = made(client, form("/users", &[("first_name", "Ava")])).await;
        let outsider = made(client, form("/users", &[("first_name", "Olaf")])).await;
        let home = format!("/organizations/{organization}");
        let role = json!({ "name": "Editor", "permissions": ["documents:read"] });
        let role = made(client, post(format!("{home}/roles"), &role)).await;
        let member = json!({ "user_id": text(user) });
        let member = made(client, post(format!("{home}/members"), &member)).await;
        Self {
            sort,
            label,
            organization,
            role,
            user,
            member,
            outsider,
        }
    }

    fn home(&self, rest: &str) -> String {
        format!("/organizations/{}{rest}", self.organization)
    }

    /// The request, as it is sent for this time. Retries differ in their request id only.
    pub(crate) fn attempt(&self, time: usize) -> Call {
        let Self {
            role, user, member, ..
        } = self;
        let call = match self.sort {
            Sort::CreateOrganization => form("/organizations", &[("name", &self.label)]),
            Sort::CreateUser => form("/users", &[("first_name", &self.label)]),
            Sort::CreateRole => {
                let body = json!({ "name": self.label, "permissions": ["documents:write"] });
                post(self.home("/roles"), &body)
            }
            Sort::AddMember => {
                let body = json!({ "user_id": text(self.outsider) });
                post(self.home("/members"), &body)
            }
            Sort::AssignRole => Call::post(self.home(&format!("/members/{member}/roles/{role}"))),
            Sort::Describe => self.describe(&self.label),
            Sort::UpdateRole => self.update_role(&self.label),
            Sort::DeleteRole => Call::delete(self.home(&format!("/roles/{role}"))),
            Sort::RemoveMember => Call::delete(self.home(&format!("/members/{member}"))),
            Sort::DeleteUser => Call::delete(format!("/users/{user}")),
            Sort::DeleteOrganization => Call::delete(self.home("")),
        };
        call.header("idempotency-key", &self.label)
            .header("x-request-id", format!("{}.{time}", self.label))
    }

    fn describe(&self, text: &str) -> Call {
        let fields = [("description", text)];
        Call::form(Method::PATCH, self.home(""), &fields)
    }

    fn update_role(&self, permission: &str) -> Call {
        let path = self.home(&format!("/roles/{}", self.role));
        Call::json(Method::PATCH, path, &json!({ "permissions": [permission] }))
    }

    /// Somebody else changes the same field before the retry. A change that is done again overwrites this one.
    pub(crate) async fn interfere(&self, client: &mut Client) {
        let call = match self.sort {
            Sort::Describe => self.describe("interference"),
            Sort::UpdateRole => self.update_role("interference"),
            _ => return,
        };
        client.ask(call).await.ok();
    }

    /// Counts the effects, in what is there and in what the ledger tells. `replayed` says whether the change was done
    /// before the interference.
    pub(crate) async fn check(&self, client: &mut Client, reply: &Reply, replayed: bool) {
        let answer = reply.ok();
        match self.sort {
            Sort::CreateOrganization => {
                let found = self.search(client, "/organizations").await;
                assert_eq!(found, [id(&answer, "id")], "{self:?}");
                assert_eq!(self.entries(client, found[0]).await, 1, "{self:?}");
                return;
            }
            Sort::CreateUser => {
                // The deployment's own ledger has no route; `verify` walks it.
                let found = self.search(client, "/users").await;
                assert_eq!(found, [id(&answer, "id")], "{self:?}");
                return;
            }
            Sort::DeleteUser => {
                let path = format!("/users/{}/details", self.user);
                assert_eq!(client.ask(Call::get(path)).await.status, 404, "{self:?}");
            }
            Sort::DeleteOrganization => {
                let gone = client.ask(Call::get(self.home(""))).await;
                assert_eq!(gone.status, 404, "{self:?}");
            }
            _ => {
                let (found, expected) = self.state(client, &answer, replayed).await;
                assert_eq!(found, expected, "{self:?}, replayed: {replayed}");
            }
        }
        assert_eq!(self.entries(client, self.organization).await, 1, "{self:?}");
    }

    /// What the change has left in its organization, and what it had to leave.
    async fn state(&self, client: &mut Client, answer: &Value, replayed: bool) -> (Value, Value) {
        let latest = if replayed {
            "interference"
        } else {
            &self.label
        };
        let roles = world::read_list(client, &self.home("/roles")).await;
        let members = world::all(client, &self.home("/members")).await;
        let own = |role: &&Value| role["is_deployment_level"] == false;
        let ids =
            |items: &[Value]| -> Value { items.iter().map(|item| &item["id"]).cloned().collect() };
        match self.sort {
            Sort::CreateRole => {
                let named = roles.iter().filter(|role| role["name"] == *self.label);
                (named.cloned().collect(), json!([answer]))
            }
            Sort::AddMember => (ids(&members), json!([answer["id"], text(self.member)])),
            Sort::RemoveMember => (ids(&members), json!([])),
            Sort::DeleteRole => (roles.iter().filter(own).cloned().collect(), json!([])),
            Sort::UpdateRole => {
                let role = roles.iter().find(own).unwrap();
                (role["permissions"].clone(), json!([latest]))
            }
            Sort::AssignRole => {
                let held = members[0]["roles"].as_array().unwrap();
                let held = held.iter().filter(own).map(|role| role["id"].clone());
                (held.collect(), json!([text(self.role)]))
            }
            Sort::Describe => {
                let organization = client.ask(Call::get(self.home(""))).await.ok();
                (organization["description"].clone(), json!(latest))
            }
            other => panic!("{other:?} is checked elsewhere"),
        }
    }

    async fn search(&self, client: &mut Client, path: &str) -> Vec<Id> {
        let call = Call::get(format!("{path}?search={}", self.label));
        let page = client.ask(call).await.ok();
        let found = page["data"].as_array().unwrap();
        found.iter().map(|item| id(item, "id")).collect()
    }

    /// How many entries of the ledger name this change.
    async fn entries(&self, client: &mut Client, stream: Id) -> usize {
        let ledger = world::all(client, &format!("/organizations/{stream}/ledger")).await;
        let prefix = format!("{}.", self.label);
        let ours = |entry: &&Value| entry["request_id"].as_str().unwrap().starts_with(&prefix);
        ledger.iter().filter(ours).count()
    }
}

fn form(path: &str, fields: &[(&str, &str)]) -> Call {
    Call::form(Method::POST, path, fields)
}

fn post(path: String, body: &Value) -> Call {
    Call::json(Method::POST, path, body)
}

async fn made(client: &mut Client, call: Call) -> Id {
    id(&client.ask(call).await.ok(), "id")
}
