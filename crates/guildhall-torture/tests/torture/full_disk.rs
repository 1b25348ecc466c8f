//! A disk that is full, and one that fails: nothing that was acknowledged is lost, and nobody is told a lie.
//!
//! Seen red with a writer that answered a group whose commit had failed, and with a server that went on after a failed write.

use std::time::{Duration, Instant};

use hyper::Method;

use crate::client::{Call, Client, Reply};
use crate::disk::Disk;
use crate::server::{Place, Server};
use crate::settings;
use crate::troop::{Moment, Troop};
use crate::writers::Stop;

/// Room for some hundred changes.
const DISK_MEBIBYTES: u32 = 4;

/// Room for a log of some thousand pages.
const DISK_FOR_LONG_LOG_MEBIBYTES: u32 = 32;

/// How long `/ready` may take to notice that there is room again, without any change.
const NOTICE_MAX: Duration = Duration::from_secs(2);

/// What the log says when it begins and when it ends.
const FULL: &str = "the disk is full: changes are refused";
const ROOM_AGAIN: &str = "the disk has room again";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_changes_and_loses_nothing() {
    let disk = match Disk::mount(DISK_MEBIBYTES).await {
        Ok(disk) => disk,
        Err(reason) => {
            println!("no disk may be mounted here ({reason}); it fails instead of filling up");
            return a_failed_disk().await;
        }
    };
    let mut random = settings::seed();
    let place = Place::elsewhere(&disk.data_dir(), &disk.through());
    let mut server = place.serve().await;
    let key = place.key().await;
    let mut troop = Troop::new(key.clone(), &mut random);

    let full = work_until_nothing_fits(&mut troop, &server).await;
    says_that_it_is_not_ready(&server, &key).await;

    // A server that starts on a full disk reads, and refuses as the one before it did.
    troop.work(&server).await;
    server.kill().await;
    place.verify().await;
    server = place.serve().await;
    troop.compare(&server).await;
    troop.next_life();
    refuses(&troop.work(&server).await);

    // With room again everything goes on, without a restart.
    disk.make_room().await;
    says_soon_that_it_is_ready(&server, &key).await;
    // Each of the two servers said once that the disk is full, however many changes it refused; the second that it is not.
    let said = |text| place.log().matches(text).count();
    assert_eq!((said(FULL), said(ROOM_AGAIN)), (2, 1), "{}", place.log());
    assert_eq!(said("\"ERROR\""), 2, "{}", place.log());
    let load = Duration::from_millis(500);
    troop.work_until_killed(server, load, Moment::Any).await;
    let server = place.serve().await;
    troop.compare(&server).await;
    assert!(
        troop.figures.acknowledged > full + 50,
        "{:?}",
        troop.figures
    );
    println!(
        "{full} acknowledged until the disk was full, {:?} at the end",
        troop.figures
    );
    server.stop().await;
    place.verify().await;
}

/// Works until not even the smallest change finds room: a group that was refused leaves the room of sixteen changes. What was
/// refused is not done. Tells how much was acknowledged.
async fn work_until_nothing_fits(troop: &mut Troop, server: &Server) -> usize {
    loop {
        let before = troop.figures.acknowledged;
        refuses(&troop.work(server).await);
        troop.compare(server).await;
        if troop.figures.acknowledged == before {
            assert!(before > 0);
            return before;
        }
    }
}

/// Every writer was told that the disk is full, and when to come again.
#[track_caller]
fn refuses(stops: &[Stop]) {
    for stop in stops {
        let Stop::Refused(reply) = stop else {
            panic!("a writer was stopped by {stop:?}");
        };
        assert!(reply.is_refused(503, "storage_unavailable"), "{reply}");
        assert!(reply.header("retry-after").parse::<u32>().unwrap() >= 1);
    }
}

async fn readiness(server: &Server, key: &str) -> Reply {
    Client::new(server.address, key)
        .ask(Call::get("/ready"))
        .await
}

/// It was refused room a moment ago: it knows at once.
async fn says_that_it_is_not_ready(server: &Server, key: &str) {
    for _ in 0..20 {
        let reply = readiness(server, key).await;
        assert!(reply.is_refused(503, "storage_unavailable"), "{reply}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut client = Client::new(server.address, key);
    assert_eq!(client.ask(Call::get("/health")).await.status, 200);
}

async fn says_soon_that_it_is_ready(server: &Server, key: &str) {
    let deadline = Instant::now() + NOTICE_MAX;
    loop {
        let reply = readiness(server, key).await;
        if reply.status == 200 {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "the server says that it is not ready: {reply}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Pages of the log that the first block of its index stands for, and what a page takes in the log.
const FIRST_BLOCK_PAGES: u64 = 4_062;
const PAGE_IN_LOG_BYTES: u64 = 4_120;

/// The index of the log is extended when a commit stands in the log already: if there is no room for that, the commit can
/// neither be made nor taken back. So the room is taken at the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_when_the_index_of_the_log_would_grow_refuses_changes_too() {
    let Ok(disk) = Disk::mount(DISK_FOR_LONG_LOG_MEBIBYTES).await else {
        println!("no disk may be mounted here");
        return;
    };
    let place = Place::elsewhere(&disk.data_dir(), &disk.through());
    let server = place.serve().await;
    let mut client = Client::new(server.address, &place.key().await);
    let block_ends = FIRST_BLOCK_PAGES * PAGE_IN_LOG_BYTES;
    while log_bytes(&mut client).await + 300_000 < block_ends {
        create(&mut client, 60_000).await.ok();
    }
    while log_bytes(&mut client).await + 100_000 < block_ends {
        create(&mut client, 1).await.ok();
    }
    let to_the_end = block_ends - log_bytes(&mut client).await;
    disk.fill(to_the_end + 5 * PAGE_IN_LOG_BYTES).await;
    let refused = loop {
        let reply = create(&mut client, 1).await;
        if reply.status != 200 {
            break reply;
        }
    };
    assert!(refused.is_refused(503, "storage_unavailable"), "{refused}");
    assert!(log_bytes(&mut client).await >= block_ends);
    server.kill().await;
    place.verify().await;
}

/// What the server needs at its start and does not get is not damage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_room_for_a_start_is_called_full() {
    let Ok(disk) = Disk::mount(DISK_MEBIBYTES).await else {
        println!("no disk may be mounted here");
        return;
    };
    let place = Place::elsewhere(&disk.data_dir(), &disk.through());
    place.serve().await.stop().await;
    place.key().await;
    disk.fill(0).await;
    for words in [&["serve", "--listen", "127.0.0.1:0"][..], &["verify"]] {
        let output = place.run(words).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("the disk of the data directory is full"),
            "{said}"
        );
        assert!(!said.contains("damaged"), "{said}");
    }
    disk.make_room().await;
    place.verify().await;
}

async fn create(client: &mut Client, metadata_bytes: usize) -> Reply {
    let metadata = format!("{{\"x\":\"{}\"}}", "x".repeat(metadata_bytes));
    let fields = [("name", "Acme"), ("private_metadata", metadata.as_str())];
    client
        .ask(Call::form(Method::POST, "/organizations", &fields))
        .await
}

async fn log_bytes(client: &mut Client) -> u64 {
    let metrics = client.ask(Call::get("/metrics")).await;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let figure = text
        .lines()
        .find_map(|line| line.strip_prefix("guildhall_database_log_bytes "));
    figure.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_disk_ends_the_server_and_loses_nothing() {
    a_failed_disk().await;
}

/// A file that may not grow any more fails in the write, as a broken disk does (`EFBIG`, not `ENOSPC`).
async fn a_failed_disk() {
    let mut random = settings::seed();
    let place = Place::new();
    place.serve().await.stop().await;
    let mut troop = Troop::new(place.key().await, &mut random);
    for kibibytes in [2_000, 5_000] {
        let limited = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
        let server = place.serve_with(&["bash", "-c", &limited], &[]).await;
        let stops = troop.work(&server).await;
        troop.outlive(&place, server, &stops).await;
    }
    println!("{:?}", troop.figures);
    assert!(troop.figures.acknowledged > 0);
    place.verify().await;
}
