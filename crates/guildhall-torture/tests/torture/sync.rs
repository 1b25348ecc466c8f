//! An acknowledgement comes after fsync, and never after one that failed.
//!
//! A kill cannot show that: what a killed process has written is in the cache of the system, and survives it. So `strace`
//! makes each fsync slow, or fail.
//!
//! Seen red with a writer that answered before `COMMIT`, with `synchronous=NORMAL`, and with a server that went on after a
//! failed fsync.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use tokio::process::Command;
use tokio::time::timeout;

use crate::client::{Call, Client, Reply, id};
use crate::server::{Place, Server};
use crate::settings;
use crate::troop::Troop;

/// How much longer each fsync takes.
const DELAY: Duration = Duration::from_millis(300);

/// How long a busy server may not notice that fsync fails.
const NOTICE_MAX: Duration = Duration::from_secs(30);

/// A server whose every fsync is tampered with. The tracer is the server's child and not its parent, so that a kill
/// reaches the server.
async fn serve_with_syncs(place: &Place, tampering: &str) -> Server {
    serve_with_syncs_of(place, &[], tampering).await
}

/// The same, for the files that `only` names to the tracer.
async fn serve_with_syncs_of(place: &Place, only: &[&str], tampering: &str) -> Server {
    let there = Command::new("strace").arg("--version").output().await;
    assert!(
        there.is_ok(),
        "`strace` is missing: install it with `apt-get install strace`"
    );
    let inject = format!("--inject=fsync,fdatasync:{tampering}");
    let strace = [
        "strace",
        "-D",
        "-f",
        "-qqq",
        "--seccomp-bpf",
        "--trace=fsync,fdatasync",
    ];
    let through = [&strace[..], only, &["--output=/dev/null", &inject]].concat();
    place.serve_with(&through, &[]).await
}

/// Asks a server that is idle: behind another commit, also one that was acknowledged too early, everything waits.
async fn timed(client: &mut Client, call: Call) -> (Reply, Duration) {
    tokio::time::sleep(DELAY * 2).await;
    let begin = Instant::now();
    let reply = client.ask(call).await;
    reply.ok();
    (reply, begin.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_waits_for_the_disk_and_a_read_does_not() {
    let place = Place::new();
    place.serve().await.stop().await;
    let key = place.key().await;
    let delay = format!("delay_enter={}", DELAY.as_micros());
    let server = serve_with_syncs(&place, &delay).await;
    let mut client = Client::new(server.address, &key);

    let create = Call::form(Method::POST, "/organizations", &[("name", "Acme")]);
    let (reply, took) = timed(&mut client, create).await;
    assert!(
        took >= DELAY,
        "acknowledged after {took:?}, before the disk had it"
    );
    let home = format!("/organizations/{}", id(&reply.json(), "id"));
    let role = json!({ "name": "Editor", "permissions": ["documents:read"] });
    let changes = [
        Call::json(Method::POST, format!("{home}/roles"), &role),
        Call::form(Method::PATCH, &home, &[("description", "new")]),
        Call::form(Method::POST, "/users", &[("first_name", "Ava")]),
        Call::delete(&home),
    ];
    for change in changes {
        let (_, took) = timed(&mut client, change).await;
        assert!(
            took >= DELAY,
            "acknowledged after {took:?}, before the disk had it"
        );
    }
    // The second caller reads while the first one's change waits for the disk.
    let mut reader = Client::new(server.address, &key);
    let begin = Instant::now();
    let user = Call::form(Method::POST, "/users", &[("first_name", "Zoe")]);
    let (changed, read_after) = tokio::join!(client.ask(user), async {
        reader.ask(Call::get("/organizations")).await.ok();
        begin.elapsed()
    });
    changed.ok();
    assert!(read_after < DELAY, "a read waited {read_after:?}");
    server.kill().await;
    place.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_ends_the_server_and_is_not_acknowledged() {
    let mut random = settings::seed();
    let place = Place::new();
    place.serve().await.stop().await;
    let mut troop = Troop::new(place.key().await, &mut random);
    for _ in 0..3 {
        // Not one of the few of the start.
        let failing = format!("error=EIO:when={}+", 20 + random.below(200));
        let server = serve_with_syncs(&place, &failing).await;
        let stops = timeout(NOTICE_MAX, troop.work(&server)).await;
        let stops = stops.expect("the server goes on although fsync fails");
        troop.outlive(&place, server, &stops).await;
    }
    println!("{:?}", troop.figures);
    assert!(troop.figures.acknowledged > 0);
    place.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_of_the_database_file_ends_the_server_too() {
    let place = Place::new();
    place.serve().await.stop().await;
    let key = place.key().await;
    // Only a checkpoint syncs this file; every commit is acknowledged from the log.
    let path = place.data_dir().join("guildhall.db").display().to_string();
    let server = serve_with_syncs_of(&place, &["-P", &path], "error=EIO:when=1+").await;
    let mut client = Client::new(server.address, &key);
    let metadata = format!("{{\"x\":\"{}\"}}", "x".repeat(60_000));
    let fields = [("name", "Acme"), ("private_metadata", metadata.as_str())];
    // Each adds more than a hundred kilobytes to the log, which is moved back from 32 MiB on.
    let mut acknowledged = 0;
    while acknowledged < 2_000 {
        let create = Call::form(Method::POST, "/organizations", &fields);
        match client.call(&create).await {
            Ok(reply) => drop(reply.ok()),
            Err(_) => break,
        }
        acknowledged += 1;
    }
    assert!(
        acknowledged < 2_000,
        "the server goes on although a checkpoint fails"
    );
    assert_eq!(server.wait().await.code(), Some(70), "{}", place.log());
    place.verify().await;
}
