//! Changing members.

use std::collections::BTreeSet;

use guildhall_db::{DbError, statements};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::ledger::Action;
use guildhall_types::limits::MEMBER_ROLES_MAX;
use guildhall_types::members::{self as wire, OrganizationMember};
use guildhall_types::{Empty, ErrorCode, FieldError, IfMatch, JsonObject, Timestamp};

use super::expiry;
use super::rows::{Assignment, MemberRecord, MemberRow, load, member_roles};
use crate::deployments;
use crate::fields::{Patch, future};
use crate::ledger::Change;
use crate::refusal::Refusal;
use crate::roles::{self, Lookup};
use crate::scope::{OrganizationWrite, Recorded, WriteTx};
use crate::users;

statements! {
    INSERT = "INSERT INTO organization_members
          (deployment_id, organization_id, id, user_id, created_at, updated_at, public_metadata, expires_at,
          since_revision, added_by_key_id)
        VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9)";
    UPDATE = "UPDATE organization_members
        SET updated_at = ?4, public_metadata = ?5, expires_at = ?6, suspended_at = ?7
        WHERE deployment_id = ?1 AND organization_id = ?2 AND id = ?3";
    DELETE = "DELETE FROM organization_members WHERE deployment_id = ?1 AND organization_id = ?2 AND id = ?3";
    INSERT_LINK = "INSERT INTO organization_member_roles
          (deployment_id, organization_id, member_id, role_id, scope, expires_at, since_revision, granted_by_key_id)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    DELETE_LINK = "DELETE FROM organization_member_roles
        WHERE deployment_id = ?1 AND organization_id = ?2 AND member_id = ?3 AND role_id = ?4";
    DELETE_LINKS = "DELETE FROM organization_member_roles
        WHERE deployment_id = ?1 AND organization_id = ?2 AND member_id = ?3";
    OF_USER = "SELECT organization_id, id FROM organization_members
        WHERE deployment_id = ?1 AND user_id = ?2 ORDER BY organization_id";
}

/// A checked command to add a member.
#[derive(Debug)]
pub struct AddMember {
    user_id: UserId,
    role_ids: BTreeSet<RoleId>,
    public_metadata: JsonObject,
    expires_at: Option<Timestamp>,
}

/// A checked command to change a member.
#[derive(Debug)]
pub struct UpdateMember {
    role_ids: Option<BTreeSet<RoleId>>,
    public_metadata: Option<JsonObject>,
    expires_at: Patch<Timestamp>,
    suspended: Option<bool>,
}

impl AddMember {
    /// Checks the request.
    pub fn check(request: wire::AddMember) -> Result<Self, Refusal> {
        Ok(Self {
            user_id: request.user_id,
            role_ids: role_set(request.role_ids.as_deref().unwrap_or_default())?,
            public_metadata: request.public_metadata.unwrap_or_default(),
            expires_at: request.expires_at,
        })
    }
}

impl UpdateMember {
    /// Checks the request. One that names nothing is a change of nothing, not an error (wire contract, section 6).
    pub fn check(request: wire::UpdateMember) -> Result<Self, Refusal> {
        Ok(Self {
            role_ids: request.role_ids.as_deref().map(role_set).transpose()?,
            public_metadata: request.public_metadata,
            expires_at: request.expires_at,
            suspended: request.suspended,
        })
    }

    fn apply(&self, before: &MemberRow, now: Timestamp) -> Result<MemberRow, FieldError> {
        if let Patch::Set(end) = self.expires_at {
            future("expires_at", Some(end), now)?;
        }
        let mut after = before.clone();
        if let Some(role_ids) = &self.role_ids {
            after.assignments = role_ids.iter().map(|id| kept(before, *id, now)).collect();
        }
        if let Some(metadata) = &self.public_metadata {
            after.public_metadata = metadata.clone();
        }
        self.expires_at.apply(&mut after.expires_at);
        if let Some(suspended) = self.suspended {
            after.suspended_at = suspended.then(|| after.suspended_at.unwrap_or(now));
        }
        Ok(after)
    }
}

/// A role of a new set: one that the member holds keeps its end; one whose end has passed is given anew.
fn kept(before: &MemberRow, role_id: RoleId, now: Timestamp) -> Assignment {
    let held = before.assignment(role_id).filter(|held| !held.is_over(now));
    held.copied().unwrap_or(Assignment {
        role_id,
        expires_at: None,
    })
}

fn role_set(ids: &[RoleId]) -> Result<BTreeSet<RoleId>, FieldError> {
    let set: BTreeSet<RoleId> = ids.iter().copied().collect();
    if set.len() > MEMBER_ROLES_MAX {
        let message = format!("must be at most {MEMBER_ROLES_MAX} roles");
        return Err(FieldError {
            field: "role_ids".to_owned(),
            message,
        });
    }
    Ok(set)
}

/// Adds a user to an organization; without roles, with the deployment's default member role. A membership of the user that
/// has expired is removed first, with an entry of its own.
pub fn add(
    tx: &WriteTx<'_>,
    organization: OrganizationId,
    if_match: &IfMatch,
    command: &AddMember,
) -> Result<Recorded<OrganizationMember>, Refusal> {
    let organization = OrganizationWrite::open(tx, organization, if_match)?;
    future("expires_at", command.expires_at, tx.now)?;
    users::require(&tx.read(), command.user_id)?;
    let mut organization = expiry::make_way(organization, command.user_id)?;
    let settings = deployments::member_settings(tx)?;
    let mut role_ids = command.role_ids.clone();
    if role_ids.is_empty() {
        role_ids.extend(settings.default_role);
    }
    let id = tx.ids.next(MemberId::new)?;
    insert(&organization, id, command)?;
    for role_id in role_ids {
        let assignment = Assignment {
            role_id,
            expires_at: None,
        };
        link(&organization, id, &assignment)?;
    }
    if settings.seats_max > 0 && organization.member_count >= settings.seats_max {
        let message = format!(
            "the organization may have at most {} members",
            settings.seats_max
        );
        return Err(Refusal::new(ErrorCode::SeatLimitReached, message));
    }
    organization.member_count += 1;
    let row = load(&tx.read(), organization.id, id)?;
    let change = Change::created(Action::MemberAdded, id.raw(), &row.record())?;
    let held = row.assignments.iter();
    let roles = member_roles(&tx.read(), &mut Lookup::default(), organization.id, held)?;
    organization.record(change, row.wire(roles))
}

fn insert(
    organization: &OrganizationWrite<'_>,
    id: MemberId,
    command: &AddMember,
) -> Result<(), Refusal> {
    let tx = organization.tx;
    let inserted = tx.sql.exec_exactly(
        1,
        &INSERT,
        &[
            &tx.deployment.id(),
            &organization.id,
            &id,
            &command.user_id,
            &tx.now,
            &command.public_metadata,
            &command.expires_at,
            &organization.revision(),
            &tx.deployment.actor().key(),
        ],
    );
    inserted.map_err(|error| match &error {
        DbError::Unique(column) if column == "organization_members.user_id" => Refusal::field(
            ErrorCode::MemberExists,
            "user_id",
            "is a member of the organization already",
        ),
        // The user was deleted between the look and the insert, by another server.
        DbError::ForeignKey => Refusal::plain(ErrorCode::UserNotFound),
        _ => error.into(),
    })
}

/// Gives a member a role that it does not hold yet.
fn link(
    organization: &OrganizationWrite<'_>,
    member: MemberId,
    assignment: &Assignment,
) -> Result<(), Refusal> {
    let tx = organization.tx;
    let scope = roles::scope(&tx.read(), organization.id, assignment.role_id)?
        .ok_or_else(|| Refusal::plain(ErrorCode::RoleNotFound))?;
    tx.sql.exec_exactly(
        1,
        &INSERT_LINK,
        &[
            &tx.deployment.id(),
            &organization.id,
            &member,
            &assignment.role_id,
            &scope,
            &assignment.expires_at,
            &organization.revision(),
            &tx.deployment.actor().key(),
        ],
    )?;
    Ok(())
}

fn unlink(
    organization: &OrganizationWrite<'_>,
    member: MemberId,
    role: RoleId,
) -> Result<(), Refusal> {
    let deployment = organization.tx.deployment.id();
    organization.tx.sql.exec_exactly(
        1,
        &DELETE_LINK,
        &[&deployment, &organization.id, &member, &role],
    )?;
    Ok(())
}

/// Changes a member: a set of roles replaces the old one by its difference, metadata is replaced as a whole.
pub fn update(
    tx: &WriteTx<'_>,
    organization: OrganizationId,
    id: MemberId,
    if_match: &IfMatch,
    command: &UpdateMember,
) -> Result<Recorded<Empty>, Refusal> {
    let organization = OrganizationWrite::open(tx, organization, if_match)?;
    let before = load(&tx.read(), organization.id, id)?;
    let after = command.apply(&before, tx.now)?;
    let action = match (before.suspended_at, after.suspended_at) {
        (None, Some(_)) => Action::MemberSuspended,
        (Some(_), None) => Action::MemberReactivated,
        _ if before.assignments == after.assignments => Action::MemberUpdated,
        _ => Action::MemberRolesUpdated,
    };
    settle(organization, &before, after, action)
}

/// Gives a member a role until `expires_at`, or without limit; a role that is held already is held until then from now on.
pub fn assign_role(
    tx: &WriteTx<'_>,
    organization: OrganizationId,
    id: MemberId,
    role: RoleId,
    request: wire::AssignRole,
    if_match: &IfMatch,
) -> Result<Recorded<Empty>, Refusal> {
    let organization = OrganizationWrite::open(tx, organization, if_match)?;
    let before = load(&tx.read(), organization.id, id)?;
    future("expires_at", request.expires_at, tx.now)?;
    let mut after = before.clone();
    after.assignments.retain(|held| held.role_id != role);
    after.assignments.push(Assignment {
        role_id: role,
        expires_at: request.expires_at,
    });
    after.assignments.sort_unstable_by_key(|held| held.role_id);
    if after.assignments.len() > MEMBER_ROLES_MAX {
        let message = format!("a member may hold at most {MEMBER_ROLES_MAX} roles");
        return Err(Refusal::new(ErrorCode::RoleLimitReached, message));
    }
    settle(organization, &before, after, Action::MemberRolesUpdated)
}

/// Takes one role from a member.
pub fn unassign_role(
    tx: &WriteTx<'_>,
    organization: OrganizationId,
    id: MemberId,
    role: RoleId,
    if_match: &IfMatch,
) -> Result<Recorded<Empty>, Refusal> {
    let organization = OrganizationWrite::open(tx, organization, if_match)?;
    let before = load(&tx.read(), organization.id, id)?;
    if roles::scope(&tx.read(), organization.id, role)?.is_none() {
        return Err(Refusal::plain(ErrorCode::RoleNotFound));
    }
    if before.assignment(role).is_none() {
        return Err(Refusal::plain(ErrorCode::RoleNotAssigned));
    }
    let mut after = before.clone();
    after.assignments.retain(|held| held.role_id != role);
    settle(organization, &before, after, Action::MemberRolesUpdated)
}

/// Writes the difference between two states of a member and records it as `action`.
pub(super) fn settle(
    organization: OrganizationWrite<'_>,
    before: &MemberRow,
    mut after: MemberRow,
    action: Action,
) -> Result<Recorded<Empty>, Refusal> {
    if before.same_fields(&after) {
        return Ok(organization.unchanged(Empty {}));
    }
    let tx = organization.tx;
    after.updated_at = tx.now;
    tx.sql.exec_exactly(
        1,
        &UPDATE,
        &[
            &tx.deployment.id(),
            &organization.id,
            &after.id,
            &after.updated_at,
            &after.public_metadata,
            &after.expires_at,
            &after.suspended_at,
        ],
    )?;
    let lost = |held: &&Assignment| !after.assignments.contains(held);
    for held in before.assignments.iter().filter(lost) {
        unlink(&organization, after.id, held.role_id)?;
    }
    let gained = |held: &&Assignment| !before.assignments.contains(held);
    for held in after.assignments.iter().filter(gained) {
        link(&organization, after.id, held)?;
    }
    let (from, to): (MemberRecord<'_>, MemberRecord<'_>) = (before.record(), after.record());
    let change = Change::updated(action, after.id.raw(), &from, &to)?;
    organization.record(change, Empty {})
}

/// Removes a member; the user stays.
pub fn remove(
    tx: &WriteTx<'_>,
    organization: OrganizationId,
    id: MemberId,
    if_match: &IfMatch,
) -> Result<Recorded<Empty>, Refusal> {
    let organization = OrganizationWrite::open(tx, organization, if_match)?;
    let row = load(&tx.read(), organization.id, id)?;
    take_out(organization, &row, Action::MemberRemoved)
}

/// Deletes the rows of a member and records it as `action`.
pub(super) fn take_out(
    mut organization: OrganizationWrite<'_>,
    row: &MemberRow,
    action: Action,
) -> Result<Recorded<Empty>, Refusal> {
    let tx = organization.tx;
    let deployment = tx.deployment.id();
    tx.sql
        .exec(&DELETE_LINKS, &[&deployment, &organization.id, &row.id])?;
    tx.sql
        .exec_exactly(1, &DELETE, &[&deployment, &organization.id, &row.id])?;
    organization.member_count -= 1;
    let change = Change::deleted(action, row.id.raw(), &row.record())?;
    organization.record(change, Empty {})
}

/// Removes a user from every organization: each gets a revision and a ledger entry of its own, in the one
/// transaction of the caller.
pub(crate) fn remove_everywhere(tx: &WriteTx<'_>, user: UserId) -> Result<(), Refusal> {
    let memberships = tx
        .sql
        .rows(&OF_USER, &[&tx.deployment.id(), &user], |row| {
            Ok::<_, Refusal>((row.get::<OrganizationId>(0)?, row.get::<MemberId>(1)?))
        })?;
    for (organization, member) in memberships {
        let _recorded = remove(tx, organization, member, &IfMatch::Any)?;
    }
    Ok(())
}
