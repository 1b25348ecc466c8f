//! More requests than the server may have in flight: the surplus is refused at once and leaves nothing, `/health` answers
//! all the while, and afterwards everything is as before.
//!
//! Seen red with `/health` among the routes that need a place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::{Call, Client, Reply};
use crate::server::{Place, Server};

/// What the server may have in flight.
const IN_FLIGHT_MAX: usize = 4;

/// How many ask at the same time.
const CALLERS: usize = 128;

/// How long the storm lasts.
const STORM: Duration = Duration::from_secs(3);

/// The line of `/metrics` that says how many requests are being answered.
const IN_FLIGHT_METRIC: &str = "guildhall_http_requests_in_flight ";

/// How long `/health` may take in it: the test and the server share a machine, which is busy.
const HEALTH_MAX: Duration = Duration::from_secs(2);

async fn serve(place: &Place) -> Server {
    let bound = IN_FLIGHT_MAX.to_string();
    place.serve_with(&[], &["--in-flight-max", &bound]).await
}

fn create() -> Call {
    Call::form(Method::POST, "/organizations", &[("name", "Acme")])
}

/// Whether the request was surplus; fails on anything but an answer or a proper refusal.
#[track_caller]
fn is_surplus(reply: &Reply) -> bool {
    if reply.status == 200 {
        return false;
    }
    assert!(reply.is_refused(503, "overloaded"), "{reply}");
    let seconds: u32 = reply.header("retry-after").parse().unwrap();
    assert!(seconds >= 1);
    true
}

/// A request whose body is not there yet: it has a place, and keeps it.
struct Held(TcpStream);

const BODY: &str = "--x\r\ncontent-disposition: form-data; name=\"name\"\r\n\r\nHeld\r\n--x--\r\n";

impl Held {
    async fn begin(address: SocketAddr, key: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /organizations HTTP/1.1\r\nhost: guildhall\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n\r\n",
            BODY.len(),
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    async fn finish(mut self) -> String {
        self.0.write_all(BODY.as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// How many requests the server says it is answering.
async fn in_flight(client: &mut Client) -> usize {
    let metrics = client.ask(Call::get("/metrics")).await;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(IN_FLIGHT_METRIC));
    line.and_then(|number| number.trim().parse().ok()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_place_taken_only_health_is_answered() {
    let place = Place::new();
    let server = serve(&place).await;
    let key = place.key().await;
    let mut client = Client::new(server.address, &key);
    let mut held = Vec::new();
    for taken in 1..=IN_FLIGHT_MAX {
        held.push(Held::begin(server.address, &key).await);
        // One after the other, each seen in its place: a request that asked meanwhile could take it instead.
        while in_flight(&mut client).await < taken {
            tokio::task::yield_now().await;
        }
    }
    assert!(is_surplus(&client.ask(Call::get("/organizations")).await));
    let routes = [
        "/organizations",
        "/users",
        "/settings/b2b/organization-roles",
    ];
    for route in routes.into_iter().cycle().take(50) {
        assert!(is_surplus(&client.ask(Call::get(route)).await));
        assert!(is_surplus(&client.ask(create()).await));
        assert_eq!(client.ask(Call::get("/health")).await.status, 200);
    }
    for held in held {
        let answer = held.finish().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // A place is given back just after its answer is sent.
    while is_surplus(&client.ask(create()).await) {}
    let page = client.ask(Call::get("/organizations")).await.ok();
    assert_eq!(page["total"], IN_FLIGHT_MAX + 1);
    server.stop().await;
    place.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_leaves_what_was_acknowledged() {
    let place = Place::new();
    let server = serve(&place).await;
    let key = place.key().await;
    let over = Arc::new(AtomicBool::new(false));
    let mut storm = JoinSet::new();
    for _ in 0..CALLERS {
        storm.spawn(ask_until(
            Client::new(server.address, &key),
            Arc::clone(&over),
        ));
    }
    let watch = tokio::spawn(watch_health(server.address, Arc::clone(&over)));
    tokio::time::sleep(STORM).await;
    over.store(true, Ordering::SeqCst);
    let counts = storm.join_all().await.into_iter();
    let (done, refused) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    let (healths, slowest) = watch.await.unwrap();
    println!("{done} done, {refused} refused; {healths} times healthy, in {slowest:?} at most");
    assert!(done > 0 && refused > 0 && healths > 0);
    assert!(slowest < HEALTH_MAX, "{slowest:?}");

    let mut client = Client::new(server.address, &key);
    let page = client.ask(Call::get("/organizations")).await.ok();
    assert_eq!(page["total"], done, "a refused request was carried out");
    for _ in 0..50 {
        client.ask(create()).await.ok();
    }
    place.verify().await;
    server.stop().await;
}

/// Asks without a pause, as an impatient client does; counts what was done and what was refused.
async fn ask_until(mut client: Client, over: Arc<AtomicBool>) -> (usize, usize) {
    let mut counts = (0, 0);
    while !over.load(Ordering::SeqCst) {
        if is_surplus(&client.ask(create()).await) {
            counts.1 += 1;
        } else {
            counts.0 += 1;
        }
    }
    counts
}

/// Asks for the health on a new connection each time, as a load balancer does.
async fn watch_health(address: SocketAddr, over: Arc<AtomicBool>) -> (usize, Duration) {
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while !over.load(Ordering::SeqCst) {
        let begin = Instant::now();
        let reply = Client::new(address, "").ask(Call::get("/health")).await;
        assert_eq!(reply.status, 200, "{reply}");
        slowest = slowest.max(begin.elapsed());
        count += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (count, slowest)
}
