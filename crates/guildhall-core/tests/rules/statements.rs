//! Every statement is one that the engine can read.

use crate::world::World;

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let world = World::new().await;
    let statements = guildhall_core::statements();
    assert!(statements.len() > 100, "the list lost its statements");
    world
        .guildhall
        .check_statements(&statements)
        .await
        .unwrap_or_else(|(statement, error)| panic!("{statement}: {error}"));
}

/// What one engine reads and the other does not, or reads in another way; preparing a statement cannot see it.
const TRAPS: &[(&str, &str)] = &[
    (
        "\"",
        "a double-quoted word is a string on one engine and a column on the other",
    ),
    ("lower(", "folding is ours: one engine folds ASCII only"),
    ("upper(", "folding is ours: one engine folds ASCII only"),
    ("ilike", "only PostgreSQL knows it"),
    ("glob", "only SQLite knows it"),
    ("json_", "only SQLite knows it"),
    ("any(", "only PostgreSQL knows it"),
    ("for update", "only PostgreSQL knows it"),
    ("rowid", "only SQLite knows it"),
    ("ifnull(", "only SQLite knows it; COALESCE is known to both"),
    (
        "replace into",
        "only SQLite knows it; ON CONFLICT is known to both",
    ),
    ("select *", "the order of columns belongs to the text"),
    ("$1", "placeholders are `?1`"),
];

#[test]
fn no_statement_steps_into_a_trap() {
    for statement in guildhall_core::statements() {
        let text = statement.sqlite().to_lowercase();
        for (trap, reason) in TRAPS {
            assert!(!text.contains(trap), "`{trap}`: {reason}\n{text}");
        }
    }
}

/// Statements of the rules that are not bound to one deployment, each with its reason.
const UNBOUND: &[(&str, &str)] = &[
    (" deployments", "it is about deployments themselves"),
    ("id_slots", "ids are unique on the whole server"),
    (
        "WHERE secret_hash = ?1",
        "the secret is what tells the deployment",
    ),
    (
        "DELETE FROM idempotency_records",
        "what is past its time is swept for all",
    ),
];

#[test]
fn every_statement_of_the_rules_stays_in_one_deployment() {
    for statement in guildhall_core::rule_statements() {
        let text = statement.sqlite();
        let bound = text.contains("deployment_id = ?1") || text.contains("(deployment_id,");
        let unbound = UNBOUND.iter().any(|(part, _)| text.contains(part));
        assert!(bound || unbound, "{text}");
    }
}
