//! The server over TLS.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::http::Request;
use reqwest::StatusCode;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use syncline_api::{Tls, serve};
use syncline_support::{http, tls::Authority};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::stage::Stage;

/// A server with a certificate for localhost.
struct Server {
    address: SocketAddr,
    authority: Authority,
    shutdown: CancellationToken,
    _stage: Stage,
    _folder: tempfile::TempDir,
}

fn files(folder: &tempfile::TempDir, texts: [&str; 2]) -> [PathBuf; 2] {
    let files = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    for (file, text) in files.iter().zip(texts) {
        std::fs::write(file, text).unwrap();
    }
    files
}

impl Server {
    async fn start() -> Server {
        let (stage, folder) = (Stage::sqlite().await, tempfile::tempdir().unwrap());
        let authority = Authority::new("tests").unwrap();
        let issued = authority.issue(&["localhost"], "localhost").unwrap();
        let [cert, key] = files(&folder, [&issued[0], &issued[1]]);
        let tls = Tls::read(&cert, &key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(serve(listener, Some(tls), stage.router.clone(), shutdown.clone()));
        Server { address, authority, shutdown, _stage: stage, _folder: folder }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/healthz", self.address.port())
    }
}

#[tokio::test]
async fn tls_is_spoken_and_nothing_else() {
    let server = Server::start().await;
    let client = http::trusting(server.authority.pem()).build().unwrap();
    assert_eq!(client.get(server.url("https")).send().await.unwrap().status(), StatusCode::OK);
    assert!(client.get(server.url("http")).send().await.is_err(), "in clear");
    assert!(http::client().get(server.url("https")).send().await.is_err(), "by an unknown authority");
    server.shutdown.cancel();
}

#[tokio::test]
async fn http_2_is_spoken_with_those_who_know_it() {
    let server = Server::start().await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.authority.pem().as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    for (host, status) in [("localhost", 200), ("evil.example", 421)] {
        client = client.ready().await.unwrap();
        let request = Request::get(format!("https://{host}/healthz")).body(()).unwrap();
        let (answer, _) = client.send_request(request, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), status, "{host}");
    }
    server.shutdown.cancel();
}

#[test]
fn a_file_that_is_no_certificate_or_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("tests").unwrap();
    let issued = authority.issue(&["localhost"], "localhost").unwrap();
    let other = authority.issue(&["localhost"], "localhost").unwrap();
    for (texts, told) in [
        (["nothing", &issued[1]], "cert.pem"),
        ([&issued[0], "secret words"], "key.pem"),
        ([&issued[0], &other[1]], "key.pem"),
    ] {
        let [cert, key] = files(&folder, texts);
        let refused = Tls::read(&cert, &key).unwrap_err();
        assert!(refused.contains(told) && !refused.contains("secret words"), "{refused}");
    }
    let refused = Tls::read(&folder.path().join("gone.pem"), &folder.path().join("key.pem")).unwrap_err();
    assert!(refused.contains("gone.pem"), "{refused}");
}
