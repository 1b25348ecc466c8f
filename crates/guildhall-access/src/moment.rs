//! The decision.

use guildhall_types::{
    Timestamp,
    access::Reason,
    ids::{RoleId, UserId},
};

use crate::{
    DeploymentSnapshot, OrganizationSnapshot, Role,
    membership::{End, Member, Standing},
    permission_set::Asked,
};

/// One moment of one organization: what every question is asked of.
///
/// All questions go through the same two functions, `enter` (is the door open to this user?) and `granting` (which
/// texts of which roles give this permission?), so that they cannot disagree.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The organization that is asked about.
    pub organization: &'a OrganizationSnapshot,
    /// The deployment that it belongs to.
    pub deployment: &'a DeploymentSnapshot,
    /// The time that memberships and assignments are judged by.
    pub now: Timestamp,
}

/// The permissions that are asked for, as literal texts. Who asks for none is denied.
#[derive(Clone, Copy, Debug)]
pub enum Demand<'a> {
    /// Every one of them.
    All(&'a [&'a str]),
    /// At least one of them.
    Any(&'a [&'a str]),
}

impl<'a> Demand<'a> {
    /// The permissions, in the order asked.
    pub fn permissions(&self) -> &'a [&'a str] {
        match self {
            Self::All(permissions) | Self::Any(permissions) => permissions,
        }
    }

    /// Whether the demand is met when exactly the permissions that `granted` accepts are held.
    pub(crate) fn is_met(&self, mut granted: impl FnMut(&'a str) -> bool) -> bool {
        match self {
            Self::All([]) => false,
            Self::All(permissions) => permissions.iter().all(|permission| granted(permission)),
            Self::Any(permissions) => permissions.iter().any(|permission| granted(permission)),
        }
    }
}

/// The answer to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    reason: Reason,
}

impl Decision {
    /// Whether the user may.
    pub fn allowed(self) -> bool {
        self.reason == Reason::Granted
    }

    /// Why, or why not.
    pub fn reason(self) -> Reason {
        self.reason
    }
}

impl From<Reason> for Decision {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

impl<'a> Moment<'a> {
    /// Whether `user` may do what is demanded. Allocates nothing.
    pub fn check(&self, user: UserId, demand: &Demand<'_>) -> Decision {
        match self.enter(user, self.organization.member(user)) {
            Ok(standing) => self.judge(standing, demand),
            Err(reason) => reason,
        }
        .into()
    }

    /// The doors before every permission, in the order of [`Reason`].
    pub(crate) fn enter(
        &self,
        user: UserId,
        member: Option<&'a Member>,
    ) -> Result<&'a Standing, Reason> {
        if self.organization.suspended() {
            return Err(Reason::OrganizationSuspended);
        }
        let standing = &*member.ok_or(Reason::NotAMember)?.standing;
        if self.deployment.is_disabled(user) {
            return Err(Reason::UserDisabled);
        }
        if standing.suspended {
            return Err(Reason::MembershipSuspended);
        }
        if standing.end.is_past(self.now) {
            return Err(Reason::MembershipExpired);
        }
        Ok(standing)
    }

    /// Whether the roles of a member who has entered give what is demanded.
    pub(crate) fn judge(&self, standing: &Standing, demand: &Demand<'_>) -> Reason {
        let is_met = demand.is_met(|permission| {
            let asked = self.asked(permission);
            self.held(standing)
                .any(|(_, held)| held.role.permissions.granting(asked).next().is_some())
        });
        if is_met {
            Reason::Granted
        } else {
            Reason::MissingPermission
        }
    }

    /// The roles that a member who has entered holds now, with the end of each: assignments that are not over, of roles
    /// that exist.
    pub(crate) fn held(&self, standing: &Standing) -> impl Iterator<Item = (End, Held<'a>)> {
        let moment = *self;
        standing
            .roles
            .iter()
            .filter(move |held| !held.end.is_past(moment.now))
            .filter_map(move |held| Some((held.end, moment.role(held.id)?)))
    }

    /// All roles that a member of the organization may hold.
    pub(crate) fn roles(&self) -> impl Iterator<Item = Held<'a>> {
        let own = self.organization.roles().map(Held::own);
        own.chain(self.deployment.roles().map(Held::deployment_level))
    }

    pub(crate) fn asked<'p>(&self, permission: &'p str) -> Asked<'p> {
        Asked::new(permission, self.deployment.is_exact_only(permission))
    }

    fn role(&self, id: RoleId) -> Option<Held<'a>> {
        match self.organization.own_roles().get(id) {
            Some(role) => Some(Held::own(role)),
            None => self.deployment.role(id).map(Held::deployment_level),
        }
    }
}

/// A role, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    pub(crate) role: &'a Role,
    pub(crate) is_deployment_level: bool,
}

impl<'a> Held<'a> {
    fn own(role: &'a Role) -> Self {
        Self {
            role,
            is_deployment_level: false,
        }
    }

    fn deployment_level(role: &'a Role) -> Self {
        Self {
            role,
            is_deployment_level: true,
        }
    }
}
