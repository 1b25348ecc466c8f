//! The ceiling of the writes: a loop over rusqlite that issues the statements of a command, with the values that the
//! server wrote, many commands in one transaction, `synchronous=FULL`, on the same file.
//!
//! The texts are those of core ([`texts`]). What the loop writes is compared with what the server wrote for the same
//! request ([`Raw::prove`]); a statement that core gains and the loop lacks makes the ceiling higher, never lower. The
//! loop checks nothing, hashes nothing and speaks no HTTP. The server stays up and idle meanwhile: its checkpointer
//! keeps the log short for both, and the loop takes the last step of that as the writer does.

mod lesson;
mod texts;

use std::path::Path;
use std::time::{Duration, Instant};

use guildhall_core::ambient::{Clock, SystemClock};
use guildhall_types::ids::{MemberId, OrganizationId};
use rusqlite::{Connection, params};

use self::lesson::{Entry, NewMember, NewOrganization, Rows, Teacher, difference, same};
use self::texts::Texts;
use crate::failure::{Failure, Outcome};
use crate::scenarios::Pairs;

/// Statements kept prepared, as the server's connections have it.
const STATEMENTS_CACHED: usize = 256;

/// What stands where a hash does: as long, and as hard to compress.
const HASH: [u8; 32] = *b"0123456789abcdef0123456789abcdef";
const NO_HASH: [u8; 32] = [0; 32];
const NO_END: Option<i64> = None;

/// A slot that no server has: its ids meet nobody else's.
const SLOT: i64 = 15;

/// The loop and its connection.
#[derive(Debug)]
pub(crate) struct Raw {
    connection: Connection,
    texts: Texts,
    deployment: i64,
    last_id: i64,
    organizations: Vec<NewOrganization>,
    member: Option<NewMember>,
}

/// Which command the loop issues.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command<'a> {
    CreateOrganization,
    AddMember(&'a Pairs),
}

impl Raw {
    pub(crate) fn open(database: &Path) -> Outcome<Self> {
        let connection = Connection::open(database)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        // As crates/guildhall-db/src/sqlite/connection.rs opens the writer's.
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "cache_size", -48 * 1024)?;
        let deployment =
            connection.query_row("SELECT id FROM deployments", (), |row| row.get(0))?;
        Ok(Self {
            connection,
            texts: Texts::of_core()?,
            deployment,
            last_id: 0,
            organizations: Vec::new(),
            member: None,
        })
    }

    /// Takes over what the server wrote when it was asked to create this organization.
    pub(crate) fn learn_organization(&mut self, id: OrganizationId) -> Outcome {
        let new = self.teacher().organization(id)?;
        self.organizations.push(new);
        Ok(())
    }

    /// Takes over what the server wrote when it was asked to add this member; `before` is [`Raw::rows`] of then.
    pub(crate) fn learn_member(
        &mut self,
        organization: OrganizationId,
        member: MemberId,
        before: &Rows,
    ) -> Outcome {
        self.member = Some(self.teacher().member(organization, member.raw(), before)?);
        Ok(())
    }

    /// How many rows of each table belong to the organization.
    pub(crate) fn rows(&self, organization: OrganizationId) -> Outcome<Rows> {
        self.teacher().rows(organization)
    }

    fn teacher(&self) -> Teacher<'_> {
        Teacher {
            connection: &self.connection,
            deployment: self.deployment,
        }
    }

    /// Makes sure that the loop leaves the rows that the server leaves.
    pub(crate) fn prove(&mut self, pairs: &Pairs) -> Outcome {
        self.group(Command::CreateOrganization, 1)?;
        let made = OrganizationId::new(self.last_id).map_err(Failure::doing("reading an id"))?;
        let turn = self.turn().map(|new| new.id);
        let like = turn.ok_or_else(|| Failure::new("the loop has not learnt an organization"))?;
        same(&self.rows(like)?, &self.rows(made)?)?;

        let (organization, user) = pairs.next()?;
        let before = self.rows(organization)?;
        self.batch("BEGIN IMMEDIATE")?;
        self.add_member(organization.raw(), user.raw())?;
        self.batch("COMMIT")?;
        let added = difference(&self.rows(organization)?, &before);
        let expected = self
            .member
            .as_ref()
            .map(|member| member.rows.clone())
            .unwrap_or_default();
        same(&expected, &added)
    }

    /// Moves the log into the database and both to the disk, so that a run does not pay for what the one before left.
    pub(crate) fn calm(&self) -> Outcome {
        let text = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.connection.query_row(text, (), |_| Ok(()))?;
        Ok(())
    }

    /// Issues commands in groups for some time; tells how many a second.
    pub(crate) fn measure(
        &mut self,
        command: Command<'_>,
        group: u32,
        duration: Duration,
    ) -> Outcome<f64> {
        // Not counted: the first group reads the statements and the pages.
        self.group(command, group)?;
        let begin = Instant::now();
        let mut commands = 0;
        while begin.elapsed() < duration {
            self.group(command, group)?;
            commands += group;
        }
        Ok(f64::from(commands) / begin.elapsed().as_secs_f64())
    }

    fn group(&mut self, command: Command<'_>, size: u32) -> Outcome {
        self.batch("BEGIN IMMEDIATE")?;
        for _ in 0..size {
            match command {
                Command::CreateOrganization => self.create_organization()?,
                Command::AddMember(pairs) => {
                    let (organization, user) = pairs.next()?;
                    self.add_member(organization.raw(), user.raw())?;
                }
            }
        }
        self.batch("COMMIT")?;
        self.shorten_log()
    }

    /// Moves the rest of the log when the checkpointer of the server has moved most of it, so that it is written in place
    /// again: in a log that grows, the loop would be no ceiling.
    fn shorten_log(&self) -> Outcome {
        let checkpoint = |text| {
            let mut prepared = self.connection.prepare_cached(text)?;
            prepared.query_row((), |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
        };
        let (pages, moved) = checkpoint("PRAGMA wal_checkpoint(NOOP)")?;
        if moved < pages && moved > pages / 2 {
            checkpoint("PRAGMA wal_checkpoint(PASSIVE)")?;
        }
        Ok(())
    }

    fn batch(&self, text: &str) -> Outcome {
        self.connection.prepare_cached(text)?.raw_execute()?;
        Ok(())
    }

    /// The organization whose turn it is, by the last id that was given out.
    fn turn(&self) -> Option<&NewOrganization> {
        let turn = usize::try_from(self.last_id).unwrap_or_default();
        self.organizations
            .get(turn % self.organizations.len().max(1))
    }

    fn create_organization(&mut self) -> Outcome {
        let (id, now) = self.next_id();
        let (connection, texts, deployment) = (&self.connection, &self.texts, self.deployment);
        let new = self
            .turn()
            .ok_or_else(|| Failure::new("the loop has not learnt an organization"))?;
        let mut insert = connection.prepare_cached(texts.insert_organization)?;
        for (position, value) in (1..).zip([deployment, id, now]) {
            insert.raw_bind_parameter(position, value)?;
        }
        insert.raw_bind_parameter(4, NO_HASH)?;
        for (position, value) in (5..).zip(&new.fields) {
            insert.raw_bind_parameter(position, value)?;
        }
        insert.raw_execute()?;
        let mut ending = connection.prepare_cached(texts.insert_ending)?;
        for text in &new.endings {
            ending.execute(params![deployment, text, id])?;
        }
        let shard = (id >> 12) % 16;
        connection
            .prepare_cached(texts.add_count)?
            .execute(params![deployment, "organizations", shard, 1])?;
        self.append(id, 1, now, id, &new.entry, &NO_HASH)?;
        connection
            .prepare_cached(texts.settle)?
            .execute(params![deployment, id, HASH, 0, 0])?;
        Ok(())
    }

    fn add_member(&mut self, organization: i64, user: i64) -> Outcome {
        let (id, now) = self.next_id();
        let (connection, texts, deployment) = (&self.connection, &self.texts, self.deployment);
        let new = self
            .member
            .as_ref()
            .ok_or_else(|| Failure::new("the loop has not learnt a member"))?;
        let (revision, head, members, roles): (i64, [u8; 32], i64, i64) = connection
            .prepare_cached(texts.claim)?
            .query_row(params![deployment, organization], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
        self.look(texts.user_exists, &[deployment, user])?;
        self.look(texts.member_settings, &[deployment])?;
        connection
            .prepare_cached(texts.insert_member)?
            .execute(params![
                deployment,
                organization,
                id,
                user,
                now,
                new.metadata,
                NO_END,
                revision,
                new.entry.actor
            ])?;
        self.look(texts.scope_of_role, &[deployment, organization, new.role])?;
        connection
            .prepare_cached(texts.insert_link)?
            .execute(params![
                deployment,
                organization,
                id,
                new.role,
                new.scope,
                NO_END,
                revision,
                new.entry.actor
            ])?;
        self.look(texts.load_member, &[deployment, organization, id])?;
        self.look(texts.find_role, &[deployment, organization, new.role])?;
        self.append(organization, revision, now, id, &new.entry, &head)?;
        connection.prepare_cached(texts.settle)?.execute(params![
            deployment,
            organization,
            HASH,
            members + 1,
            roles
        ])?;
        Ok(())
    }

    /// Reads the one row of a query, every column of it.
    fn look(&self, text: &str, values: &[i64]) -> Outcome {
        let mut statement = self.connection.prepare_cached(text)?;
        let columns = statement.column_count();
        let bytes = statement.query_row(rusqlite::params_from_iter(values), |row| {
            (0..columns).try_fold(0, |bytes, column| {
                Ok(bytes
                    + row
                        .get_ref(column)?
                        .as_bytes_or_null()
                        .ok()
                        .flatten()
                        .map_or(8, <[u8]>::len))
            })
        })?;
        std::hint::black_box(bytes);
        Ok(())
    }

    fn append(
        &self,
        stream: i64,
        revision: i64,
        now: i64,
        entity: i64,
        entry: &Entry,
        previous: &[u8; 32],
    ) -> Outcome {
        self.connection
            .prepare_cached(self.texts.append_ledger)?
            .execute(params![
                self.deployment,
                stream,
                revision,
                now,
                entry.action,
                entry.actor,
                entry.request_id,
                entity,
                Option::<String>::None,
                entry.after,
                previous,
                HASH,
            ])?;
        Ok(())
    }

    /// An id that looks like one of the server's, and the time.
    fn next_id(&mut self) -> (i64, i64) {
        /// 2025-01-01T00:00:00Z in milliseconds since 1970.
        const EPOCH_MILLIS: i64 = 1_735_689_600_000;
        let now = SystemClock.now().as_micros();
        let first = ((now / 1_000 - EPOCH_MILLIS) << 12) | (SLOT << 8);
        // The counter is the low byte; when it is full, the next millisecond begins.
        let step = if self.last_id % 0x100 == 0xff {
            (1 << 12) - 0xff
        } else {
            1
        };
        self.last_id = first.max(self.last_id + step);
        (self.last_id, now)
    }
}
