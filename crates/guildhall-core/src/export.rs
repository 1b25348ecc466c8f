//! The canonical export: everything that a database holds, as text, the same bytes for the same content.
//!
//! Every table in a fixed order, its rows in the order of the primary key, one JSON object a line. Two databases with
//! equal exports hold the same: how a restored backup is shown to be equal, and one engine to another. Nothing is
//! left out, not even answers kept under an `Idempotency-Key` or the reservations of ids: after a restore a repeated
//! request must still find its answer, and no id may be given out twice.

use std::io::{self, Write};

use guildhall_db::{Row, Stmt, statements};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::guildhall::Guildhall;
use crate::refusal::Refusal;

/// The type of a column in the neutral words of the schema.
#[derive(Clone, Copy, Debug)]
enum Kind {
    BigInt,
    Boolean,
    Bytea,
    Text,
}

#[derive(Debug)]
struct Table {
    name: &'static str,
    statement: &'static Stmt,
    columns: &'static [(&'static str, Kind)],
}

macro_rules! tables {
    ($($statement:ident = $name:literal ordered by $key:literal: $first:ident $first_kind:ident
        $(, $column:ident $kind:ident)*;)+) => {
        statements! {
            $($statement = concat!("SELECT ", stringify!($first), $(", ", stringify!($column),)*
                " FROM ", $name, " ORDER BY ", $key);)+
        }

        static TABLES: &[Table] = &[$(Table {
            name: $name,
            statement: &$statement,
            columns: &[
                (stringify!($first), Kind::$first_kind),
                $((stringify!($column), Kind::$kind)),*
            ],
        }),+];
    };
}

tables! {
    DEPLOYMENTS = "deployments" ordered by "id":
        id BigInt, name Text, created_at BigInt, updated_at BigInt, revision BigInt, ledger_head Bytea,
        default_org_creator_role_id BigInt, default_org_member_role_id BigInt, max_allowed_org_members BigInt;
    DEPLOYMENT_COUNTS = "deployment_counts" ordered by "deployment_id, noun, shard":
        deployment_id BigInt, noun Text, shard BigInt, value BigInt;
    ID_SLOTS = "id_slots" ordered by "slot": slot BigInt, reserved_until BigInt;
    API_KEYS = "api_keys" ordered by "deployment_id, id":
        deployment_id BigInt, id BigInt, name Text, scope Text, secret_hash Bytea, hint Text, created_at BigInt,
        expires_at BigInt, revoked_at BigInt;
    ORGANIZATIONS = "organizations" ordered by "deployment_id, id":
        deployment_id BigInt, id BigInt, created_at BigInt, updated_at BigInt, revision BigInt, ledger_head Bytea,
        name Text, name_key Text, description Text, image_id BigInt, image_name Text, member_count BigInt,
        role_count BigInt, public_metadata Text, private_metadata Text, slug Text, external_id Text,
        suspended_at BigInt;
    NAME_ENDINGS = "organization_name_endings" ordered by "deployment_id, ending, organization_id":
        deployment_id BigInt, ending Text, organization_id BigInt;
    ROLES = "organization_roles" ordered by "deployment_id, scope, id":
        deployment_id BigInt, scope BigInt, id BigInt, organization_id BigInt, created_at BigInt, updated_at BigInt,
        name Text, name_key Text, permissions Text, permissions_revision BigInt;
    USERS = "users" ordered by "deployment_id, id":
        deployment_id BigInt, id BigInt, created_at BigInt, updated_at BigInt, revision BigInt, first_name Text,
        first_name_key Text, last_name Text, last_name_key Text, username Text, username_key Text, search_key Text,
        primary_email Text, primary_email_key Text, primary_phone Text, image_id BigInt, image_name Text,
        disabled Boolean, second_factor_policy Text, public_metadata Text, private_metadata Text, external_id Text;
    USER_EMAILS = "user_emails" ordered by "deployment_id, user_id, id":
        deployment_id BigInt, user_id BigInt, id BigInt, created_at BigInt, updated_at BigInt, email Text,
        email_key Text, is_primary Boolean, verified_at BigInt;
    USER_PHONES = "user_phones" ordered by "deployment_id, user_id, id":
        deployment_id BigInt, user_id BigInt, id BigInt, created_at BigInt, updated_at BigInt, country_code Text,
        national_number Text, phone_key Text, is_primary Boolean, verified_at BigInt;
    MEMBERS = "organization_members" ordered by "deployment_id, organization_id, id":
        deployment_id BigInt, organization_id BigInt, id BigInt, user_id BigInt, created_at BigInt,
        updated_at BigInt, public_metadata Text, expires_at BigInt, suspended_at BigInt, since_revision BigInt,
        added_by_key_id BigInt;
    MEMBER_ROLES = "organization_member_roles" ordered by "deployment_id, organization_id, member_id, role_id":
        deployment_id BigInt, organization_id BigInt, member_id BigInt, role_id BigInt, scope BigInt,
        expires_at BigInt, since_revision BigInt, granted_by_key_id BigInt;
    IMAGES = "images" ordered by "deployment_id, id":
        deployment_id BigInt, id BigInt, owner_id BigInt, name Text, content_type Text, content Bytea,
        created_at BigInt;
    LEDGER = "ledger" ordered by "deployment_id, stream_id, revision":
        deployment_id BigInt, stream_id BigInt, revision BigInt, occurred_at BigInt, action Text,
        actor_key_id BigInt, request_id Text, entity_id BigInt, before Text, after Text, previous_hash Bytea,
        hash Bytea;
    LEDGER_ENDS = "ledger_ends" ordered by "deployment_id, stream_id":
        deployment_id BigInt, stream_id BigInt, revision BigInt, hash Bytea;
    IDEMPOTENCY_RECORDS = "idempotency_records" ordered by "deployment_id, idempotency_key":
        deployment_id BigInt, idempotency_key Text, fingerprint Bytea, answer Text, stream_id BigInt,
        revision BigInt, expires_at BigInt;
    SCHEMA_MIGRATIONS = "schema_migrations" ordered by "number": number BigInt, name Text;
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
        let mut output = Output {
            writer,
            hasher: Sha256::new(),
            rows: 0,
            line: Vec::new(),
        };
        for table in TABLES {
            sql.each(table.statement, &[], |row| output.row(table, row))?;
        }
        output.finish()
    })
}

struct Output<W> {
    writer: W,
    hasher: Sha256,
    rows: u64,
    line: Vec<u8>,
}

impl<W: Write> Output<W> {
    fn row(&mut self, table: &Table, row: &Row<'_>) -> Result<(), Refusal> {
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

    fn finish(mut self) -> Result<ExportSummary, Refusal> {
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
