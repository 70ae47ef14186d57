//! Server-sent events, read as a browser reads them.

use std::{collections::VecDeque, time::Duration};

use anyhow::{Context, Result, ensure};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::timeout;

/// Timeout of the next chunk.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event: its id, its type and its data. One that is not kept has the id 0.
pub type Event = (i64, String, Value);

/// An open stream.
pub struct Events {
    response: Response,
    text: String,
    found: VecDeque<Event>,
    position: Option<i64>,
}

impl Events {
    /// Opens a stream.
    pub async fn open(request: RequestBuilder) -> Result<Events> {
        let response = request.send().await?;
        let status = response.status();
        let kind =
            response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        if kind.as_deref() != Some("text/event-stream") {
            anyhow::bail!("{status}: {}", response.text().await?);
        }
        Ok(Events { response, text: String::new(), found: VecDeque::new(), position: None })
    }

    /// Returns the id to resume from.
    pub fn position(&self) -> Option<i64> {
        self.position
    }

    /// Returns the next event; `None` if the stream has ended or was cut off.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(found) = self.found.pop_front() {
                if found.0 > 0 {
                    self.position = Some(found.0);
                }
                return Ok(Some(found));
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.context("nothing comes")?;
            let Ok(Some(chunk)) = chunk else { return Ok(None) };
            self.text += std::str::from_utf8(&chunk)?;
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                self.read(&block)?;
            }
        }
    }

    fn read(&mut self, block: &str) -> Result<()> {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let id = field("id").map(str::parse).transpose()?;
        match (id, field("event"), field("data")) {
            (id, Some(kind), Some(data)) => {
                self.found.push_back((id.unwrap_or(0), kind.to_owned(), serde_json::from_str(data)?));
            }
            (_, None, None) if self.found.is_empty() => self.position = id.or(self.position),
            (_, None, None) => {}
            _ => ensure!(false, "half an event: {block:?}"),
        }
        Ok(())
    }

    /// Returns the ids of the next events.
    pub async fn ids(&mut self, many: usize) -> Result<Vec<i64>> {
        let mut ids = Vec::with_capacity(many);
        while ids.len() < many {
            ids.push(self.next().await?.context("the stream ended")?.0);
        }
        Ok(ids)
    }
}
