//! A small HTTP client: it takes little of the processors that it shares with the server and the database.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
    time::timeout,
};

/// Timeout of a request.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer: its status and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        let text = || String::from_utf8_lossy(&self.body).chars().take(300).collect::<String>();
        ensure!(self.status < 300, "{}: {}", self.status, text());
        serde_json::from_slice(&self.body).with_context(text)
    }
}

/// Connections to one server that are kept open.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    address: SocketAddr,
    token: Arc<str>,
    idle: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    pub(crate) fn new(address: SocketAddr, token: &str) -> Wire {
        Wire { address, token: token.into(), idle: Arc::default() }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Result<Answer> {
        self.send("POST", path, body).await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let Wire { address, token, .. } = self;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let idle = self.idle.lock().await.pop();
        if let Some(stream) = idle
            && let Ok(answer) = self.ask(stream, &request).await
        {
            return Ok(answer);
        }
        // The server closes connections that were idle for a while.
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        self.ask(stream, &request).await.with_context(|| format!("{method} {path}"))
    }

    async fn ask(&self, mut stream: TcpStream, request: &str) -> Result<Answer> {
        let answered = timeout(PATIENCE, async {
            stream.write_all(request.as_bytes()).await?;
            answer(&mut stream).await
        });
        let answer = answered.await.with_context(|| format!("no answer within {PATIENCE:?}"))??;
        self.idle.lock().await.push(stream);
        Ok(answer)
    }
}

async fn answer(stream: &mut TcpStream) -> Result<Answer> {
    let mut read = Vec::with_capacity(64 * 1024);
    let (head, length) = loop {
        ensure!(stream.read_buf(&mut read).await? > 0, "the server closed the connection");
        if let Some(end) = read.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.context("no content-length")?.trim().parse()?;
            read.drain(..end + 4);
            break (head, length);
        }
    };
    while read.len() < length {
        ensure!(stream.read_buf(&mut read).await? > 0, "the server closed the connection");
    }
    let status = head.split_whitespace().nth(1).context("no status")?.parse()?;
    Ok(Answer { status, body: read })
}
