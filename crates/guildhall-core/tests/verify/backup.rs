//! Backups and what is refused as one.

use std::fs;
use std::path::{Path, PathBuf};

use guildhall_core::backup::{RestoreError, SERVER_LOCK_FILE, backup, restore};
use guildhall_core::export::export;
use guildhall_core::{DATABASE_FILE, DbError};
use guildhall_db::{BackupError, DirectoryLock};
use tempfile::TempDir;

use crate::damage::unruly;
use crate::world::{World, opened, report};

/// An eventful world and a backup of it.
async fn backed_up() -> (World, PathBuf) {
    let world = World::eventful().await;
    let file = world.directory.path().join("guildhall.backup");
    let mut pages = 0;
    backup(world.directory.path(), &file, |progress| {
        pages = progress.done;
    })
    .unwrap();
    assert!(pages > 0);
    (world, file)
}

/// What is in a directory, but for the lock.
fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().file_name());
    names
        .map(|name| name.into_string().unwrap())
        .filter(|name| name != SERVER_LOCK_FILE)
        .collect()
}

#[tokio::test]
async fn what_is_restored_is_what_was_backed_up() {
    let (world, file) = backed_up().await;
    let target = TempDir::new().unwrap();
    let data_dir = target.path().join("new").join("data");
    restore(&file, &data_dir, |_| {}).unwrap();
    assert_eq!(files(&data_dir), [DATABASE_FILE]);
    let restored = opened(data_dir.join(DATABASE_FILE));
    assert!(report(&restored).is_sound());
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let summaries = (
        export(&world.guildhall, &mut before).unwrap(),
        export(&restored, &mut after).unwrap(),
    );
    assert_eq!((&summaries.0, &before), (&summaries.1, &after));
    let mode: String = unruly(&data_dir.join(DATABASE_FILE))
        .query_row("PRAGMA journal_mode", (), |row| row.get(0))
        .unwrap();
    assert_eq!(
        mode, "wal",
        "reads of a restored database wait for no write"
    );
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let (world, file) = backed_up().await;
    let refusal = restore(&file, world.directory.path(), |_| {}).unwrap_err();
    assert!(
        matches!(refusal, RestoreError::DatabaseExists { .. }),
        "{refusal}"
    );
    let leftover = TempDir::new().unwrap();
    fs::write(
        leftover.path().join("guildhall.db-wal"),
        "the log of another database",
    )
    .unwrap();
    let refusal = restore(&file, leftover.path(), |_| {}).unwrap_err();
    assert!(
        matches!(refusal, RestoreError::DatabaseExists { .. }),
        "{refusal}"
    );
    let refusal = backup(world.directory.path(), &file, |_| {}).unwrap_err();
    assert!(
        matches!(refusal, BackupError::TargetExists { .. }),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_running_server_is_left_alone() {
    let (_world, file) = backed_up().await;
    let target = TempDir::new().unwrap();
    let _server = DirectoryLock::try_take(&target.path().join(SERVER_LOCK_FILE)).unwrap();
    let refusal = restore(&file, target.path(), |_| {}).unwrap_err();
    assert!(
        matches!(refusal, RestoreError::ServerRunning { .. }),
        "{refusal}"
    );
    assert!(files(target.path()).is_empty());
}

/// Restores a backup that something was done to; tells why not, and that nothing was left behind.
fn refused(file: &Path) -> RestoreError {
    let target = TempDir::new().unwrap();
    let refusal = restore(file, target.path(), |_| {}).unwrap_err();
    assert!(
        files(target.path()).is_empty(),
        "{refusal}: {:?}",
        files(target.path())
    );
    refusal
}

#[tokio::test]
async fn only_a_whole_backup_of_ours_is_put_in_place() {
    let (world, file) = backed_up().await;
    let missing = world.directory.path().join("missing");
    assert!(matches!(
        refused(&missing),
        RestoreError::Backup(BackupError::SourceMissing { .. })
    ));

    let text = world.directory.path().join("text");
    fs::write(
        &text,
        "not a database, and long enough to be one: ".repeat(50),
    )
    .unwrap();
    assert!(matches!(
        refused(&text),
        RestoreError::Backup(BackupError::Db(DbError::Foreign { .. }))
    ));

    let cut = world.directory.path().join("cut");
    let bytes = fs::read(&file).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let refusal = refused(&cut);
    assert!(
        matches!(
            refusal,
            RestoreError::Damaged { .. } | RestoreError::Backup(_)
        ),
        "{refusal}"
    );

    unruly(&file).execute("UPDATE organization_members SET user_id = 7 WHERE id > 0 AND user_id = (SELECT MIN(user_id) FROM organization_members)", ()).unwrap();
    assert!(matches!(refused(&file), RestoreError::Damaged { .. }));
}

#[tokio::test]
async fn a_backup_of_tomorrow_is_refused() {
    let (_world, file) = backed_up().await;
    unruly(&file)
        .execute(
            "INSERT INTO schema_migrations (number, name) VALUES (1000, 'tomorrow')",
            (),
        )
        .unwrap();
    let refusal = refused(&file);
    assert!(
        matches!(
            refusal,
            RestoreError::Backup(BackupError::Db(DbError::SchemaTooNew { found: 1000, .. }))
        ),
        "{refusal}"
    );
}

#[tokio::test]
async fn what_a_cut_off_restore_left_is_cleared_away() {
    let (_world, file) = backed_up().await;
    let target = TempDir::new().unwrap();
    fs::write(target.path().join("guildhall.db.restoring"), "half").unwrap();
    restore(&file, target.path(), |_| {}).unwrap();
    assert_eq!(files(target.path()), [DATABASE_FILE]);
}
