//! The members of an organization. That their users exist is the engine's business: a foreign key says so.

use std::collections::BTreeSet;
use std::str::FromStr;

use guildhall_db::{Param, Row, statements};
use guildhall_types::ids::{KeyId, MemberId, RoleId, UserId};
use guildhall_types::{JsonObject, Timestamp};

use super::history::Kind;
use super::streams::Stream;
use super::{Audit, PAGE, Place, Rule, origins};
use crate::members::MemberRecord;
use crate::refusal::Refusal;

statements! {
    MEMBERS = "SELECT m.id, m.user_id, m.created_at, m.updated_at, m.public_metadata,
          (SELECT string_agg(CAST(l.role_id AS TEXT) || '@' || CAST(l.scope AS TEXT)
              || '@' || COALESCE(CAST(l.expires_at AS TEXT), '')
              || '@' || COALESCE(CAST(l.since_revision AS TEXT), '')
              || '@' || COALESCE(CAST(l.granted_by_key_id AS TEXT), ''), ',')
            FROM organization_member_roles l
            WHERE l.deployment_id = m.deployment_id AND l.organization_id = m.organization_id
              AND l.member_id = m.id),
          m.expires_at, m.suspended_at, m.since_revision, m.added_by_key_id
        FROM organization_members m
        WHERE m.deployment_id = ?1 AND m.organization_id = ?2 AND m.id > ?3 ORDER BY m.id LIMIT ?4";
}

/// The roles that a member of an organization may hold.
#[derive(Clone, Copy)]
pub(super) struct Holdable<'a> {
    pub(super) of_deployment: &'a BTreeSet<i64>,
    pub(super) own: &'a BTreeSet<i64>,
}

struct StoredMember {
    id: MemberId,
    user_id: UserId,
    created_at: Timestamp,
    updated_at: Timestamp,
    public_metadata: JsonObject,
    /// In the order of the ids.
    links: BTreeSet<Link>,
    expires_at: Option<Timestamp>,
    suspended_at: Option<Timestamp>,
    since_revision: Option<i64>,
    added_by: Option<KeyId>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    role: RoleId,
    scope: i64,
    expires_at: Option<Timestamp>,
    since_revision: Option<i64>,
    granted_by: Option<KeyId>,
}

fn read(row: &Row<'_>) -> Result<StoredMember, Refusal> {
    Ok(StoredMember {
        id: row.get(0)?,
        user_id: row.get(1)?,
        created_at: row.get(2)?,
        updated_at: row.get(3)?,
        public_metadata: row.get(4)?,
        links: links(&row.get::<Option<String>>(5)?.unwrap_or_default())
            .ok_or_else(|| row.corrupt(5, "not the roles of a member"))?,
        expires_at: row.get(6)?,
        suspended_at: row.get(7)?,
        since_revision: row.get(8)?,
        added_by: row.get(9)?,
    })
}

fn links(text: &str) -> Option<BTreeSet<Link>> {
    let items = text.split(',').filter(|item| !item.is_empty());
    items
        .map(|item| {
            let mut parts = item.split('@');
            Some(Link {
                role: parts.next()?.parse().ok()?,
                scope: parts.next()?.parse().ok()?,
                expires_at: optional(parts.next()?).ok()?.map(Timestamp::from_micros),
                since_revision: optional(parts.next()?).ok()?,
                granted_by: optional(parts.next()?).ok()?,
            })
        })
        .collect()
}

/// A number, or the empty text for none.
fn optional<T: FromStr>(text: &str) -> Result<Option<T>, T::Err> {
    Some(text)
        .filter(|text| !text.is_empty())
        .map(str::parse)
        .transpose()
}

/// Compares the members of an organization with its stream; tells how many there are.
pub(super) fn check(
    audit: &mut Audit<'_>,
    stream: &mut Stream,
    holdable: Holdable<'_>,
) -> Result<u64, Refusal> {
    let (mut after, mut count) = (i64::MIN, 0);
    loop {
        let params: [&dyn Param; 4] = [&stream.deployment, &stream.id, &after, &PAGE];
        let members = audit.sql.rows(&MEMBERS, &params, read)?;
        for member in &members {
            one(audit, stream, holdable, member)?;
        }
        count += members.len() as u64;
        match members.last() {
            Some(last) if members.len() == PAGE as usize => after = last.id.raw(),
            _ => break,
        }
    }
    audit.report.members += count;
    Ok(count)
}

fn one(
    audit: &mut Audit<'_>,
    stream: &mut Stream,
    holdable: Holdable<'_>,
    member: &StoredMember,
) -> Result<(), Refusal> {
    let place = stream.place.part(Kind::Member.noun(), member.id.raw());
    let end = |link: &Link| Some((link.role, link.expires_at?));
    let record = MemberRecord {
        user_id: member.user_id,
        role_ids: member.links.iter().map(|link| link.role).collect(),
        role_expires_at: member.links.iter().filter_map(end).collect(),
        public_metadata: &member.public_metadata,
        expires_at: member.expires_at,
        suspended_at: member.suspended_at,
        created_at: member.created_at,
        updated_at: member.updated_at,
    };
    stream.row(audit, Kind::Member, member.id.raw(), &place, &record)?;
    let added = stream.history.origins.of(member.id.raw());
    let stored = (member.since_revision, member.added_by);
    origins::expect(audit, &place, "it", stored, added);
    for link in &member.links {
        held(audit, stream, holdable, &place, link);
        let given = stream
            .history
            .origins
            .of_grant(member.id.raw(), link.role.raw());
        let stored = (link.since_revision, link.granted_by);
        let what = format!("role {}", link.role);
        origins::expect(audit, &place, &what, stored, given);
    }
    Ok(())
}

fn held(
    audit: &mut Audit<'_>,
    stream: &Stream,
    holdable: Holdable<'_>,
    place: &Place,
    link: &Link,
) {
    let role = link.role.raw();
    let exists = (link.scope == 0 && holdable.of_deployment.contains(&role))
        || (link.scope == stream.id && holdable.own.contains(&role));
    if !exists {
        let message =
            format!("holds role {role}, which is none of the organization or the deployment");
        audit.find(place, Rule::RoleLink, message);
    }
}
