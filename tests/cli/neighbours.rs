//! Accounts over HTTP whose platform is a neighbour of the server, or leads to one.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::{Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use syncline_support::{http::client, serving::Serving};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use super::common::{ensure_tells, with_database};

const SECRET: &str = "s3cret-of-an-account";

/// A server that counts its connections and answers each with the same text.
struct Neighbour {
    address: String,
    connections: Arc<AtomicUsize>,
    _served: JoinSet<()>,
}

impl Neighbour {
    async fn answering(host: &str, text: String) -> Result<Neighbour> {
        let listener = TcpListener::bind((host, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let mut served = JoinSet::new();
        served.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                // What was asked does not matter, and a client that is gone gets no answer.
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(text.as_bytes()).await;
            }
        });
        Ok(Neighbour { address, connections, _served: served })
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Adds an account with this address, and asks its platform who it is.
async fn checked(api: &Serving, name: &str, base_url: &str) -> Result<(StatusCode, Value)> {
    let accounts = format!("http://{}/api/v1/accounts", api.address);
    let body = json!({ "name": name, "platform": "github", "base_url": base_url, "secret": { "env": "ACME_TOKEN" } });
    let added = client().post(&accounts).json(&body).send().await?;
    let (status, text) = (added.status(), added.text().await?);
    ensure!(status == StatusCode::CREATED, "{base_url}: {status}: {text}");
    let answer = client().post(format!("{accounts}/{name}/check")).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(!text.contains(SECRET), "{base_url}: {text}");
    Ok((status, serde_json::from_str(&text)?))
}

#[tokio::test]
async fn a_platform_that_leads_next_door_is_not_followed() -> Result<()> {
    let next_door =
        Neighbour::answering("127.0.0.2", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".into()).await?;
    let mut program = with_database()?;
    program.set("SYNCLINE_ALLOW_PRIVATE_HOSTS", "127.0.0.1");
    program.set("SYNCLINE_ALLOW_HOSTS", "127.0.0.1");
    program.set("SYNCLINE_ALLOW_VARIABLES", "ACME_TOKEN");
    program.set("ACME_TOKEN", SECRET);
    let api = program.serve(&["api"])?;
    let places = [
        format!("http://{}/user", next_door.address),
        format!("https://{}/user", next_door.address),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "//2852039166/latest/meta-data/".to_owned(),
    ];
    for (status, place) in [301, 302, 307, 308].into_iter().zip(&places) {
        let text = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let platform = Neighbour::answering("127.0.0.1", text).await?;
        let base = format!("http://{}/api/v3", platform.address);
        let (answered, problem) = checked(&api, &format!("leads-{status}"), &base).await?;
        ensure!(answered == StatusCode::CONFLICT, "{place}: {answered}: {problem}");
        ensure_tells(&problem.to_string(), &["platform-refused", "leads elsewhere"])?;
        ensure!(platform.connections() > 0, "{place}: the platform was asked");
    }
    ensure!(next_door.connections() == 0, "a redirect was followed");
    Ok(())
}

#[tokio::test]
async fn a_name_of_a_neighbour_is_not_called() -> Result<()> {
    let next_door =
        Neighbour::answering("127.0.0.1", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".into()).await?;
    let mut program = with_database()?;
    program.set("SYNCLINE_ALLOW_HOSTS", "localhost");
    program.set("SYNCLINE_ALLOW_VARIABLES", "ACME_TOKEN");
    program.set("ACME_TOKEN", SECRET);
    let api = program.serve(&["api"])?;
    let (_, port) = next_door.address.split_once(':').unwrap_or_default();
    // That a name is private is known when it is resolved, which may change at any time.
    let (answered, problem) = checked(&api, "by-name", &format!("https://localhost:{port}")).await?;
    ensure!(answered == StatusCode::CONFLICT, "{answered}: {problem}");
    ensure_tells(&problem.to_string(), &["platform-refused", "SYNCLINE_ALLOW_PRIVATE_HOSTS"])?;
    ensure!(next_door.connections() == 0, "it was called");
    Ok(())
}
