//! How the engine goes about statements that must not read a whole table.

use crate::damage::unruly;
use crate::world::World;

#[tokio::test]
async fn what_has_expired_is_found_as_a_range_of_an_index() {
    let world = World::empty().await;
    let connection = unruly(&world.path());
    let mut seen = 0;
    for statement in guildhall_core::rule_statements() {
        let text = statement.sqlite();
        if !text.contains("WHERE deployment_id = ?1 AND expires_at <= ?2") {
            continue;
        }
        seen += 1;
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
            .unwrap();
        let steps: Vec<String> = plan
            .query_map([1, 1, 1], |row| row.get("detail"))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let range = "_by_expiry (deployment_id=? AND expires_at<?)";
        assert!(
            steps.len() == 1 && steps[0].ends_with(range),
            "{text}\n{steps:?}"
        );
    }
    assert_eq!(seen, 2, "memberships and roles");
}
