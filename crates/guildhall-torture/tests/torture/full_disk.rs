//! A disk that is full, and one that fails: nothing that was acknowledged is lost, and nobody is told a lie.
//!
//! Seen red with a writer that answered a group whose commit had failed, and with a server that went on after a failed write.

use std::time::{Duration, Instant};

use crate::client::{Call, Client};
use crate::disk::Disk;
use crate::server::{Place, Server};
use crate::settings;
use crate::troop::{Moment, Troop};
use crate::writers::Stop;

/// Room for some hundred changes.
const DISK_MEBIBYTES: u32 = 4;

/// How long `/ready` may take to notice: it writes a page at most twice a second, and there may be room for some.
const NOTICE_MAX: Duration = Duration::from_secs(15);

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

async fn says_that_it_is_not_ready(server: &Server, key: &str) {
    let mut client = Client::new(server.address, key);
    let deadline = Instant::now() + NOTICE_MAX;
    loop {
        let reply = client.ask(Call::get("/ready")).await;
        if reply.is_refused(503, "storage_unavailable") {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "the server says that it is ready: {reply}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(client.ask(Call::get("/health")).await.status, 200);
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
        let unanswered = |stop: &Stop| matches!(stop, Stop::Unanswered);
        assert!(stops.iter().all(unanswered), "{stops:?}");
        let status = server.wait().await;
        assert_eq!(status.code(), Some(70), "{}", place.log());
        assert!(place.log().contains("the disk failed"), "{}", place.log());

        place.verify().await;
        let server = place.serve().await;
        troop.compare(&server).await;
        troop.next_life();
        server.stop().await;
    }
    println!("{:?}", troop.figures);
    assert!(troop.figures.acknowledged > 0);
    place.verify().await;
}
