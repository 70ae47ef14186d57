//! The simulator of platforms as a separate process.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

use crate::{
    http,
    program::{Program, Running},
};

/// A simulator without items and limits; it ends with the test.
pub struct SimulatorProcess {
    process: Child,
    shown: Json,
    client: reqwest::Client,
}

impl SimulatorProcess {
    pub async fn start(program: &Program) -> Result<SimulatorProcess> {
        let arguments = ["--json", "simulator", "--listen", "127.0.0.1:0", "--items", "0", "--limits", "off"];
        let mut command = program.command(&arguments);
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let out = process.stdout.take().context("standard output is piped")?;
        let mut document = String::new();
        for line in BufReader::new(out).lines() {
            let line = line?;
            document.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let shown: Json = serde_json::from_str(&document).context(document)?;
        let simulator = SimulatorProcess { process, shown, client: http::client() };
        simulator.control("POST", "/reset", Json::Null).await?;
        Ok(simulator)
    }

    /// Returns the base URL of a platform's API.
    pub fn api(&self, platform: &str) -> Result<&str> {
        self.shown[platform].as_str().context("an address")
    }

    /// Uses the control API, which must succeed.
    pub async fn control(&self, method: &str, path: &str, body: Json) -> Result<Json> {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.shown["control"].as_str().unwrap_or_default()));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{method} {path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Result<Json> {
        self.control("GET", path, Json::Null).await
    }

    pub async fn fault(&self, fault: Json) -> Result<()> {
        self.control("POST", "/faults", fault).await?;
        Ok(())
    }

    /// Returns the requests that change something since the log was last cleared.
    pub async fn mutations(&self) -> Result<Vec<Json>> {
        let log = self.get("/log").await?;
        let entries = log["entries"].as_array().context("entries")?;
        Ok(entries.iter().filter(|entry| changes(entry)).cloned().collect())
    }

    pub async fn forget(&self) -> Result<()> {
        self.control("DELETE", "/log", Json::Null).await?;
        Ok(())
    }

    /// Waits until this many requests that change something have arrived, or the process has ended.
    pub async fn wait_for(&self, mutations: usize, running: &mut Running) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.mutations().await?.len() < mutations && !running.has_ended()? {
            ensure!(Instant::now() < deadline, "fewer than {mutations} writes arrived");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for SimulatorProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// True if a request changes something: searches and queries are posted, but change nothing.
fn changes(entry: &Json) -> bool {
    let url = entry["url"].as_str().unwrap_or_default();
    let path = url.split('?').next().unwrap_or_default();
    let query = entry["body"]["query"].as_str().unwrap_or_default();
    let reads = ["/search/jql", "/issue/bulkfetch", "/changelog/bulkfetch", "/oauth/token"];
    entry["method"] != "GET" && !reads.iter().any(|end| path.ends_with(end)) && !query.starts_with("query")
}
