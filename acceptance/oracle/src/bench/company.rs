//! The organization that is measured.

use guildhall_access::{Assignment, DeploymentSnapshot, Membership, OrganizationSnapshot, Role};
use guildhall_types::{
    Timestamp,
    ids::{MemberId, OrganizationId, RoleId, UserId},
};

use crate::rng::Rng;

/// The first two are the deployment's.
pub(super) const ROLES: usize = 10;

const DEPLOYMENT_ROLES: usize = 2;
const TEXTS: usize = 20;

/// What the members are; everything else follows from it.
pub(super) struct Company {
    pub(super) users: Vec<UserId>,
    permissions: Vec<String>,
}

pub(super) struct Question<'a> {
    pub(super) user: UserId,
    pub(super) permission: &'a str,
}

impl Company {
    pub(super) fn new(members: usize) -> Self {
        let mut rng = Rng::new(1);
        // Ids as time gives them: ever larger, with gaps.
        let mut id = 1 << 40;
        let users = (0..members).map(|_| {
            id += rng.between(1, 1_000);
            UserId::new(id).unwrap()
        });
        let users = users.collect();
        let permissions = (0..ROLES)
            .flat_map(|role| (0..TEXTS).map(move |verb| format!("noun{role}:verb{verb}")));
        Self {
            users,
            permissions: permissions.collect(),
        }
    }

    /// A user that is among these members, and anything that some role gives.
    pub(super) fn question(&self, rng: &mut Rng, members: &[usize]) -> Question<'_> {
        Question {
            user: self.users[*rng.one_of(members)],
            permission: rng.one_of::<String>(&self.permissions),
        }
    }

    /// The texts of a role: the last of them is a pattern, of another role's noun.
    pub(super) fn texts(role: usize) -> Vec<String> {
        let exact = (0..TEXTS - 1).map(|verb| format!("noun{role}:verb{verb}"));
        let pattern = format!("noun{}:*", (role + 1) % ROLES);
        exact
            .chain(role.is_multiple_of(3).then_some(pattern))
            .collect()
    }

    /// The roles of a member: everybody has one of the deployment's, a third has one more, some have two more.
    pub(super) fn roles(member: usize) -> impl Iterator<Item = usize> {
        let second = member
            .is_multiple_of(3)
            .then_some(DEPLOYMENT_ROLES + member / 3 % 8);
        let third = member
            .is_multiple_of(15)
            .then_some(DEPLOYMENT_ROLES + member / 15 % 7 + 1);
        let mut roles: Vec<_> = [Some(member % DEPLOYMENT_ROLES), second, third]
            .into_iter()
            .flatten()
            .collect();
        roles.dedup();
        roles.into_iter()
    }

    /// A membership like that of `like`, for `member`. Of a hundred, one ends at a time of its own.
    pub(super) fn membership(&self, member: usize, like: usize) -> Membership {
        let user = self.users[member];
        Membership {
            member_id: MemberId::new(user.raw() + 7).unwrap(),
            user_id: user,
            suspended: false,
            expires_at: (member % 100 == 50).then(|| Timestamp::from_micros(user.raw())),
            roles: Self::roles(like)
                .map(|role| Assignment {
                    role_id: role_id(role),
                    expires_at: None,
                })
                .collect(),
        }
    }

    pub(super) fn organization(&self) -> OrganizationSnapshot {
        self.of(self.users.len())
    }

    /// The organization without its members.
    pub(super) fn empty(&self) -> OrganizationSnapshot {
        self.of(0)
    }

    fn of(&self, members: usize) -> OrganizationSnapshot {
        let mut builder = OrganizationSnapshot::builder(OrganizationId::new(1).unwrap(), 1);
        for role in DEPLOYMENT_ROLES..ROLES {
            builder.role(to_access(role));
        }
        for member in 0..members {
            builder.member(self.membership(member, member));
        }
        builder.finish()
    }

    pub(super) fn deployment() -> DeploymentSnapshot {
        let mut builder = DeploymentSnapshot::builder(1);
        for role in 0..DEPLOYMENT_ROLES {
            builder.role(to_access(role));
        }
        builder.finish()
    }
}

fn to_access(role: usize) -> Role {
    Role::new(role_id(role), format!("role {role}"), Company::texts(role))
}

fn role_id(role: usize) -> RoleId {
    RoleId::new(i64::try_from(role).unwrap() + 1).unwrap()
}
