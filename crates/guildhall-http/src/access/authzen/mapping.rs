//! What the words of AuthZEN mean here; `docs/authzen.md` says the same for people.
//!
//! * A subject of the type `user` is named by Guildhall's id, one of the type `identity` by the user's `external_id`.
//!   There are no others: a subject of another type is a member of nothing.
//! * A resource of the type `organization` is the organization, and the action is the permission. A resource of any
//!   other type is a thing *in* an organization, which its properties or the context name; the permission is the action,
//!   a colon, and the id of the thing.

use std::borrow::Cow;

use guildhall_core::access::{Demanded, Freshness};
use guildhall_types::FieldError;
use guildhall_types::access::Asked;
use guildhall_types::access::authzen::{Action, Context, Evaluation, Resource, Subject};
use guildhall_types::ids::{OrganizationId, UserId};
use guildhall_types::json::{Object, Text};

/// The type of a subject that is named by Guildhall's id.
pub(super) const USER: &str = "user";

/// The type of a subject that is named by the user's `external_id`.
pub(super) const IDENTITY: &str = "identity";

/// The type of the resource that is an organization.
pub(super) const ORGANIZATION: &str = "organization";

/// An evaluation in the words of the engine.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Who.
    pub who: Who<'a>,
    /// Where; `None` is an organization that cannot exist.
    pub organization: Option<OrganizationId>,
    /// What.
    pub demanded: Demanded<'a>,
    /// How fresh the answer must be.
    pub freshness: Freshness,
}

/// A subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who<'a> {
    /// The user with this id.
    User(UserId),
    /// The user with this `external_id`.
    Identity(&'a str),
    /// Nobody who could be a member of anything.
    Nobody,
}

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// An organization.
    Organization(Option<OrganizationId>),
    /// A thing in an organization.
    Thing(OrganizationId, &'a str),
}

impl Target<'_> {
    pub(super) fn organization(self) -> Option<OrganizationId> {
        match self {
            Self::Organization(organization) => organization,
            Self::Thing(organization, _) => Some(organization),
        }
    }
}

/// An evaluation, with the defaults of the request around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) own: &'a Evaluation<'a>,
    pub(super) default: &'a Evaluation<'a>,
}

impl<'a> Terms<'a> {
    /// An evaluation without defaults.
    pub(super) fn alone(own: &'a Evaluation<'a>) -> Self {
        Self { own, default: own }
    }

    /// The whole evaluation.
    pub(super) fn question(self) -> Result<Question<'a>, FieldError> {
        let (who, target) = (self.who()?, self.target()?);
        Ok(Question {
            who,
            organization: target.organization(),
            demanded: self.demanded(target)?,
            freshness: self.freshness(),
        })
    }

    pub(super) fn who(self) -> Result<Who<'a>, FieldError> {
        let id = self.subject("id", |subject| subject.id.as_ref())?;
        Ok(match self.subject_type()? {
            USER => id.parse().map_or(Who::Nobody, Who::User),
            IDENTITY => Who::Identity(id),
            _ => Who::Nobody,
        })
    }

    pub(super) fn subject_type(self) -> Result<&'a str, FieldError> {
        self.subject("type", |subject| subject.kind.as_ref())
    }

    pub(super) fn resource_type(self) -> Result<&'a str, FieldError> {
        self.resource("type", |resource| resource.kind.as_ref())
    }

    pub(super) fn action(self) -> Result<&'a str, FieldError> {
        let sides = [&self.own.action, &self.default.action];
        let get = |action: &'a Action<'a>| action.name.as_ref();
        part("action", "name", sides, get)
    }

    pub(super) fn target(self) -> Result<Target<'a>, FieldError> {
        let kind = self.resource_type()?;
        let id = self.resource("id", |resource| resource.id.as_ref())?;
        Ok(match kind {
            ORGANIZATION => Target::Organization(id.parse().ok()),
            _ => Target::Thing(self.surroundings()?, id),
        })
    }

    /// The organization that a thing is in.
    pub(super) fn surroundings(self) -> Result<OrganizationId, FieldError> {
        let resource = self
            .own
            .resource
            .as_ref()
            .or(self.default.resource.as_ref());
        let said = resource
            .and_then(|resource| resource.0.properties)
            .and_then(|properties| properties.0.organization_id);
        said.or(self.context().organization_id)
            .ok_or_else(|| FieldError {
                field: "resource.properties.organization_id".to_owned(),
                message: format!(
                    "is missing, and so is `context.organization_id`: only a resource of the type `{ORGANIZATION}` \
                     needs neither"
                ),
            })
    }

    /// The permission that the action is.
    pub(super) fn demanded(self, target: Target<'a>) -> Result<Demanded<'a>, FieldError> {
        let action = self.action()?;
        let (field, permission) = match target {
            Target::Organization(_) => ("action.name", Cow::Borrowed(action)),
            Target::Thing(_, id) => ("resource.id", Cow::Owned(format!("{action}:{id}"))),
        };
        Demanded::check(field, Asked::One(permission), None)
    }

    pub(super) fn freshness(self) -> Freshness {
        let context = self.context();
        Freshness {
            at_least: context.at_least,
            consistency: context.consistency.unwrap_or_default(),
        }
    }

    fn context(self) -> Context {
        let context = self.own.context.or(self.default.context);
        context.map(|context| context.0).unwrap_or_default()
    }

    fn subject(
        self,
        name: &str,
        get: impl Fn(&'a Subject<'a>) -> Option<&'a Text<'a>>,
    ) -> Result<&'a str, FieldError> {
        let sides = [&self.own.subject, &self.default.subject];
        part("subject", name, sides, get)
    }

    fn resource(
        self,
        name: &str,
        get: impl Fn(&'a Resource<'a>) -> Option<&'a Text<'a>>,
    ) -> Result<&'a str, FieldError> {
        let sides = [&self.own.resource, &self.default.resource];
        part("resource", name, sides, get)
    }
}

/// A required part of an entity: of the evaluation's own, or else of the default.
fn part<'a, T>(
    entity: &str,
    name: &str,
    sides: [&'a Option<Object<T>>; 2],
    get: impl Fn(&'a T) -> Option<&'a Text<'a>>,
) -> Result<&'a str, FieldError> {
    let missing = |field: String| FieldError {
        field,
        message: "is missing".to_owned(),
    };
    let mut entities = sides.into_iter().flatten().peekable();
    if entities.peek().is_none() {
        return Err(missing(entity.to_owned()));
    }
    entities
        .find_map(|entity| get(&entity.0))
        .map(|text| &*text.0)
        .ok_or_else(|| missing(format!("{entity}.{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(own: &str, default: &str) -> Result<String, String> {
        let [own, default] = [own, default].map(|text| serde_json::from_str(text).unwrap());
        let terms = Terms {
            own: &own,
            default: &default,
        };
        terms
            .question()
            .map(|question| {
                let organization = question.organization.map(OrganizationId::raw);
                format!(
                    "{:?} {organization:?} {}",
                    question.who,
                    question.demanded.texts().as_slice().join(" ")
                )
            })
            .map_err(|fault| fault.field)
    }

    #[test]
    fn an_organization_is_asked_for_a_permission() {
        let whole = r#"{"subject": {"type": "user", "id": "7"}, "action": {"name": "documents:read"},
            "resource": {"type": "organization", "id": "8"}}"#;
        let expected = Ok("User(UserId(7)) Some(8) documents:read".to_owned());
        assert_eq!(question(whole, "{}"), expected);
        assert_eq!(question("{}", whole), expected);
    }

    #[test]
    fn a_thing_is_in_an_organization() {
        let whole = r#"{"subject": {"type": "identity", "id": "x"}, "action": {"name": "GET"},
            "resource": {"type": "route", "id": "/todos", "properties": {"organization_id": "8"}},
            "context": {"organization_id": 9}}"#;
        let expected = Ok("Identity(\"x\") Some(8) GET:/todos".to_owned());
        assert_eq!(question(whole, "{}"), expected);
        let lost = whole.replace("organization_id", "tenant");
        assert_eq!(
            question(&lost, "{}"),
            Err("resource.properties.organization_id".to_owned())
        );
        let default = r#"{"context": {"organization_id": "9"}}"#;
        let found = lost.replace(r#""context": {"tenant": 9}"#, r#""more": 1"#);
        assert_eq!(
            question(&found, default),
            expected.map(|text| text.replace('8', "9"))
        );
    }

    #[test]
    fn what_an_evaluation_leaves_out_of_an_entity_is_the_defaults() {
        let default = r#"{"subject": {"type": "user", "id": "7"}, "action": {"name": "a"},
            "resource": {"type": "organization"}}"#;
        let own = r#"{"resource": {"id": "8"}}"#;
        assert_eq!(
            question(own, default),
            Ok("User(UserId(7)) Some(8) a".to_owned())
        );
        assert_eq!(question("{}", default), Err("resource.id".to_owned()));
        assert_eq!(question("{}", "{}"), Err("subject".to_owned()));
    }

    #[test]
    fn who_or_what_cannot_exist_is_no_error() {
        let with = |kind: &str, id: &str| {
            let subject = format!(r#""subject": {{"type": "{kind}", "id": "{id}"}}"#);
            let rest =
                r#""action": {"name": "a"}, "resource": {"type": "organization", "id": "acme"}"#;
            question(&format!("{{{subject}, {rest}}}"), "{}").unwrap()
        };
        assert_eq!(with("user", "alice"), "Nobody None a");
        assert_eq!(with("spaceship", "7"), "Nobody None a");
    }
}
