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
        .unwrap_or_else(|(statement, error)| panic!("{statement}: {error}"));
}
