//! TLS and proxies.

use std::sync::Arc;

use rstest::rstest;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use syncline_connectors::http::{Http, HttpConfig, HttpError, Proxy, Sent};
use syncline_engine::ports::{ErrorKind, ErrorScope};
use syncline_support::tls::Authority;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    server::{Act, Server, response},
    stage::{Stage, client, client_with, quick},
};

/// A server with a certificate for `localhost`, and the file of its authority.
async fn tls_server() -> (Server, TempDir) {
    let authority = Authority::new("An authority of our own").unwrap();
    let [certificate, key] = authority.issue(&["localhost"], "localhost").unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let answer = |_: &_| vec![Act::Send(response(200, &[], "{}"))];
    let server = Server::listen(answer, Some(acceptor)).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    (server, folder)
}

#[tokio::test]
async fn a_certificate_of_ones_own_authority_is_trusted_once_it_is_named() {
    let (server, folder) = tls_server().await;
    let url = format!("https://localhost:{}", server.port);
    let failed = client(&url).post(&["items"]).send(&Stage::new().call()).await.unwrap_err();
    assert_eq!(
        (failed.sent, failed.error.kind, failed.error.scope),
        (Sent::No, ErrorKind::Permanent, ErrorScope::Account)
    );
    assert!(
        failed.error.message.contains("is not trusted") && failed.error.message.contains("SYNCLINE_CA_FILE")
    );

    let config = HttpConfig { ca_file: Some(folder.path().join("ca.pem")), ..quick() };
    client_with(&url, config.clone()).get(&["items"]).send(&Stage::new().call()).await.unwrap();
    assert_eq!(server.only().target(), "/items");

    // Trusted, and for another host.
    let url = format!("https://127.0.0.1:{}", server.port);
    let failed = client_with(&url, config).get(&["items"]).send(&Stage::new().call()).await.unwrap_err();
    assert!(failed.error.message.contains("is not trusted"), "{failed}");
}

#[rstest]
#[case(None, "cannot be read")]
#[case(Some(""), "has no certificate")]
#[case(Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "has no certificate")]
#[case(Some("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"), "is not a PEM file")]
#[case(Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "has an unusable certificate")]
fn a_file_of_authorities_that_cannot_be_used_is_named(#[case] text: Option<&str>, #[case] why: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    if let Some(text) = text {
        std::fs::write(&path, text).unwrap();
    }
    let error = Http::new(&HttpConfig { ca_file: Some(path.clone()), ..quick() }).unwrap_err();
    assert!(matches!(error, HttpError::CaFile { .. }));
    assert!(error.to_string().starts_with(&format!("{path:?} {why}")), "{error}");
}

/// Tunnels `CONNECT`, and remembers the heads of its requests.
async fn proxy() -> (u16, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                kept.lock().unwrap().push(head);
                let port = target.rsplit(':').next().unwrap();
                let mut there = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut there).await;
            });
        }
    });
    (port, heads)
}

#[tokio::test]
async fn a_proxy_is_used_for_all_hosts_but_those_that_it_is_bypassed_for() {
    let (server, folder) = tls_server().await;
    let (port, heads) = proxy().await;
    let address = format!("http://user:pass@localhost:{port}");
    let config = |bypass: &str| HttpConfig {
        ca_file: Some(folder.path().join("ca.pem")),
        proxy: Some(Proxy::new(&address, bypass).unwrap()),
        // The proxy itself need not be listed.
        allow_private: "127.0.0.1".parse().unwrap(),
        ..quick()
    };
    let url = format!("https://localhost:{}", server.port);
    client_with(&url, config("")).get(&["items"]).send(&Stage::new().call()).await.unwrap();
    let head = heads.lock().unwrap().join("");
    assert!(head.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", server.port)), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnz\r\n"), "{head}");
    assert!(!head.contains("s3cr3t"), "the account's secret is inside of the tunnel: {head}");

    let bypassed = HttpConfig { allow_private: "localhost".parse().unwrap(), ..config("localhost") };
    client_with(&url, bypassed).get(&["items"]).send(&Stage::new().call()).await.unwrap();
    assert_eq!((heads.lock().unwrap().len(), server.seen().len()), (1, 2));
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_away_keeps_the_request_from_being_sent() {
    let server = Server::answering(407, &[], "").await;
    for port in [server.port, 1] {
        let proxy = Proxy::new(&format!("http://127.0.0.1:{port}"), "").unwrap();
        let config = HttpConfig { proxy: Some(proxy), ..quick() };
        let client = client_with("https://acme.example", config);
        let failed = client.post(&["items"]).send(&Stage::new().call()).await.unwrap_err();
        assert_eq!((failed.sent, failed.error.kind), (Sent::No, ErrorKind::Transient), "{failed}");
    }
}
