//! What a writer does: as a call to the server, and as what the call does to the writer's holdings.
//!
//! Every operation changes something when it is drawn, so that each claims exactly one revision.

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Call, Id};
use crate::holdings::{Holdings, Member, Organization, Role, User};
use crate::random::Random;

const USERS_MAX: usize = 8;
const ORGANIZATIONS_MAX: usize = 4;
const ROLES_MAX: usize = 4;

/// One change. Labels and notes are never used twice.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    CreateUser {
        label: String,
    },
    RenameUser {
        user: Id,
        note: String,
    },
    DeleteUser {
        user: Id,
    },
    CreateOrganization {
        label: String,
    },
    /// A change inside an organization.
    Inside {
        organization: Id,
        change: Change,
    },
}

/// One change of an organization.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Describe {
        note: String,
    },
    Delete,
    CreateRole {
        label: String,
    },
    UpdateRole {
        role: Id,
        note: String,
    },
    DeleteRole {
        role: Id,
    },
    AddMember {
        user: Id,
        note: String,
    },
    UpdateMember {
        member: Id,
        roles: BTreeSet<Id>,
        note: String,
    },
    AssignRole {
        member: Id,
        role: Id,
    },
    UnassignRole {
        member: Id,
        role: Id,
    },
    RemoveMember {
        member: Id,
    },
}

impl Operation {
    /// Something that can be done with these holdings.
    pub(crate) fn draw(random: &mut Random, holdings: &Holdings, label: &str) -> Self {
        loop {
            if let Some(operation) = Self::try_draw(random, holdings, label) {
                return operation;
            }
        }
    }

    fn try_draw(random: &mut Random, holdings: &Holdings, label: &str) -> Option<Self> {
        let label = label.to_owned();
        let user = random.pick(holdings.users.keys().copied());
        let organizations = holdings.organizations.len();
        Some(match random.below(20) {
            0 | 1 if holdings.users.len() < USERS_MAX => Self::CreateUser { label },
            2 => Self::RenameUser {
                user: user?,
                note: label,
            },
            3 => Self::DeleteUser { user: user? },
            4 | 5 if organizations < ORGANIZATIONS_MAX => Self::CreateOrganization { label },
            _ => {
                let (id, organization) = random.pick(holdings.organizations.iter())?;
                Self::Inside {
                    organization: *id,
                    change: Change::try_draw(random, organization, user, label)?,
                }
            }
        })
    }

    /// How the server is asked for it.
    pub(crate) fn call(&self) -> Call {
        match self {
            Self::CreateUser { label } => {
                let fields = [("first_name", "Ava"), ("external_id", label)];
                Call::form(Method::POST, "/users", &fields)
            }
            Self::RenameUser { user, note } => {
                let fields = [("last_name", note.as_str())];
                Call::form(Method::PATCH, format!("/users/{user}"), &fields)
            }
            Self::DeleteUser { user } => Call::delete(format!("/users/{user}")),
            Self::CreateOrganization { label } => {
                let fields = [("name", "Acme"), ("external_id", label)];
                Call::form(Method::POST, "/organizations", &fields)
            }
            Self::Inside {
                organization,
                change,
            } => change.call(&format!("/organizations/{organization}")),
        }
    }

    /// Does it to the holdings. `made` is the id of what is new.
    pub(crate) fn apply(&self, holdings: &mut Holdings, made: Option<Id>) {
        match self {
            Self::CreateUser { label } => {
                let (label, note) = (label.clone(), String::new());
                let user = User { label, note };
                holdings.users.insert(made.unwrap(), user);
            }
            Self::RenameUser { user, note } => {
                holdings.users.get_mut(user).unwrap().note.clone_from(note);
            }
            Self::DeleteUser { user } => {
                holdings.users.remove(user);
                for organization in holdings.organizations.values_mut() {
                    let members = organization.members.len();
                    organization
                        .members
                        .retain(|_, member| member.user != *user);
                    // Each organization that loses a member has a revision of its own for that.
                    organization.revision += u64::from(organization.members.len() < members);
                }
            }
            Self::CreateOrganization { label } => {
                let organization = Organization::new(label);
                holdings.organizations.insert(made.unwrap(), organization);
            }
            Self::Inside {
                organization,
                change: Change::Delete,
            } => {
                holdings.organizations.remove(organization);
            }
            Self::Inside {
                organization,
                change,
            } => {
                let organization = holdings.organization(*organization);
                organization.revision += 1;
                change.apply(organization, made);
            }
        }
    }

    /// Whether something is new afterwards, whose id the server gives.
    pub(crate) fn makes(&self) -> bool {
        match self {
            Self::CreateUser { .. } | Self::CreateOrganization { .. } => true,
            Self::Inside { change, .. } => {
                matches!(change, Change::CreateRole { .. } | Change::AddMember { .. })
            }
            Self::RenameUser { .. } | Self::DeleteUser { .. } => false,
        }
    }

    /// The id of what is new, looked up in what was read back.
    pub(crate) fn made_in(&self, found: &Holdings) -> Option<Id> {
        match self {
            Self::CreateUser { label } => {
                let mut users = found.users.iter();
                users.find(|(_, user)| user.label == *label).map(|it| *it.0)
            }
            Self::CreateOrganization { label } => {
                let mut organizations = found.organizations.iter();
                organizations
                    .find(|(_, organization)| organization.label == *label)
                    .map(|it| *it.0)
            }
            Self::Inside {
                organization,
                change,
            } => change.made_in(found.organizations.get(organization)?),
            Self::RenameUser { .. } | Self::DeleteUser { .. } => None,
        }
    }
}

impl Change {
    fn try_draw(
        random: &mut Random,
        organization: &Organization,
        user: Option<Id>,
        note: String,
    ) -> Option<Self> {
        let roles = &organization.roles;
        let role = random.pick(roles.keys().copied());
        let member = random.pick(organization.members.iter());
        let held = |role| member.is_some_and(|(_, member)| member.roles.contains(&role));
        let is_member = |user| organization.members.values().any(|it| it.user == user);
        Some(match random.below(28) {
            0..3 => Self::Describe { note },
            3 => Self::Delete,
            4..8 if roles.len() < ROLES_MAX => Self::CreateRole { label: note },
            8..10 => Self::UpdateRole { role: role?, note },
            10 => Self::DeleteRole { role: role? },
            11..17 => Self::AddMember {
                user: user.filter(|user| !is_member(*user))?,
                note,
            },
            17..20 => Self::UpdateMember {
                member: *member?.0,
                roles: roles
                    .keys()
                    .copied()
                    .filter(|_| random.chance(50))
                    .collect(),
                note,
            },
            20..24 => Self::AssignRole {
                member: *member?.0,
                role: role.filter(|role| !held(*role))?,
            },
            24..26 => Self::UnassignRole {
                member: *member?.0,
                role: role.filter(|role| held(*role))?,
            },
            26 => Self::RemoveMember { member: *member?.0 },
            _ => return None,
        })
    }

    fn call(&self, organization: &str) -> Call {
        match self {
            Self::Describe { note } => {
                let metadata = json!({ "note": note }).to_string();
                let fields = [("public_metadata", metadata.as_str())];
                Call::form(Method::PATCH, organization, &fields)
            }
            Self::Delete => Call::delete(organization),
            Self::CreateRole { label } => {
                let body = json!({ "name": label, "permissions": [label] });
                Call::json(Method::POST, format!("{organization}/roles"), &body)
            }
            Self::UpdateRole { role, note } => {
                let path = format!("{organization}/roles/{role}");
                Call::json(Method::PATCH, path, &json!({ "permissions": [note] }))
            }
            Self::DeleteRole { role } => Call::delete(format!("{organization}/roles/{role}")),
            Self::AddMember { user, note } => {
                let body = json!({ "user_id": text(*user), "public_metadata": { "note": note } });
                Call::json(Method::POST, format!("{organization}/members"), &body)
            }
            Self::UpdateMember {
                member,
                roles,
                note,
            } => {
                let roles: Vec<Value> = roles.iter().map(|role| text(*role)).collect();
                let body = json!({ "role_ids": roles, "public_metadata": { "note": note } });
                let path = format!("{organization}/members/{member}");
                Call::json(Method::PATCH, path, &body)
            }
            Self::AssignRole { member, role } => {
                Call::post(format!("{organization}/members/{member}/roles/{role}"))
            }
            Self::UnassignRole { member, role } => {
                Call::delete(format!("{organization}/members/{member}/roles/{role}"))
            }
            Self::RemoveMember { member } => {
                Call::delete(format!("{organization}/members/{member}"))
            }
        }
    }

    fn apply(&self, organization: &mut Organization, made: Option<Id>) {
        match self {
            Self::Describe { note } => organization.note.clone_from(note),
            Self::Delete => {}
            Self::CreateRole { label } => {
                let (label, note) = (label.clone(), label.clone());
                organization
                    .roles
                    .insert(made.unwrap(), Role { label, note });
            }
            Self::UpdateRole { role, note } => {
                let role = organization.roles.get_mut(role).unwrap();
                role.note.clone_from(note);
            }
            Self::DeleteRole { role } => {
                organization.roles.remove(role);
                for member in organization.members.values_mut() {
                    member.roles.remove(role);
                }
            }
            Self::AddMember { user, note } => {
                let member = Member {
                    user: *user,
                    roles: BTreeSet::new(),
                    note: note.clone(),
                };
                organization.members.insert(made.unwrap(), member);
            }
            Self::UpdateMember {
                member,
                roles,
                note,
            } => {
                let member = organization.member(*member);
                member.roles.clone_from(roles);
                member.note.clone_from(note);
            }
            Self::AssignRole { member, role } => {
                organization.member(*member).roles.insert(*role);
            }
            Self::UnassignRole { member, role } => {
                organization.member(*member).roles.remove(role);
            }
            Self::RemoveMember { member } => {
                organization.members.remove(member);
            }
        }
    }

    fn made_in(&self, found: &Organization) -> Option<Id> {
        match self {
            Self::CreateRole { label } => {
                let mut roles = found.roles.iter();
                roles.find(|(_, role)| role.label == *label).map(|it| *it.0)
            }
            Self::AddMember { user, .. } => {
                let mut members = found.members.iter();
                members
                    .find(|(_, member)| member.user == *user)
                    .map(|it| *it.0)
            }
            _ => None,
        }
    }
}

/// An id as JSON carries it.
pub(crate) fn text(id: Id) -> Value {
    id.to_string().into()
}
