//! Each rule, broken once, is named.

use guildhall_core::verify::{Rule, Step, VerifyProgress, verify};

use crate::damage::{Vandal, broken, unruly};
use crate::world::{World, opened, report};

#[tokio::test]
async fn a_sound_world_has_no_findings() {
    let world = World::eventful().await;
    let report = world.report();
    assert!(report.is_sound(), "{:#?}", report.findings);
    assert_eq!(
        (report.deployments, report.organizations, report.users),
        (2, 4, 4)
    );
    // Of Acme and Globex: two members and two roles each, two members and a role more of Acme; two roles of each
    // deployment.
    assert_eq!((report.members, report.roles), (6, 9));
    assert!(report.ledger_entries > 60, "{}", report.ledger_entries);
    assert!(World::empty().await.report().is_sound());
}

#[tokio::test]
async fn progress_ends_where_it_said() {
    let world = World::eventful().await;
    let mut seen: Vec<VerifyProgress> = Vec::new();
    let report = verify(&world.guildhall, |progress| seen.push(progress)).unwrap();
    for step in [Step::Engine, Step::Streams, Step::Tables] {
        let of_step: Vec<_> = seen
            .iter()
            .filter(|progress| progress.step == step)
            .collect();
        assert!(
            of_step.is_sorted_by_key(|progress| progress.done),
            "{step:?}"
        );
        let last = of_step.last().unwrap();
        assert_eq!(last.done, last.total, "{step:?}");
    }
    assert!(
        seen.iter()
            .any(|progress| progress.total == report.ledger_entries)
    );
}

/// What is done, where it is found, the rule that is named. `:acme` and `:gone` are ids of organizations.
const DAMAGES: &[(&str, &str, Rule)] = &[
    // The ledger.
    ("UPDATE ledger SET request_id = 'x' WHERE stream_id = :acme AND revision = 2", "revision 2 of organization", Rule::LedgerHash),
    ("UPDATE ledger SET occurred_at = occurred_at + 1 WHERE stream_id = :gone AND revision = 1", "revision 1 of organization", Rule::LedgerHash),
    ("UPDATE ledger SET actor_key_id = 7 WHERE stream_id = deployment_id", "of deployment", Rule::LedgerHash),
    ("UPDATE ledger SET previous_hash = zeroblob(32) WHERE stream_id = :acme AND revision = 3", "revision 3 of organization", Rule::LedgerChained),
    ("UPDATE ledger SET action = 'organization.sold' WHERE stream_id = :acme AND revision = 2", "revision 2 of organization", Rule::LedgerAction),
    ("UPDATE ledger SET action = 'user.created' WHERE stream_id = :acme AND revision = 4", "revision 4 of organization", Rule::LedgerHistory),
    ("UPDATE ledger SET before = after WHERE stream_id = :acme AND revision = 2", "revision 2 of organization", Rule::LedgerHistory),
    ("DELETE FROM ledger WHERE stream_id = :acme AND revision = 1", "revision 2 of organization", Rule::LedgerGapless),
    ("DELETE FROM ledger WHERE stream_id = :acme AND revision = 5", "revision 6 of organization", Rule::LedgerGapless),
    ("DELETE FROM ledger WHERE stream_id = :acme AND revision > 5", "organization", Rule::LedgerHead),
    ("DELETE FROM ledger WHERE stream_id = :gone AND revision > 5", "organization", Rule::LedgerHead),
    ("DELETE FROM ledger WHERE stream_id = :acme", "organization", Rule::LedgerHead),
    ("DELETE FROM ledger WHERE stream_id = :gone", "organization", Rule::LedgerHead),
    ("DELETE FROM ledger_ends WHERE stream_id = :gone", "organization", Rule::LedgerOwner),
    ("UPDATE ledger_ends SET hash = zeroblob(32)", "organization", Rule::LedgerHead),
    ("UPDATE organizations SET revision = revision - 1 WHERE id = :acme", "organization", Rule::LedgerHead),
    ("UPDATE organizations SET ledger_head = randomblob(32) WHERE id = :acme", "organization", Rule::LedgerHead),
    ("UPDATE deployments SET ledger_head = randomblob(32) WHERE name = 'other'", "deployment", Rule::LedgerHead),
    ("INSERT INTO ledger_ends SELECT deployment_id, id, revision, ledger_head FROM organizations WHERE id = :acme", "organization", Rule::LedgerOwner),
    ("UPDATE ledger SET hash = x'00' WHERE stream_id = :acme AND revision = 2", "organization", Rule::Readable),
    // Rows behind the server's back.
    ("UPDATE organizations SET description = 'x' WHERE id = :acme", "organization", Rule::RowUnchanged),
    ("UPDATE organizations SET private_metadata = '{\"plan\": \"x\"}' WHERE id = :acme", "organization", Rule::RowUnchanged),
    ("UPDATE users SET disabled = 1", "user", Rule::RowUnchanged),
    ("UPDATE users SET revision = revision + 1", "user", Rule::RowUnchanged),
    ("UPDATE api_keys SET revoked_at = NULL", "api key", Rule::RowUnchanged),
    ("UPDATE deployments SET max_allowed_org_members = 0", "deployment", Rule::RowUnchanged),
    ("UPDATE deployments SET updated_at = updated_at + 1", "deployment", Rule::RowUnchanged),
    ("UPDATE organization_roles SET permissions = '[\"organization:admin\"]' WHERE name = 'Member'", "role", Rule::RowUnchanged),
    ("UPDATE organization_roles SET permissions = '[\"all\"]' WHERE scope = :acme", "of organization", Rule::RowUnchanged),
    ("DELETE FROM organization_member_roles", "member", Rule::RowUnchanged),
    ("UPDATE organization_member_roles SET expires_at = NULL WHERE expires_at IS NOT NULL", "member", Rule::RowUnchanged),
    ("UPDATE organization_members SET expires_at = expires_at + 1", "member", Rule::RowUnchanged),
    ("UPDATE organization_members SET suspended_at = NULL", "member", Rule::RowUnchanged),
    ("UPDATE organizations SET suspended_at = NULL", "organization", Rule::RowUnchanged),
    ("UPDATE organization_members SET since_revision = since_revision + 1", "member", Rule::Origin),
    ("UPDATE organization_members SET since_revision = NULL, added_by_key_id = 7", "member", Rule::Origin),
    ("UPDATE organization_member_roles SET since_revision = 1", "member", Rule::Origin),
    ("UPDATE organization_member_roles SET granted_by_key_id = (SELECT MIN(id) FROM api_keys)", "member", Rule::Origin),
    ("UPDATE organization_roles SET permissions_revision = 3 WHERE scope = 0", "role", Rule::Origin),
    ("INSERT INTO organization_member_roles SELECT m.deployment_id, m.organization_id, m.id, r.id, 0, NULL, NULL, NULL
        FROM organization_members m JOIN organization_roles r USING (deployment_id) WHERE r.name = 'Admin'", "member", Rule::RowUnchanged),
    ("INSERT INTO organization_members SELECT deployment_id, :acme, 7, min(id) + 1, 1, 1, '{}', NULL, NULL, NULL, NULL FROM users", "member 7 of organization", Rule::RowRecorded),
    ("INSERT INTO api_keys SELECT deployment_id, 7, name, scope, zeroblob(32), hint, 1, NULL, NULL FROM api_keys LIMIT 1", "api key 7 of deployment", Rule::RowRecorded),
    ("INSERT INTO organization_roles SELECT deployment_id, 0, 7, NULL, 1, 1, 'X', 'x', '[]', NULL FROM api_keys LIMIT 1", "role 7 of deployment", Rule::RowRecorded),
    ("DELETE FROM organization_members", "member", Rule::RowPresent),
    ("DELETE FROM api_keys", "api key", Rule::RowPresent),
    ("DELETE FROM users", "user", Rule::RowPresent),
    ("DELETE FROM organizations WHERE id = :acme", "organization", Rule::LedgerOwner),
    // What is derived and counted.
    ("UPDATE organizations SET member_count = member_count + 1 WHERE id = :acme", "organization", Rule::Count),
    ("UPDATE organizations SET role_count = 0 WHERE id = :acme", "organization", Rule::Count),
    ("UPDATE deployment_counts SET value = value - 1 WHERE noun = 'organizations'", "deployment", Rule::Count),
    ("UPDATE deployment_counts SET noun = 'people' WHERE noun = 'users'", "deployment", Rule::Count),
    ("UPDATE organizations SET name_key = 'x' WHERE id = :acme", "organization", Rule::DerivedKey),
    ("UPDATE organization_roles SET name_key = name_key || 'x'", "role", Rule::DerivedKey),
    ("UPDATE users SET search_key = 'x'", "user", Rule::DerivedKey),
    ("UPDATE users SET primary_phone = ''", "user", Rule::DerivedKey),
    ("UPDATE user_emails SET email_key = 'X' || email_key", "user", Rule::NormalForm),
    ("UPDATE user_phones SET phone_key = phone_key || '0'", "user", Rule::NormalForm),
    ("UPDATE organizations SET slug = 'Acme' WHERE id = :acme", "organization", Rule::NormalForm),
    ("DELETE FROM organization_name_endings WHERE ending = 'e & söhne'", "organization", Rule::NameEndings),
    ("UPDATE organization_name_endings SET ending = 'x' || ending WHERE ending = 'e & söhne'", "organization", Rule::NameEndings),
    ("INSERT INTO organization_name_endings SELECT deployment_id, 'zebra', id FROM organizations", "database", Rule::NameEndings),
    // What refers to what.
    ("UPDATE OR IGNORE organization_member_roles SET scope = 99, role_id = 98 WHERE organization_id = :acme", "member", Rule::RoleLink),
    ("UPDATE OR IGNORE organization_member_roles SET scope = 99, role_id = 98 WHERE organization_id = :acme", "database", Rule::Engine),
    ("UPDATE OR IGNORE organization_member_roles SET (scope, role_id) = (SELECT scope, id FROM organization_roles
        WHERE scope NOT IN (0, :acme) LIMIT 1) WHERE organization_id = :acme", "member", Rule::RoleLink),
    ("UPDATE organization_members SET user_id = 7 WHERE id = (SELECT MIN(id) FROM organization_members)", "database", Rule::Engine),
    ("UPDATE OR IGNORE organization_members SET organization_id = 7", "database", Rule::Engine),
    ("INSERT INTO images SELECT deployment_id, 7, 8, name, content_type, content, 1 FROM images LIMIT 1", "image 7", Rule::Image),
    ("DELETE FROM images", "organization", Rule::Image),
    ("DELETE FROM images", "user", Rule::Image),
    ("UPDATE images SET content = x'00'", "image", Rule::Image),
    ("UPDATE images SET content_type = 'text/html'", "image", Rule::Image),
    ("UPDATE deployments SET default_org_member_role_id = 7", "deployment", Rule::DefaultRole),
    ("UPDATE deployments SET default_org_creator_role_id = (SELECT MIN(id) FROM organization_roles WHERE scope <> 0)", "deployment", Rule::DefaultRole),
];

#[tokio::test]
async fn each_damage_is_found_where_it_is_and_named() {
    let world = World::eventful().await;
    let vandal = Vandal::of(&world);
    for (sql, place, rule) in DAMAGES {
        let text = sql
            .replace(":acme", &world.acme.to_string())
            .replace(":gone", &world.gone.to_string());
        let touched = vandal.connection.execute(&text, ()).unwrap();
        assert!(touched > 0, "touches nothing: {sql}");
        let report = world.report();
        let named = report.findings.iter().any(|finding| {
            let deployment = finding.deployment_id.is_some() == (*place != "database");
            finding.rule == *rule && finding.place.contains(place) && deployment
        });
        assert!(named, "{sql}\n{:#?}", report.findings);
        assert_eq!(report.findings_count, report.findings.len() as u64);
        vandal.undo();
    }
    assert!(world.report().is_sound());
    let mut seen: Vec<Rule> = DAMAGES
        .iter()
        .map(|(_, _, rule)| *rule)
        .chain([Rule::Unique])
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(
        seen,
        Rule::ALL,
        "every rule is seen broken; `unique` has a test of its own"
    );
}

#[tokio::test]
async fn an_edit_is_found_even_after_the_server_wrote_over_it() {
    let world = World::eventful().await;
    let vandal = Vandal::of(&world);
    let edit = "UPDATE organizations SET description = 'ours' WHERE id = ?1";
    vandal.connection.execute(edit, [world.acme.raw()]).unwrap();
    world.rename(world.acme, "Acme again").await;
    assert_eq!(broken(&world.report()), [Rule::LedgerHistory]);
}

#[tokio::test]
async fn duplicates_are_found_without_the_index_that_forbids_them() {
    for (index, damage) in [
        (
            "unique_organizations__slug",
            "UPDATE organizations SET slug = 'acme'",
        ),
        (
            "unique_organizations__external_id",
            "UPDATE organizations SET external_id = 'x'",
        ),
        (
            "unique_organization_roles__name_key",
            "UPDATE organization_roles SET name_key = 'x'",
        ),
        (
            "unique_users__username_key",
            "UPDATE users SET username_key = 'x'",
        ),
        (
            "unique_users__external_id",
            "UPDATE users SET external_id = 'x'",
        ),
        (
            "unique_user_emails__email_key",
            "UPDATE user_emails SET email_key = 'x'",
        ),
        (
            "unique_user_phones__phone_key",
            "UPDATE user_phones SET phone_key = 'x'",
        ),
        (
            "unique_organization_members__user_id",
            "UPDATE organization_members SET user_id = 7",
        ),
        (
            "unique_api_keys__secret_hash",
            "UPDATE api_keys SET secret_hash = x'00'",
        ),
        (
            "unique_deployments__name",
            "UPDATE deployments SET name = 'x'",
        ),
    ] {
        let world = World::eventful().await;
        let connection = unruly(&world.path());
        connection
            .execute_batch(&format!("DROP INDEX {index}; {damage};"))
            .unwrap();
        assert!(broken(&world.report()).contains(&Rule::Unique), "{index}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_a_finding_and_not_the_end_of_the_check() {
    let world = World::eventful().await;
    let copy = world.directory.path().join("copy.db");
    guildhall_db::copy_database(&world.path(), &copy, |_| {}).unwrap();
    let connection = unruly(&copy);
    let sql = "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = 'users_by_phone'";
    let (page, size): (u32, u32) = connection
        .query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    drop(connection);
    let mut bytes = std::fs::read(&copy).unwrap();
    let (page, size) = (
        usize::try_from(page).unwrap(),
        usize::try_from(size).unwrap(),
    );
    let start = (page - 1) * size;
    let end = start + size;
    bytes[start + 8..end].fill(0xAB);
    std::fs::write(&copy, bytes).unwrap();
    let report = report(&opened(copy));
    assert!(broken(&report).contains(&Rule::Engine), "{report:#?}");
    assert_eq!(report.organizations, 4);
}
