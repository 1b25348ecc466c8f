//! A world in Cedar's words: users and organizations are entities, a text of a role is a policy, a door is a `forbid`.
//!
//! Written from the documentation of the rules, with Cedar's own means (`has`, `like`, comparison), and without a look at how
//! our engine does it.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet,
    Request, RestrictedExpression,
};
use guildhall_access::Reason;

use crate::world::{Member, Question, USERS, World};

/// The doors, as what forbids, in the order in which they are told.
const DOORS: [(Reason, &str); 5] = [
    (Reason::OrganizationSuspended, "resource.suspended"),
    (Reason::NotAMember, "!(principal has membership)"),
    (Reason::UserDisabled, "principal.disabled"),
    (
        Reason::MembershipSuspended,
        "principal has membership && principal.membership.suspended",
    ),
    (
        Reason::MembershipExpired,
        "principal has membership && principal.membership has end && principal.membership.end <= context.now",
    ),
];

/// One world, ready to be asked.
#[derive(Debug)]
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    action: EntityUid,
    resource: EntityUid,
}

impl Cedar {
    /// Translates the world.
    ///
    /// # Panics
    ///
    /// When Cedar does not understand the translation.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let mut policies = PolicySet::new();
        let mut add = |id: &str, text: &str| {
            let policy = Policy::parse(Some(PolicyId::new(id)), text);
            policies.add(policy.unwrap()).unwrap();
        };
        for (reason, condition) in DOORS {
            let text = format!("forbid(principal, action, resource) when {{ {condition} }};");
            add(reason.word(), &text);
        }
        for role in &world.roles {
            for (text, place) in role.texts.iter().zip(1..) {
                add(&format!("r{}.{place}", role.id), &permit(role.id, text));
            }
        }
        let resource: EntityUid = r#"Organization::"acme""#.parse().unwrap();
        let exact_only = world.exact_only.iter().cloned();
        let organization = HashMap::from([
            ("suspended".to_owned(), boolean(world.suspended)),
            (
                "exact_only".to_owned(),
                RestrictedExpression::new_set(exact_only.map(RestrictedExpression::new_string)),
            ),
        ]);
        let mut entities =
            vec![Entity::new(resource.clone(), organization, HashSet::new()).unwrap()];
        for user in 1..=USERS {
            let member = world.members.iter().find(|member| member.user == user);
            entities.push(self::user(user, member, world.disabled.contains(&user)));
        }
        Self {
            authorizer: Authorizer::new(),
            policies,
            entities: Entities::from_entities(entities, None).unwrap(),
            action: r#"Action::"use""#.parse().unwrap(),
            resource,
        }
    }

    /// What Cedar decides, and why, in our words.
    ///
    /// # Panics
    ///
    /// When Cedar finds an error in the translation.
    #[must_use]
    pub fn decide(&self, question: &Question) -> Reason {
        let mut permissions = question.permissions.iter();
        let decide = |permission| self.decide_one(question, permission);
        let mut reason = decide(permissions.next().unwrap());
        for permission in permissions {
            let other = decide(permission);
            let is_decided = (reason == Reason::Granted) != question.is_all;
            if !is_decided {
                reason = other;
            }
        }
        reason
    }

    /// The users whom Cedar gives what is asked for.
    pub(crate) fn holders(&self, question: &Question) -> Vec<i64> {
        let is_holder = |user: &i64| {
            let question = Question {
                user: *user,
                ..question.clone()
            };
            self.decide(&question) == Reason::Granted
        };
        (1..=USERS).filter(is_holder).collect()
    }

    fn decide_one(&self, question: &Question, permission: &str) -> Reason {
        let segments = permission.split(':').zip(0..);
        let segments = segments.map(|(segment, place)| (format!("s{place}"), string(segment)));
        let segments = RestrictedExpression::new_record(segments).unwrap();
        let count = permission.split(':').count();
        let context = Context::from_pairs([
            ("permission".to_owned(), string(permission)),
            ("segments".to_owned(), segments),
            ("count".to_owned(), long(i64::try_from(count).unwrap())),
            ("now".to_owned(), long(question.now)),
        ]);
        let request = Request::new(
            user_uid(question.user),
            self.action.clone(),
            self.resource.clone(),
            context.unwrap(),
            None,
        );
        let response =
            self.authorizer
                .is_authorized(&request.unwrap(), &self.policies, &self.entities);
        let diagnostics = response.diagnostics();
        assert_eq!(diagnostics.errors().map(ToString::to_string).next(), None);
        if response.decision() == Decision::Allow {
            return Reason::Granted;
        }
        let closed: HashSet<&str> = diagnostics.reason().map(AsRef::as_ref).collect();
        let door = DOORS
            .iter()
            .find(|(reason, _)| closed.contains(reason.word()));
        door.map_or(Reason::MissingPermission, |(reason, _)| *reason)
    }
}

fn user(id: i64, member: Option<&Member>, disabled: bool) -> Entity {
    let mut attributes = HashMap::from([("disabled".to_owned(), boolean(disabled))]);
    if let Some(member) = member {
        let roles = member
            .roles
            .iter()
            .map(|(role, end)| (format!("r{role}"), ending([], *end)));
        let roles = RestrictedExpression::new_record(roles).unwrap();
        let fields = [
            ("suspended".to_owned(), boolean(member.suspended)),
            ("roles".to_owned(), roles),
        ];
        attributes.insert("membership".to_owned(), ending(fields, member.end));
    }
    Entity::new(user_uid(id), attributes, HashSet::new()).unwrap()
}

/// A record of these fields and, where there is one, its end.
fn ending(
    fields: impl IntoIterator<Item = (String, RestrictedExpression)>,
    end: Option<i64>,
) -> RestrictedExpression {
    let end = end.map(|end| ("end".to_owned(), long(end)));
    RestrictedExpression::new_record(fields.into_iter().chain(end)).unwrap()
}

/// The policy of one text of one role.
fn permit(role: i64, text: &str) -> String {
    let held = format!(
        "principal has membership && principal.membership.roles has r{role} && \
         !(principal.membership.roles.r{role} has end && principal.membership.roles.r{role}.end <= context.now)"
    );
    let given = given(text);
    format!("permit(principal, action, resource) when {{ {held} && {given} }};")
}

/// The condition that this text gives `context.permission`.
fn given(text: &str) -> String {
    let segments: Vec<_> = text.split(':').collect();
    let stars = segments.iter().filter(|segment| **segment == "*").count();
    let Some((last, first)) = segments.split_last().filter(|_| stars > 0) else {
        return format!("context.permission == {}", quoted(text, false));
    };
    let mut condition = "!resource.exact_only.contains(context.permission)".to_owned();
    if *last == "*" && stars == 1 {
        let prefix: String = first.iter().flat_map(|segment| [segment, ":"]).collect();
        let pattern = quoted(&prefix, true);
        let pattern = pattern.strip_suffix('"').unwrap();
        write!(condition, " && context.permission like {pattern}*\"").unwrap();
        return condition;
    }
    let comparison = if *last == "*" { ">=" } else { "==" };
    write!(
        condition,
        " && context.count {comparison} {}",
        segments.len()
    )
    .unwrap();
    for (segment, place) in segments.iter().zip(0..) {
        if *segment != "*" {
            let segment = quoted(segment, false);
            write!(condition, " && context.segments.s{place} == {segment}").unwrap();
        }
    }
    condition
}

/// A literal of Cedar; in a pattern a star that is none has to be marked.
fn quoted(text: &str, is_pattern: bool) -> String {
    let mut literal = "\"".to_owned();
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') || (letter == '*' && is_pattern) {
            literal.push('\\');
        }
        literal.push(letter);
    }
    literal + "\""
}

fn user_uid(id: i64) -> EntityUid {
    format!("User::\"{id}\"").parse().unwrap()
}

fn string(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn long(number: i64) -> RestrictedExpression {
    RestrictedExpression::new_long(number)
}

fn boolean(is: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(is)
}
