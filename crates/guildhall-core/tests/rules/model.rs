//! A plain model in memory of organizations, members and roles: what a command should answer, and what should then be there.

use std::collections::{BTreeMap, BTreeSet};

use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::{ErrorCode, Patch, Timestamp};

/// The roles that a member holds, each with its end.
pub(crate) type Held = BTreeMap<RoleId, Option<Timestamp>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) user: UserId,
    pub(crate) roles: Held,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) suspended_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub(crate) struct Organization {
    pub(crate) revision: i64,
    pub(crate) roles: BTreeMap<RoleId, String>,
    pub(crate) members: BTreeMap<MemberId, Member>,
    pub(crate) suspended_at: Option<Timestamp>,
}

/// What the server should hold.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) organizations: BTreeMap<OrganizationId, Organization>,
    pub(crate) users: BTreeSet<UserId>,
    pub(crate) deployment_roles: Vec<RoleId>,
}

/// A change of a member.
#[derive(Clone, Debug)]
pub(crate) struct MemberChange {
    pub(crate) roles: Option<Vec<RoleId>>,
    pub(crate) expires_at: Patch<Timestamp>,
    pub(crate) suspended: Option<bool>,
}

pub(crate) type Expected<T> = Result<T, ErrorCode>;

fn is_over(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_some_and(|end| end <= now)
}

/// The same end, which is refused when it has passed.
fn ahead(end: Option<Timestamp>, now: Timestamp) -> Expected<()> {
    if is_over(end, now) {
        Err(ErrorCode::InvalidRequest)
    } else {
        Ok(())
    }
}

fn since(suspended: bool, before: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    suspended.then(|| before.unwrap_or(now))
}

impl Model {
    pub(crate) fn organization(&mut self, id: OrganizationId) -> Expected<&mut Organization> {
        self.organizations
            .get_mut(&id)
            .ok_or(ErrorCode::OrganizationNotFound)
    }

    fn member(&mut self, id: OrganizationId, member: MemberId) -> Expected<&mut Member> {
        self.organization(id)?
            .members
            .get_mut(&member)
            .ok_or(ErrorCode::MemberNotFound)
    }

    fn fits(&self, organization: OrganizationId, role: RoleId) -> bool {
        self.deployment_roles.contains(&role)
            || self.organizations[&organization].roles.contains_key(&role)
    }

    pub(crate) fn create_role(&mut self, id: OrganizationId, name: &str) -> Expected<()> {
        let organization = self.organization(id)?;
        let same = |other: &String| other.to_lowercase() == name.to_lowercase();
        if organization.roles.values().any(same) {
            Err(ErrorCode::RoleNameTaken)
        } else {
            Ok(())
        }
    }

    pub(crate) fn rename_role(
        &mut self,
        id: OrganizationId,
        role: RoleId,
        name: &str,
    ) -> Expected<()> {
        let organization = self.organization(id)?;
        let current = organization
            .roles
            .get(&role)
            .ok_or(ErrorCode::RoleNotFound)?;
        if current == name {
            return Ok(());
        }
        let same = |(other, theirs): (&RoleId, &String)| {
            *other != role && theirs.to_lowercase() == name.to_lowercase()
        };
        if organization.roles.iter().any(same) {
            return Err(ErrorCode::RoleNameTaken);
        }
        organization.roles.insert(role, name.to_owned());
        organization.revision += 1;
        Ok(())
    }

    pub(crate) fn delete_role(&mut self, id: OrganizationId, role: RoleId) -> Expected<()> {
        let organization = self.organization(id)?;
        organization
            .roles
            .remove(&role)
            .ok_or(ErrorCode::RoleNotFound)?;
        for member in organization.members.values_mut() {
            member.roles.remove(&role);
        }
        organization.revision += 1;
        Ok(())
    }

    pub(crate) fn add_member(
        &mut self,
        id: OrganizationId,
        user: UserId,
        roles: &[RoleId],
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Expected<()> {
        self.organization(id)?;
        ahead(end, now)?;
        if !self.users.contains(&user) {
            return Err(ErrorCode::UserNotFound);
        }
        let mut there = self.organizations[&id].members.iter();
        let there = there.find(|(_, member)| member.user == user);
        let there = there.map(|(place, member)| (*place, is_over(member.expires_at, now)));
        if matches!(there, Some((_, false))) {
            return Err(ErrorCode::MemberExists);
        }
        if !roles.iter().all(|role| self.fits(id, *role)) {
            return Err(ErrorCode::RoleNotFound);
        }
        if let Some((place, _)) = there {
            self.remove_member(id, place)?;
        }
        Ok(())
    }

    /// Makes a member what it is to be; what is there already is no change.
    fn settle(&mut self, id: OrganizationId, member: MemberId, after: Member) -> Expected<()> {
        let before = self.member(id, member)?.clone();
        if before == after {
            return Ok(());
        }
        if !after.roles.keys().all(|role| self.fits(id, *role)) {
            return Err(ErrorCode::RoleNotFound);
        }
        *self.member(id, member)? = after;
        self.organization(id)?.revision += 1;
        Ok(())
    }

    pub(crate) fn update_member(
        &mut self,
        id: OrganizationId,
        member: MemberId,
        change: &MemberChange,
        now: Timestamp,
    ) -> Expected<()> {
        let mut after = self.member(id, member)?.clone();
        if let Patch::Set(end) = change.expires_at {
            ahead(Some(end), now)?;
        }
        change.expires_at.apply(&mut after.expires_at);
        if let Some(suspended) = change.suspended {
            after.suspended_at = since(suspended, after.suspended_at, now);
        }
        if let Some(roles) = &change.roles {
            let kept = |role: &RoleId| after.roles.get(role).copied().flatten();
            let ends = roles.iter().map(|role| (*role, kept(role)));
            after.roles = ends
                .map(|(role, end)| (role, end.filter(|end| *end > now)))
                .collect();
        }
        self.settle(id, member, after)
    }

    pub(crate) fn assign(
        &mut self,
        id: OrganizationId,
        member: MemberId,
        role: RoleId,
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Expected<()> {
        let mut after = self.member(id, member)?.clone();
        ahead(end, now)?;
        after.roles.insert(role, end);
        self.settle(id, member, after)
    }

    pub(crate) fn unassign(
        &mut self,
        id: OrganizationId,
        member: MemberId,
        role: RoleId,
    ) -> Expected<()> {
        let mut after = self.member(id, member)?.clone();
        if !self.fits(id, role) {
            return Err(ErrorCode::RoleNotFound);
        }
        after
            .roles
            .remove(&role)
            .ok_or(ErrorCode::RoleNotAssigned)?;
        self.settle(id, member, after)
    }

    pub(crate) fn remove_member(&mut self, id: OrganizationId, member: MemberId) -> Expected<()> {
        self.member(id, member)?;
        let organization = self.organization(id)?;
        organization.members.remove(&member);
        organization.revision += 1;
        Ok(())
    }

    pub(crate) fn delete_user(&mut self, user: UserId) -> Expected<()> {
        if !self.users.remove(&user) {
            return Err(ErrorCode::UserNotFound);
        }
        for organization in self.organizations.values_mut() {
            let before = organization.members.len();
            organization.members.retain(|_, member| member.user != user);
            organization.revision += i64::from(organization.members.len() < before);
        }
        Ok(())
    }

    pub(crate) fn suspend(
        &mut self,
        id: OrganizationId,
        suspended: bool,
        now: Timestamp,
    ) -> Expected<()> {
        let organization = self.organization(id)?;
        let after = since(suspended, organization.suspended_at, now);
        organization.revision += i64::from(after != organization.suspended_at);
        organization.suspended_at = after;
        Ok(())
    }

    /// Removes what is over; tells how many members lost something.
    pub(crate) fn sweep(&mut self, now: Timestamp) -> u64 {
        let mut count = 0;
        for organization in self.organizations.values_mut() {
            let before = organization.revision;
            let over = |member: &Member| is_over(member.expires_at, now);
            let all = organization.members.len();
            organization.members.retain(|_, member| !over(member));
            organization.revision += i64::try_from(all - organization.members.len()).unwrap();
            for member in organization.members.values_mut() {
                let held = member.roles.len();
                member.roles.retain(|_, end| !is_over(*end, now));
                organization.revision += i64::from(member.roles.len() < held);
            }
            count += u64::try_from(organization.revision - before).unwrap();
        }
        count
    }
}
