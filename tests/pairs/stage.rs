//! The program with an account on each platform, and the simulator as another process.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};
use syncline_support::{ledger::Ledger, program::Program, simulator::SimulatorProcess};

use crate::{BINARY, place::Place};

pub(crate) struct Stage {
    pub(crate) program: Program,
    pub(crate) simulator: SimulatorProcess,
    pub(crate) ledger: Ledger,
}

impl Stage {
    pub(crate) async fn new() -> Result<Stage> {
        let mut program = Program::new(BINARY)?;
        for (name, value) in [
            ("SYNCLINE_LEASE_MS", "2000"),
            ("SYNCLINE_ALLOW_PRIVATE_HOSTS", "127.0.0.1"),
            ("SYNCLINE_HTTP_CONNECT_MS", "1000"),
            ("SYNCLINE_HTTP_READ_MS", "3000"),
            ("SYNCLINE_HTTP_TOTAL_MS", "4000"),
            // The simulator does the work of a request at once, and its searches show everything.
            ("SYNCLINE_TEST_PATIENCE_MS", "1000"),
        ] {
            program.set(name, value);
        }
        let simulator = SimulatorProcess::start(&program).await?;
        for (platform, secret) in furnish(&simulator).await? {
            program.set(&format!("{platform}_secret"), &secret);
        }
        program.expect(0, &["migrate", "up"])?;
        let ledger = Ledger::open(&program.path("syncline.db")).await?;
        for place in Place::ALL {
            let platform = place.platform();
            let (name, secret) = (format!("my-{platform}"), format!("env:{platform}_secret"));
            let arguments = ["accounts", "add", &name, "--platform", platform, "--limits", "off"];
            let address = ["--base-url", simulator.api(platform)?, "--secret", &secret];
            program.expect(0, &[&arguments[..], &address].concat())?;
        }
        Ok(Stage { program, simulator, ledger })
    }

    pub(crate) fn apply(&self, document: &str) -> Result<()> {
        self.program.write("sync.yaml", document)?;
        self.program.expect(0, &["apply", "-f", "sync.yaml"])?;
        Ok(())
    }

    /// A run that ends with everything in step.
    pub(crate) fn sync(&self, name: &str) -> Result<Json> {
        self.program.expect(0, &["--json", "sync", name])?.json()
    }

    /// Runs until everything is in step and nothing is left of earlier runs: a run leaves alone what a killed one was
    /// writing, while that one waits until the writes can be found. Returns the number of runs.
    pub(crate) async fn settle(&self, name: &str) -> Result<usize> {
        let deadline = Instant::now() + Duration::from_secs(180);
        let mut run = 0;
        loop {
            run += 1;
            let finished = self.program.run(&["sync", name])?;
            let settled = self.ledger.ensure_settled().await;
            if finished.code == Some(0) && settled.is_ok() {
                return Ok(run);
            }
            ensure!(Instant::now() < deadline, "not in step after {run} runs: {settled:?} {finished:?}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Two runs of each sync with nothing to do write to no platform, and neither changes nor conflicts.
    pub(crate) async fn ensure_quiet(&self, names: &[&str]) -> Result<()> {
        let before = self.ledger.written().await?;
        self.simulator.forget().await?;
        for name in [names, names].concat() {
            self.sync(name)?;
        }
        let mutations = self.simulator.mutations().await?;
        ensure!(mutations.is_empty(), "runs with nothing to do wrote: {mutations:#?}");
        let after = self.ledger.written().await?;
        ensure!(before == after, "changes and conflicts of runs with nothing to do: {before:?}, {after:?}");
        Ok(())
    }
}

/// Makes the places and the people who work there. Returns the secret of an account on each platform.
async fn furnish(simulator: &SimulatorProcess) -> Result<[(&'static str, String); 3]> {
    let post = async |path: &str, body: Json| simulator.control("POST", path, body).await;
    post("/github/repos", json!({ "owner": "acme", "name": "web", "members": { "ada": "admin" } })).await?;
    let github = post("/github/tokens", json!({ "account": "ada" })).await?;
    // What was edited just now would be found by a later run.
    simulator.control("PATCH", "/jira/settings", json!({ "index_lag_ms": 0 })).await?;
    post("/jira/users", json!({ "handle": "ada", "name": "Ada Quist", "admin": true })).await?;
    let project = json!({ "key": "WEB", "lead": "ada", "members": { "ada": "admin" } });
    post("/jira/projects", project).await?;
    let jira = post("/jira/tokens", json!({ "user": "ada" })).await?;
    post("/linear/teams", json!({ "key": "ENG", "members": ["ada"] })).await?;
    let linear = post("/linear/tokens", json!({ "user": "ada" })).await?;
    let text = |of: &Json, key: &str| of[key].as_str().map(str::to_owned).context("a secret");
    let jira = format!("{}:{}", text(&jira, "email")?, text(&jira, "token")?);
    Ok([("github", text(&github, "token")?), ("jira", jira), ("linear", text(&linear, "token")?)])
}
