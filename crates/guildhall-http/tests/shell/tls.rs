//! TLS, with certificates that `openssl` makes for each test.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use guildhall_http::server::{ServeError, Server, ServerOptions};
use guildhall_http::tls::{TlsError, TlsOptions};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{A_WHILE, Client, TestServer, soon};

const GET_HELLO: &str = "GET /hello/a HTTP/1.1\r\nHost: localhost\r\n\r\n";
const EXTENSIONS: &str = "[req]\ndistinguished_name=name\n[name]\n\
    [extensions]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost\n";

/// A folder with `certificate.pem`, signed by itself, and `key.pem`.
fn identity() -> TempDir {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("openssl.cnf"), EXTENSIONS).unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-extensions",
            "extensions",
            "-config",
        ])
        .arg(path("openssl.cnf"))
        .arg("-keyout")
        .arg(path("key.pem"))
        .arg("-out")
        .arg(path("certificate.pem"))
        .output()
        .expect("the command `openssl` makes the certificates of this test; install it");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    folder
}

fn options(folder: &Path) -> TlsOptions {
    let mut options = TlsOptions::new(folder.join("certificate.pem"), folder.join("key.pem"));
    options.reload_interval = Duration::from_millis(20);
    options
}

fn replace(folder: &Path, name: &str, with: &Path) {
    std::fs::copy(with.join(name), folder.join(name)).unwrap();
}

/// A connection by somebody who trusts only the certificate in this folder.
async fn connect(
    server: &TestServer,
    trusted: &Path,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(trusted.join("certificate.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

async fn greeted(server: &TestServer, trusted: &Path) -> bool {
    let Ok(stream) = connect(server, trusted, b"http/1.1").await else {
        return false;
    };
    let mut client = Client::new(stream);
    client.send(GET_HELLO).await;
    client.answer().await.text() == "hello"
}

async fn start(folder: &Path) -> TestServer {
    TestServer::start_with(|server, _| server.tls = Some(options(folder))).await
}

#[tokio::test]
async fn both_protocols_are_spoken_over_tls() {
    let folder = identity();
    let server = start(folder.path()).await;
    assert!(greeted(&server, folder.path()).await);

    let stream = connect(&server, folder.path(), b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = soon(h2::client::handshake(stream)).await.unwrap();
    tokio::spawn(async move { connection.await.ok() });
    let request = axum::http::Request::get("https://localhost/hello/a")
        .body(())
        .unwrap();
    let mut sender = soon(sender.ready()).await.unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    assert_eq!(soon(response).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_handshake_that_never_begins_is_given_up() {
    let folder = identity();
    let server = TestServer::start_with(|server, _| {
        server.tls = Some(options(folder.path()));
        server.header_deadline = Duration::from_millis(200);
    })
    .await;
    server.connect().await.closed().await;
}

#[tokio::test]
async fn a_new_certificate_is_used_and_a_bad_one_is_not() {
    let (old, new) = (identity(), identity());
    let used = identity();
    replace(used.path(), "certificate.pem", old.path());
    replace(used.path(), "key.pem", old.path());
    let server = start(used.path()).await;
    assert!(greeted(&server, old.path()).await);
    assert!(!greeted(&server, new.path()).await);

    // Half of a pair cannot be used; the old pair stays.
    replace(used.path(), "certificate.pem", new.path());
    tokio::time::sleep(A_WHILE).await;
    assert!(greeted(&server, old.path()).await);

    replace(used.path(), "key.pem", new.path());
    soon(async {
        while !greeted(&server, new.path()).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;

    for broken in ["", "not a certificate"] {
        std::fs::write(used.path().join("certificate.pem"), broken).unwrap();
        tokio::time::sleep(A_WHILE).await;
        assert!(greeted(&server, new.path()).await);
    }
    std::fs::remove_file(used.path().join("key.pem")).unwrap();
    tokio::time::sleep(A_WHILE).await;
    assert!(greeted(&server, new.path()).await);
}

#[tokio::test]
async fn a_server_does_not_start_with_a_bad_certificate() {
    let (folder, other) = (identity(), identity());
    let refusal = |tls: TlsOptions| async {
        let mut server = ServerOptions::new(([127, 0, 0, 1], 0).into());
        server.tls = Some(tls);
        Server::bind(server).await.unwrap_err()
    };
    let key = folder.path().join("key.pem");
    let certificate = folder.path().join("certificate.pem");

    let missing = refusal(TlsOptions::new("/nowhere.pem", &key)).await;
    assert!(missing.to_string().contains("`/nowhere.pem`"), "{missing}");
    let swapped = refusal(TlsOptions::new(&key, &certificate)).await;
    assert!(
        matches!(swapped, ServeError::Tls(TlsError::NoCertificate { .. })),
        "{swapped}"
    );
    let keyless = refusal(TlsOptions::new(&certificate, &certificate)).await;
    assert!(
        matches!(keyless, ServeError::Tls(TlsError::NoKey { .. })),
        "{keyless}"
    );
    let foreign = refusal(TlsOptions::new(&certificate, other.path().join("key.pem"))).await;
    assert!(
        matches!(foreign, ServeError::Tls(TlsError::Unusable { .. })),
        "{foreign}"
    );
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let server = TestServer::start().await;
    let refusal = Server::bind(ServerOptions::new(server.address))
        .await
        .unwrap_err();
    assert!(
        refusal.to_string().contains(&server.address.to_string()),
        "{refusal}"
    );
}
