//! Deployments: the tenants of the server, each with organizations, users, roles and keys of its own.

use guildhall_db::{DbError, Verdict, statements};
use guildhall_types::ids::{DeploymentId, RoleId};
use guildhall_types::ledger::{Action, Actor};
use guildhall_types::limits::DEPLOYMENT_NAME_CHARS_MAX;
use guildhall_types::{Empty, ErrorCode, FieldError, Timestamp};
use serde::Serialize;

use crate::guildhall::Guildhall;
use crate::ledger::Change;
use crate::refusal::Refusal;
use crate::roles;
use crate::scope::{Deployment, DeploymentWrite, Recorded, WriteTx, missing_deployment};

statements! {
    INSERT = "INSERT INTO deployments (id, name, created_at, updated_at, revision, ledger_head,
          default_org_creator_role_id, default_org_member_role_id, max_allowed_org_members)
        VALUES (?1, ?2, ?3, ?3, 1, ?4, NULL, NULL, 0)";
    SET_DEFAULT_ROLES = "UPDATE deployments
        SET default_org_creator_role_id = ?2, default_org_member_role_id = ?3 WHERE id = ?1";
    SET_SEATS = "UPDATE deployments SET max_allowed_org_members = ?2, updated_at = ?3 WHERE id = ?1";
    LOAD = "SELECT name, default_org_creator_role_id, default_org_member_role_id, max_allowed_org_members, created_at
        FROM deployments WHERE id = ?1";
    LIST = "SELECT id, name, created_at, updated_at, max_allowed_org_members FROM deployments ORDER BY id";
    FIND = "SELECT id FROM deployments WHERE name = ?1";
    MEMBER_SETTINGS = "SELECT default_org_member_role_id, max_allowed_org_members FROM deployments WHERE id = ?1";
}

/// The deployment that the first start creates.
pub const DEFAULT_DEPLOYMENT: &str = "default";

/// A deployment as the command line shows it.
#[derive(Clone, Debug, Serialize)]
pub struct DeploymentSummary {
    /// Its id.
    pub id: DeploymentId,
    /// Its name, unique on the server.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its settings last changed.
    pub updated_at: Timestamp,
    /// How many members each of its organizations may have; 0 means no cap.
    pub max_allowed_org_members: i64,
}

/// What adding a member asks of the deployment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemberSettings {
    pub(crate) default_role: Option<RoleId>,
    /// 0 means no cap.
    pub(crate) seats_max: i64,
}

/// A new deployment as the ledger keeps it.
#[derive(Debug, Serialize)]
pub(crate) struct DeploymentRecord<'a> {
    pub(crate) name: &'a str,
    pub(crate) default_org_creator_role_id: Option<RoleId>,
    pub(crate) default_org_member_role_id: Option<RoleId>,
    pub(crate) max_allowed_org_members: i64,
    /// The roles that the deployment began with; empty in the records of its changes.
    pub(crate) organization_roles: Vec<DeploymentRoleRecord<'a>>,
    pub(crate) created_at: Timestamp,
}

/// A role that a deployment began with, as the ledger keeps it.
#[derive(Debug, Serialize)]
pub(crate) struct DeploymentRoleRecord<'a> {
    pub(crate) id: RoleId,
    #[serde(flatten)]
    pub(crate) record: roles::RoleRecord<'a>,
}

/// Creates a deployment with the roles Admin and Member, which are its defaults (wire contract, section 7).
pub async fn create(guildhall: &Guildhall, name: &str) -> Result<DeploymentSummary, Refusal> {
    let name = checked_name(name)?;
    let inner = std::sync::Arc::clone(&guildhall.inner);
    let request_id = guildhall.command_request_id()?;
    guildhall
        .inner
        .db
        .write(
            move |sql| {
                let id = inner.ids.next(DeploymentId::new)?;
                let deployment = Deployment::new(id, Actor::CommandLine);
                let tx = inner.write_tx(sql, deployment, &request_id);
                Ok(Verdict::Keep(insert(&tx, &name)?.answer))
            },
            |_, _| Ok(()),
            // Nobody can have asked for a deployment that did not exist.
            |_| {},
        )
        .await
}

fn checked_name(raw: &str) -> Result<String, FieldError> {
    let fits = (1..=DEPLOYMENT_NAME_CHARS_MAX).contains(&raw.len())
        && raw
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if fits {
        return Ok(raw.to_owned());
    }
    Err(FieldError {
        field: "name".to_owned(),
        message: format!(
            "must be 1 to {DEPLOYMENT_NAME_CHARS_MAX} lower-case letters, digits or hyphens"
        ),
    })
}

fn insert(tx: &WriteTx<'_>, name: &str) -> Result<Recorded<DeploymentSummary>, Refusal> {
    let id = tx.deployment.id();
    tx.sql
        .exec_exactly(1, &INSERT, &[&id, &name, &tx.now, &[0_u8; 32]])
        .map_err(taken)?;
    let admin = roles::insert_for_deployment(tx, "Admin", "organization:admin")?;
    let member = roles::insert_for_deployment(tx, "Member", "organization:member")?;
    tx.sql
        .exec_exactly(1, &SET_DEFAULT_ROLES, &[&id, &admin.id, &member.id])?;
    let record = DeploymentRecord {
        name,
        default_org_creator_role_id: Some(admin.id),
        default_org_member_role_id: Some(member.id),
        max_allowed_org_members: 0,
        organization_roles: [&admin, &member]
            .map(|role| DeploymentRoleRecord {
                id: role.id,
                record: roles::record(role),
            })
            .into(),
        created_at: tx.now,
    };
    let change = Change::created(Action::DeploymentCreated, id.raw(), &record)?;
    let summary = DeploymentSummary {
        id,
        name: name.to_owned(),
        created_at: tx.now,
        updated_at: tx.now,
        max_allowed_org_members: 0,
    };
    DeploymentWrite::begin(tx).record(change, summary)
}

fn taken(error: DbError) -> Refusal {
    match &error {
        DbError::Unique(column) if column == "deployments.name" => Refusal::field(
            ErrorCode::InvalidRequest,
            "name",
            "is the name of another deployment",
        ),
        _ => error.into(),
    }
}

/// Caps the members of each organization of the deployment; 0 lifts the cap. Organizations that have more keep them.
pub async fn set_seats(
    guildhall: &Guildhall,
    deployment: Deployment,
    seats_max: u32,
) -> Result<Empty, Refusal> {
    let seats_max = i64::from(seats_max);
    guildhall
        .operate(deployment, move |tx| {
            let id = tx.deployment.id();
            let write = DeploymentWrite::open(tx)?;
            let stored = tx.sql.one(&LOAD, &[&id], |row| {
                Ok::<_, Refusal>((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })?;
            let (name, creator, member, seats_before, created_at): (String, _, _, i64, _) = stored
                .ok_or_else(|| Refusal::internal("the deployment of the operator is missing"))?;
            tx.sql
                .exec_exactly(1, &SET_SEATS, &[&id, &seats_max, &tx.now])?;
            let record = |max_allowed_org_members| DeploymentRecord {
                name: &name,
                default_org_creator_role_id: creator,
                default_org_member_role_id: member,
                max_allowed_org_members,
                organization_roles: Vec::new(),
                created_at,
            };
            let (before, after) = (record(seats_before), record(seats_max));
            let change = Change::updated(Action::DeploymentUpdated, id.raw(), &before, &after)?;
            write.record(change, Empty {})
        })
        .await
}

/// Every deployment of the server, oldest first.
pub async fn list(guildhall: &Guildhall) -> Result<Vec<DeploymentSummary>, Refusal> {
    let read = guildhall.inner.db.point(|sql| {
        sql.rows(&LIST, &[], |row| {
            Ok(DeploymentSummary {
                id: row.get(0)?,
                name: row.get(1)?,
                created_at: row.get(2)?,
                updated_at: row.get(3)?,
                max_allowed_org_members: row.get(4)?,
            })
        })
    });
    read.await
}

/// The deployment of this name, for the operator at the command line: who can open the database can do
/// everything anyway.
pub async fn operator(guildhall: &Guildhall, name: &str) -> Result<Deployment, Refusal> {
    let id = find(guildhall, name).await?.ok_or_else(|| {
        Refusal::field(
            ErrorCode::InvalidRequest,
            "deployment",
            format!("`{name}` does not exist; `guildhall deployment list` shows those that do"),
        )
    })?;
    Ok(Deployment::new(id, Actor::CommandLine))
}

/// Creates the deployment unless there is one of this name; several servers may do so at once.
pub async fn ensure(guildhall: &Guildhall, name: &str) -> Result<(), Refusal> {
    if find(guildhall, name).await?.is_some() {
        return Ok(());
    }
    let created = create(guildhall, name).await;
    match created {
        Err(refusal) if find(guildhall, name).await?.is_none() => Err(refusal),
        // It is there; whose it is makes no difference.
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn find(guildhall: &Guildhall, name: &str) -> Result<Option<DeploymentId>, Refusal> {
    let name = name.to_owned();
    let found = guildhall.inner.db.point(move |sql| {
        sql.one(&FIND, &[&name], |row| {
            Ok::<_, Refusal>(row.get::<DeploymentId>(0)?)
        })
    });
    found.await
}

/// What adding a member asks of the deployment.
pub(crate) fn member_settings(tx: &WriteTx<'_>) -> Result<MemberSettings, Refusal> {
    tx.sql
        .one(&MEMBER_SETTINGS, &[&tx.deployment.id()], |row| {
            Ok::<_, Refusal>(MemberSettings {
                default_role: row.get(0)?,
                seats_max: row.get(1)?,
            })
        })?
        .ok_or_else(missing_deployment)
}
