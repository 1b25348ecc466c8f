//! The same organization in the words of others.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    pin::pin,
    task::{self, Poll, Waker},
};

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression,
};

use super::company::{Company, Question, ROLES};

/// Cedar: a role is a parent of its members, and one policy.
pub(super) struct CedarEntities {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    action: EntityUid,
    resource: EntityUid,
}

impl CedarEntities {
    pub(super) fn new(company: &Company) -> Self {
        let mut policies = String::new();
        for role in 0..ROLES {
            let texts = Company::texts(role);
            let (patterns, exact): (Vec<_>, Vec<_>) =
                texts.iter().partition(|text| text.ends_with('*'));
            write!(
                policies,
                "permit(principal in Role::\"{role}\", action, resource) when {{ {exact:?}.contains(context.permission)"
            )
            .unwrap();
            for pattern in patterns {
                write!(policies, " || context.permission like {pattern:?}").unwrap();
            }
            policies.push_str(" };\n");
        }
        let users = company.users.iter().zip(0..).map(|(user, member)| {
            let roles = Company::roles(member).map(|role| uid("Role", role));
            Entity::new_no_attrs(uid("User", user), roles.collect())
        });
        let roles = (0..ROLES).map(|role| Entity::new_no_attrs(uid("Role", role), HashSet::new()));
        Self {
            authorizer: Authorizer::new(),
            policies: policies.parse().unwrap(),
            entities: Entities::from_entities(users.chain(roles), None).unwrap(),
            action: uid("Action", "use"),
            resource: uid("Organization", "acme"),
        }
    }

    /// With the making of the request, which is part of asking.
    pub(super) fn check(&self, question: &Question<'_>) -> bool {
        let permission = RestrictedExpression::new_string(question.permission.to_owned());
        let context = Context::from_pairs(HashMap::from([("permission".to_owned(), permission)]));
        let request = Request::new(
            uid("User", question.user),
            self.action.clone(),
            self.resource.clone(),
            context.unwrap(),
            None,
        );
        let response =
            self.authorizer
                .is_authorized(&request.unwrap(), &self.policies, &self.entities);
        response.decision() == Decision::Allow
    }
}

fn uid(kind: &str, id: impl std::fmt::Display) -> EntityUid {
    format!("{kind}::\"{id}\"").parse().unwrap()
}

const MODEL: &str = "
[request_definition]
r = sub, obj
[policy_definition]
p = sub, obj
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && keyMatch(r.obj, p.obj)
";

/// Casbin: its model of roles, with its own match for patterns.
pub(super) struct Casbin(Enforcer);

impl Casbin {
    pub(super) fn new(company: &Company) -> Self {
        let texts = (0..ROLES).flat_map(|role| {
            Company::texts(role)
                .into_iter()
                .map(move |text| vec![format!("role{role}"), text])
        });
        let members = company.users.iter().zip(0..).flat_map(|(user, member)| {
            Company::roles(member).map(move |role| vec![user.to_string(), format!("role{role}")])
        });
        let made = async {
            let model = DefaultModel::from_str(MODEL).await.unwrap();
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default())
                .await
                .unwrap();
            enforcer.add_policies(texts.collect()).await.unwrap();
            enforcer
                .add_grouping_policies(members.collect())
                .await
                .unwrap();
            enforcer
        };
        Self(at_once(made))
    }

    pub(super) fn check(&self, question: &Question<'_>) -> bool {
        self.0
            .enforce((question.user.to_string(), question.permission))
            .unwrap()
    }
}

/// The result of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = task::Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}
