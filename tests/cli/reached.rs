//! Servers that others than this machine reach.

use anyhow::{Context, Result, ensure};
use reqwest::{StatusCode, header};
use syncline_support::{
    http::{client, trusting},
    serving::Serving,
    tls::Authority,
};

use super::common::{ensure_tells, with_database};

const GIVEN: &str = "0123456789abcdef0123456789abcdef";

/// The port of the second listener, from the log.
fn ops_port(role: &Serving) -> Result<u16> {
    let log = role.log();
    let (_, rest) = log.split_once("ops=\"").context("the log names it")?;
    let address = rest.split('"').next().unwrap_or_default();
    Ok(address.parse::<std::net::SocketAddr>()?.port())
}

#[tokio::test]
async fn a_pods_probes_and_scrapes_need_no_token_on_their_own_address() -> Result<()> {
    let mut program = with_database()?;
    program.set("SYNCLINE_TOKEN", GIVEN);
    program.set("SYNCLINE_ALLOWED_HOSTS", "syncline, syncline-metrics:9090");
    let api = program.serve(&["api", "--listen", "0.0.0.0:0", "--ops-listen", "0.0.0.0:0"])?;
    let (ops, port) = (ops_port(&api)?, api.address.port());
    let get = |port: u16, path: &str| client().get(format!("http://127.0.0.1:{port}{path}"));
    for path in ["/healthz", "/readyz", "/health", "/metrics", "/alerts"] {
        let answer = get(ops, path).send().await?;
        ensure!(answer.status() == StatusCode::OK, "{path}: {answer:?}");
        let guarded = get(port, path).send().await?;
        ensure!(guarded.status() == StatusCode::UNAUTHORIZED, "{path}: {guarded:?}");
    }
    let none = get(ops, "/api/v1/jobs").bearer_auth(GIVEN).send().await?;
    ensure!(none.status() == StatusCode::NOT_FOUND, "{none:?}");
    for (host, status) in [
        ("syncline", StatusCode::OK),
        ("10.42.0.7:8080", StatusCode::OK),
        ("syncline-metrics:9091", StatusCode::MISDIRECTED_REQUEST),
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let answer = get(port, "/api/v1/jobs").bearer_auth(GIVEN).header(header::HOST, host).send().await?;
        ensure!(answer.status() == status, "{host}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_tells_how_it_is_on_any_address() -> Result<()> {
    let worker = with_database()?.serve(&["worker", "--listen", "0.0.0.0:0"])?;
    let answer = client().get(format!("http://127.0.0.1:{}/healthz", worker.address.port())).send().await?;
    ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn a_proxy_on_the_same_machine_makes_the_api_public() -> Result<()> {
    let mut program = with_database()?;
    program.set("SYNCLINE_PUBLIC_URL", "https://sync.example.com/tools");
    let refused = program.expect(2, &["api", "--listen", "127.0.0.1:0"])?;
    ensure_tells(&refused.stderr, &["no token yet", "syncline tokens create"])?;
    program.set("SYNCLINE_PUBLIC_URL", "sync.example.com");
    let refused = program.expect(2, &["api", "--listen", "127.0.0.1:0"])?;
    ensure_tells(&refused.stderr, &["SYNCLINE_PUBLIC_URL", "sync.example.com", "https://"])?;
    Ok(())
}

#[tokio::test]
async fn the_api_speaks_tls_with_a_certificate() -> Result<()> {
    let program = with_database()?;
    let authority = Authority::new("tests")?;
    let [cert, key] = authority.issue(&["localhost"], "localhost")?;
    program.write("cert.pem", &cert)?;
    program.write("key.pem", &key)?;
    let api = program.serve(&["api", "--tls-cert", "cert.pem", "--tls-key", "key.pem"])?;
    let trusting = trusting(authority.pem()).build()?;
    let answer = trusting.get(format!("https://localhost:{}/api/v1", api.address.port())).send().await?;
    ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    let half = program.expect(2, &["api", "--tls-cert", "cert.pem"])?;
    ensure_tells(&half.stderr, &["--tls-key"])?;
    let swapped = program.expect(2, &["api", "--tls-cert", "key.pem", "--tls-key", "cert.pem"])?;
    ensure_tells(&swapped.stderr, &["key.pem", "no certificate"])?;
    Ok(())
}
