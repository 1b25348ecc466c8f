//! Random single damages to the ledger, all of them found.
//!
//! `GUILDHALL_LEDGER_DAMAGES=10000 cargo test --release -p guildhall-core --test verify ledger` is the figure that is
//! published. The vandal knows how hashes are made and mends the one of the entry that it edits: the chain tells on it.

use guildhall_core::verify::Rule;
use rusqlite::Connection;
use rusqlite::types::Value;
use sha2::{Digest, Sha256};

use crate::damage::Vandal;
use crate::world::World;

const DAMAGES_DEFAULT: u32 = 300;

/// A row of the ledger in the order of its table.
#[derive(Clone, Debug, PartialEq)]
struct Entry(Vec<Value>);

const DEPLOYMENT: usize = 0;
const STREAM: usize = 1;
const REVISION: usize = 2;
const ENTITY: usize = 7;
const BEFORE: usize = 8;
const PREVIOUS: usize = 10;
const HASH: usize = 11;
const COLUMNS: usize = 12;

fn entries(connection: &Connection) -> Vec<Entry> {
    let sql = "SELECT * FROM ledger ORDER BY deployment_id, stream_id, revision";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| (0..COLUMNS).map(|index| row.get(index)).collect());
    rows.unwrap()
        .map(|row| row.map(Entry))
        .collect::<Result<_, _>>()
        .unwrap()
}

impl Entry {
    fn delete(&self, connection: &Connection) {
        let sql =
            "DELETE FROM ledger WHERE deployment_id = ?1 AND stream_id = ?2 AND revision = ?3";
        assert_eq!(
            connection
                .execute(sql, rusqlite::params_from_iter(&self.0[..3]))
                .unwrap(),
            1
        );
    }

    /// Whether there was room for it.
    fn insert(&self, connection: &Connection) -> bool {
        let sql = "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        connection
            .execute(sql, rusqlite::params_from_iter(&self.0))
            .is_ok()
    }

    /// The hash as the documentation describes it, made without the server's code.
    fn rehash(&mut self) {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(b"guildhall ledger 1");
        let number = |value: &Value| match value {
            Value::Integer(number) => number.to_le_bytes().to_vec(),
            Value::Null => 0_i64.to_le_bytes().to_vec(),
            Value::Text(text) => text.as_bytes().to_vec(),
            Value::Blob(bytes) => bytes.clone(),
            Value::Real(_) => Vec::new(),
        };
        part(&number(&self.0[PREVIOUS]));
        for column in 0..8 {
            part(&number(&self.0[column]));
        }
        for side in [8, 9] {
            let there = self.0[side] != Value::Null;
            part(&[u8::from(there)]);
            part(&if there {
                number(&self.0[side])
            } else {
                Vec::new()
            });
        }
        self.0[HASH] = Value::Blob(hasher.finalize().to_vec());
    }
}

/// Numbers that are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % sides
    }

    /// Another value of the same type: a bit, a letter or a number is different, or all of it is gone.
    fn edit(&mut self, value: &Value) -> Value {
        match value {
            Value::Null => [Value::Integer(7), Value::Text("{}".to_owned())][self.roll(2)].clone(),
            Value::Real(_) => Value::Null,
            Value::Integer(number) => Value::Integer(number ^ (1 << self.roll(40))),
            Value::Text(text) if text.is_empty() => Value::Text("x".to_owned()),
            Value::Text(text) => {
                let mut letters: Vec<char> = text.chars().collect();
                let place = self.roll(letters.len());
                match self.roll(3) {
                    0 => letters[place] = if letters[place] == 'x' { 'y' } else { 'x' },
                    1 => letters.truncate(place),
                    _ => letters.insert(place, 'x'),
                }
                Value::Text(letters.into_iter().collect())
            }
            Value::Blob(bytes) => {
                let mut bytes = bytes.clone();
                let place = self.roll(bytes.len());
                bytes[place] ^= 1 << self.roll(8);
                Value::Blob(bytes)
            }
        }
    }
}

/// Does one damage and tells what it was; `None` when the dice gave one that the engine does not take.
fn damage(connection: &Connection, entries: &[Entry], dice: &mut Dice) -> Option<String> {
    let one = &entries[dice.roll(entries.len())];
    let place = format!("{:?} {:?}", one.0[STREAM], one.0[REVISION]);
    match dice.roll(7) {
        kind @ (0..=2) => {
            let column = dice.roll(COLUMNS);
            let mut edited = one.clone();
            edited.0[column] = dice.edit(&one.0[column]);
            if kind == 2 && column != HASH {
                edited.rehash();
            }
            one.delete(connection);
            (edited != *one && edited.insert(connection)).then(|| {
                format!(
                    "edit of column {column} at {place}, rehashed: {}",
                    kind == 2
                )
            })
        }
        3 => {
            one.delete(connection);
            Some(format!("deletion of {place}"))
        }
        4 => {
            // Two entries change places.
            let other = &entries[dice.roll(entries.len())];
            let (mut here, mut there) = (other.clone(), one.clone());
            for column in [DEPLOYMENT, STREAM, REVISION] {
                here.0[column] = one.0[column].clone();
                there.0[column] = other.0[column].clone();
            }
            (one != other).then(|| {
                one.delete(connection);
                other.delete(connection);
                assert!(here.insert(connection) && there.insert(connection));
                format!(
                    "swap of {place} and {:?} {:?}",
                    other.0[STREAM], other.0[REVISION]
                )
            })
        }
        5 => {
            let sql =
                "DELETE FROM ledger WHERE deployment_id = ?1 AND stream_id = ?2 AND revision >= ?3";
            connection
                .execute(sql, rusqlite::params_from_iter(&one.0[..3]))
                .unwrap();
            Some(format!("truncation from {place}"))
        }
        _ => {
            // A forged entry after the last, with hash and chain in order.
            let last = entries
                .iter()
                .rfind(|entry| entry.0[..2] == one.0[..2])
                .unwrap();
            let Value::Integer(revision) = last.0[REVISION] else {
                unreachable!()
            };
            let mut forged = one.clone();
            forged.0[REVISION] = Value::Integer(revision + 1);
            forged.0[PREVIOUS] = last.0[HASH].clone();
            forged.rehash();
            forged
                .insert(connection)
                .then(|| format!("forgery after {place}"))
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no configuration of the server"
)]
fn damages_wanted() -> u32 {
    let wanted = std::env::var("GUILDHALL_LEDGER_DAMAGES").ok();
    wanted
        .and_then(|text| text.parse().ok())
        .unwrap_or(DAMAGES_DEFAULT)
}

#[tokio::test]
async fn the_hash_is_made_as_documented() {
    let world = World::eventful().await;
    let vandal = Vandal::of(&world);
    for entry in entries(&vandal.connection) {
        let mut again = entry.clone();
        again.rehash();
        assert_eq!(again, entry);
    }
}

#[tokio::test]
async fn every_single_damage_to_the_ledger_is_found() {
    let world = World::eventful().await;
    let vandal = Vandal::of(&world);
    let entries = entries(&vandal.connection);
    let mut dice = Dice(0x6775_696c_6468_616c);
    let (mut done, wanted) = (0, damages_wanted());
    while done < wanted {
        if let Some(what) = damage(&vandal.connection, &entries, &mut dice) {
            let report = world.report();
            assert!(!report.is_sound(), "damage {done} was not found: {what}");
            done += 1;
        }
        vandal.undo_in(&["ledger"]);
    }
    assert!(world.report().is_sound());
}

/// Writes a stream anew: edited, then chained and hashed as the server would, with the end of the stream to match.
fn rewrite(connection: &Connection, stream: i64, edit: impl FnOnce(&mut Vec<Entry>)) {
    let is_of_stream = |entry: &Entry| entry.0[STREAM] == Value::Integer(stream);
    let mut stream_entries: Vec<Entry> = entries(connection)
        .into_iter()
        .filter(is_of_stream)
        .collect();
    edit(&mut stream_entries);
    connection
        .execute("DELETE FROM ledger WHERE stream_id = ?1", [stream])
        .unwrap();
    let mut previous = Value::Blob(vec![0; 32]);
    for (entry, revision) in stream_entries.iter_mut().zip(1..) {
        entry.0[REVISION] = Value::Integer(revision);
        entry.0[PREVIOUS] = previous;
        entry.rehash();
        previous = entry.0[HASH].clone();
        assert!(entry.insert(connection));
    }
    let revision = stream_entries.last().unwrap().0[REVISION].clone();
    for head in [
        "UPDATE organizations SET revision = ?2, ledger_head = ?3 WHERE id = ?1",
        "UPDATE ledger_ends SET revision = ?2, hash = ?3 WHERE stream_id = ?1",
    ] {
        connection
            .execute(head, (stream, &revision, &previous))
            .unwrap();
    }
}

#[tokio::test]
async fn a_stream_written_anew_still_has_to_make_sense() {
    let world = World::eventful().await;
    let vandal = Vandal::of(&world);
    let (acme, gone) = (world.acme.raw(), world.gone.raw());
    rewrite(&vandal.connection, acme, |_| {});
    assert!(
        world.report().is_sound(),
        "the chain is made as the server makes it"
    );
    let found = |rule: Rule, message: &str| {
        let report = world.report();
        assert_eq!(report.findings[0].rule, rule, "{:#?}", report.findings);
        assert!(
            report.findings[0].message.contains(message),
            "{:#?}",
            report.findings
        );
        vandal.undo();
    };
    // The second entry of Acme is its new name.
    rewrite(&vandal.connection, acme, |entries| {
        entries[1].0[ENTITY] = Value::Integer(7);
    });
    found(Rule::LedgerHistory, "is about another stream");
    rewrite(&vandal.connection, acme, |entries| {
        entries[1].0[BEFORE] = Value::Null;
    });
    found(Rule::LedgerHistory, "do not fit its action");
    rewrite(&vandal.connection, acme, |entries| drop(entries.remove(1)));
    found(Rule::RowUnchanged, "`name` is not as revision 1 left it");
    rewrite(&vandal.connection, acme, |entries| {
        entries.push(entries[0].clone());
    });
    found(Rule::LedgerHistory, "only once");
    rewrite(&vandal.connection, gone, |entries| {
        entries.push(entries[1].clone());
    });
    found(Rule::LedgerHistory, "follows the deletion");
    rewrite(&vandal.connection, gone, |entries| drop(entries.pop()));
    found(Rule::LedgerHistory, "no entry deleted it");
}
