//! The canonical export: everything that a database holds, as text, the same bytes for the same content.
//!
//! Every table in a fixed order, its rows in the order of the primary key, one JSON object a line. Two databases with
//! equal exports hold the same: how a restored backup is shown to be equal, and one engine to another. Nothing is
//! left out, not even answers kept under an `Idempotency-Key` or the reservations of ids: after a restore a repeated
//! request must still find its answer, and no id may be given out twice.

use std::io::{self, Write};

use guildhall_db::{Row, Stmt};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::guildhall::Guildhall;
use crate::refusal::Refusal;

/// The type of a column in the neutral words of the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    BigInt,
    Boolean,
    Bytea,
    Text,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// All rows, in the order of the primary key.
    pub(crate) select: Stmt,
    /// One row; the parameters are the columns in their order.
    pub(crate) insert: Stmt,
    pub(crate) count: Stmt,
}

macro_rules! placeholder {
    ($column:ident) => {
        ", ?"
    };
}

macro_rules! tables {
    ($($name:literal ordered by $key:literal: $first:ident $first_kind:ident $(, $column:ident $kind:ident)*;)+) => {
        /// Every table, those that others refer to first.
        pub(crate) static TABLES: [Table; [$($name),+].len()] = [$(Table {
            name: $name,
            columns: &[
                (stringify!($first), Kind::$first_kind),
                $((stringify!($column), Kind::$kind)),*
            ],
            select: Stmt::new(concat!("SELECT ", stringify!($first), $(", ", stringify!($column),)*
                " FROM ", $name, " ORDER BY ", $key)),
            insert: Stmt::new(concat!("INSERT INTO ", $name, " (", stringify!($first),
                $(", ", stringify!($column),)* ") VALUES (?", $(placeholder!($column),)* ")")),
            count: Stmt::new(concat!("SELECT COUNT(*) FROM ", $name)),
        }),+];
    };
}

tables! {
    "deployments" ordered by "id":
        id BigInt, name Text, created_at BigInt, updated_at BigInt, revision BigInt, ledger_head Bytea,
        default_org_creator_role_id BigInt, default_org_member_role_id BigInt, max_allowed_org_members BigInt;
    "deployment_counts" ordered by "deployment_id, noun, shard":
        deployment_id BigInt, noun Text, shard BigInt, value BigInt;
    "id_slots" ordered by "slot": slot BigInt, reserved_until BigInt;
    "api_keys" ordered by "deployment_id, id":
        deployment_id BigInt, id BigInt, name Text, scope Text, secret_hash Bytea, hint Text, created_at BigInt,
        expires_at BigInt, revoked_at BigInt;
    "organizations" ordered by "deployment_id, id":
        deployment_id BigInt, id BigInt, created_at BigInt, updated_at BigInt, revision BigInt, ledger_head Bytea,
        name Text, name_key Text, description Text, image_id BigInt, image_name Text, member_count BigInt,
        role_count BigInt, public_metadata Text, private_metadata Text, slug Text, external_id Text,
        suspended_at BigInt;
    "organization_name_endings" ordered by "deployment_id, ending, organization_id":
        deployment_id BigInt, ending Text, organization_id BigInt;
    "organization_roles" ordered by "deployment_id, scope, id":
        deployment_id BigInt, scope BigInt, id BigInt, organization_id BigInt, created_at BigInt, updated_at BigInt,
        name Text, name_key Text, permissions Text, permissions_revision BigInt;
    "users" ordered by "deployment_id, id":
        deployment_id BigInt, id BigInt, created_at BigInt, updated_at BigInt, revision BigInt, first_name Text,
        first_name_key Text, last_name Text, last_name_key Text, username Text, username_key Text, search_key Text,
        primary_email Text, primary_email_key Text, primary_phone Text, image_id BigInt, image_name Text,
        disabled Boolean, second_factor_policy Text, public_metadata Text, private_metadata Text, external_id Text;
    "user_emails" ordered by "deployment_id, user_id, id":
        deployment_id BigInt, user_id BigInt, id BigInt, created_at BigInt, updated_at BigInt, email Text,
        email_key Text, is_primary Boolean, verified_at BigInt;
    "user_phones" ordered by "deployment_id, user_id, id":
        deployment_id BigInt, user_id BigInt, id BigInt, created_at BigInt, updated_at BigInt, country_code Text,
        national_number Text, phone_key Text, is_primary Boolean, verified_at BigInt;
    "organization_members" ordered by "deployment_id, organization_id, id":
        deployment_id BigInt, organization_id BigInt, id BigInt, user_id BigInt, created_at BigInt,
        updated_at BigInt, public_metadata Text, expires_at BigInt, suspended_at BigInt, since_revision BigInt,
        added_by_key_id BigInt;
    "organization_member_roles" ordered by "deployment_id, organization_id, member_id, role_id":
        deployment_id BigInt, organization_id BigInt, member_id BigInt, role_id BigInt, scope BigInt,
        expires_at BigInt, since_revision BigInt, granted_by_key_id BigInt;
    "images" ordered by "deployment_id, id":
        deployment_id BigInt, id BigInt, owner_id BigInt, name Text, content_type Text, content Bytea,
        created_at BigInt;
    "ledger" ordered by "deployment_id, stream_id, revision":
        deployment_id BigInt, stream_id BigInt, revision BigInt, occurred_at BigInt, action Text,
        actor_key_id BigInt, request_id Text, entity_id BigInt, before Text, after Text, previous_hash Bytea,
        hash Bytea;
    "ledger_ends" ordered by "deployment_id, stream_id":
        deployment_id BigInt, stream_id BigInt, revision BigInt, hash Bytea;
    "idempotency_records" ordered by "deployment_id, idempotency_key":
        deployment_id BigInt, idempotency_key Text, fingerprint Bytea, answer Text, stream_id BigInt,
        revision BigInt, expires_at BigInt;
    "schema_migrations" ordered by "number": number BigInt, name Text, usable_from BigInt;
}

/// The statements of all tables, for the tests that prepare them on each engine.
pub(crate) fn statements() -> Vec<&'static Stmt> {
    TABLES
        .iter()
        .flat_map(|table| [&table.select, &table.insert, &table.count])
        .collect()
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportSummary {
    /// Rows of all tables, which is lines.
    pub rows: u64,
    /// SHA-256 over all bytes, in hexadecimal: equal for equal content.
    pub sha256: String,
}

/// Writes everything as of one moment. May take minutes: not for an async thread.
pub fn export(guildhall: &Guildhall, writer: impl Write + Send) -> Result<ExportSummary, Refusal> {
    guildhall.inner.db.long_read(|sql| {
        let mut output = Output::new(writer);
        for table in &TABLES {
            sql.each(&table.select, &[], |row| output.row(table, row))?;
        }
        output.finish()
    })
}

/// An export that is being written.
pub(crate) struct Output<W> {
    writer: W,
    hasher: Sha256,
    rows: u64,
    line: Vec<u8>,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self {
            writer,
            hasher: Sha256::new(),
            rows: 0,
            line: Vec::new(),
        }
    }

    /// The next row, of the same table or of one after it.
    pub(crate) fn row(&mut self, table: &Table, row: &Row<'_>) -> Result<(), Refusal> {
        self.line.clear();
        self.line.extend_from_slice(b"{\"table\":");
        serde_json::to_writer(&mut self.line, table.name)?;
        let mut before = ",\"row\":{";
        for (index, (name, kind)) in table.columns.iter().enumerate() {
            self.line.extend_from_slice(before.as_bytes());
            serde_json::to_writer(&mut self.line, name)?;
            self.line.push(b':');
            self.value(row, index, *kind)?;
            before = ",";
        }
        self.line.extend_from_slice(b"}}\n");
        self.hasher.update(&self.line);
        self.rows += 1;
        self.writer.write_all(&self.line).map_err(failed)
    }

    fn value(&mut self, row: &Row<'_>, index: usize, kind: Kind) -> Result<(), Refusal> {
        let line = &mut self.line;
        match kind {
            Kind::BigInt => serde_json::to_writer(line, &row.get::<Option<i64>>(index)?)?,
            Kind::Boolean => serde_json::to_writer(line, &row.get::<Option<bool>>(index)?)?,
            Kind::Text => serde_json::to_writer(line, &row.get::<Option<String>>(index)?)?,
            Kind::Bytea => {
                let bytes: Option<Vec<u8>> = row.get(index)?;
                serde_json::to_writer(line, &bytes.map(hex::encode))?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<ExportSummary, Refusal> {
        self.writer.flush().map_err(failed)?;
        Ok(ExportSummary {
            rows: self.rows,
            sha256: hex::encode(self.hasher.finalize()),
        })
    }
}

fn failed(error: io::Error) -> Refusal {
    Refusal::internal(error)
}
