//! What the loop learns from the server: the values that a command of it wrote, and how many rows.

use std::collections::BTreeMap;

use guildhall_types::ids::OrganizationId;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::failure::{Failure, Outcome};

/// How many rows there are, by table.
pub(crate) type Rows = BTreeMap<String, i64>;

/// The database that the server writes, seen from beside it.
#[derive(Debug)]
pub(super) struct Teacher<'c> {
    pub(super) connection: &'c Connection,
    pub(super) deployment: i64,
}

/// What the ledger has of a change that the server made.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) action: String,
    pub(super) actor: Value,
    pub(super) request_id: String,
    pub(super) after: String,
}

/// An organization that the server made: what its command bound.
#[derive(Debug)]
pub(super) struct NewOrganization {
    pub(super) id: OrganizationId,
    /// From `name` to `external_id`, in the order of the insert.
    pub(super) fields: Vec<Value>,
    pub(super) endings: Vec<String>,
    pub(super) entry: Entry,
}

/// A member that the server added: what its command bound.
#[derive(Debug)]
pub(super) struct NewMember {
    pub(super) metadata: String,
    pub(super) role: i64,
    pub(super) scope: i64,
    pub(super) entry: Entry,
    /// The rows that it added.
    pub(super) rows: Rows,
}

impl Teacher<'_> {
    /// What the server wrote when it was asked to create this organization.
    pub(super) fn organization(&self, id: OrganizationId) -> Outcome<NewOrganization> {
        let place = params![self.deployment, id.raw()];
        let fields = self.connection.query_row(
            "SELECT name, name_key, description, image_id, image_name, public_metadata,
              private_metadata, slug, external_id
            FROM organizations WHERE deployment_id = ?1 AND id = ?2",
            place,
            |row| (0..9).map(|column| row.get(column)).collect(),
        )?;
        let mut endings = self.connection.prepare(
            "SELECT ending FROM organization_name_endings
            WHERE deployment_id = ?1 AND organization_id = ?2",
        )?;
        let endings = endings
            .query_map(place, |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let entry = self.entry(id, id.raw())?;
        Ok(NewOrganization {
            id,
            fields,
            endings,
            entry,
        })
    }

    /// What the server wrote when it was asked to add this member; `before` are the rows of then.
    pub(super) fn member(
        &self,
        organization: OrganizationId,
        member: i64,
        before: &Rows,
    ) -> Outcome<NewMember> {
        let (metadata, role, scope) = self.connection.query_row(
            "SELECT m.public_metadata, l.role_id, l.scope
            FROM organization_members m, organization_member_roles l
            WHERE m.deployment_id = ?1 AND m.organization_id = ?2 AND m.id = ?3
              AND l.deployment_id = ?1 AND l.organization_id = ?2 AND l.member_id = ?3",
            params![self.deployment, organization.raw(), member],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let entry = self.entry(organization, member)?;
        let rows = difference(&self.rows(organization)?, before);
        Ok(NewMember {
            metadata,
            role,
            scope,
            entry,
            rows,
        })
    }

    fn entry(&self, stream: OrganizationId, entity: i64) -> Outcome<Entry> {
        let entry = self.connection.query_row(
            "SELECT action, actor_key_id, request_id, after FROM ledger
            WHERE deployment_id = ?1 AND stream_id = ?2 AND entity_id = ?3",
            params![self.deployment, stream.raw(), entity],
            |row| {
                Ok(Entry {
                    action: row.get(0)?,
                    actor: row.get(1)?,
                    request_id: row.get(2)?,
                    after: row.get(3)?,
                })
            },
        );
        Ok(entry?)
    }

    /// How many rows of each table belong to the organization, in whatever table there is.
    pub(super) fn rows(&self, organization: OrganizationId) -> Outcome<Rows> {
        let mut columns = self.connection.prepare(
            "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c
            WHERE t.type = 'table' AND c.name IN ('organization_id', 'stream_id')",
        )?;
        let columns: Vec<(String, String)> = columns
            .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut rows = Rows::new();
        for (table, column) in columns {
            let count = self.connection.query_row(
                &format!("SELECT COUNT(*) FROM {table} WHERE deployment_id = ?1 AND {column} = ?2"),
                params![self.deployment, organization.raw()],
                |row| row.get(0),
            )?;
            rows.insert(table, count);
        }
        Ok(rows)
    }
}

/// The rows that came between two looks.
pub(super) fn difference(after: &Rows, before: &Rows) -> Rows {
    let more = |(table, count): (&String, &i64)| {
        (
            table.clone(),
            count - before.get(table).copied().unwrap_or_default(),
        )
    };
    after.iter().map(more).collect()
}

/// Refuses to go on when the loop leaves other rows than the server.
pub(super) fn same(server: &Rows, raw: &Rows) -> Outcome {
    if server == raw {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the raw loop no longer writes what the server writes; bring crates/guildhall-bench/src/raw \
         up to date: the server leaves {server:?}, the loop {raw:?}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_one_side_lacks_is_seen() {
        let rows = |members, links| {
            Rows::from([("members".to_owned(), members), ("links".to_owned(), links)])
        };
        let added = difference(&rows(5, 3), &rows(4, 2));
        assert!(same(&rows(1, 1), &added).is_ok());
        assert!(same(&rows(1, 0), &added).is_err());
    }
}
