//! The program with an account, and the simulator as another process.

use std::{
    ops::Deref,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};
use syncline_support::{ledger::Ledger, program::Program, simulator::SimulatorProcess};

use super::BINARY;

/// The two repositories of most syncs.
pub(crate) const LEFT: &str = "acme/left";
pub(crate) const RIGHT: &str = "acme/right";

/// The simulated GitHub.
pub(crate) struct Github(SimulatorProcess);

impl Deref for Github {
    type Target = SimulatorProcess;

    fn deref(&self) -> &SimulatorProcess {
        &self.0
    }
}

impl Github {
    /// A person creates an issue; returns its number.
    pub(crate) async fn create(&self, repository: &str, issue: Json) -> Result<u64> {
        let made = self.control("POST", &format!("/github/repos/{repository}/issues"), issue).await?;
        made["number"].as_u64().context("a number")
    }

    /// A person edits an issue.
    pub(crate) async fn edit(&self, repository: &str, number: u64, change: Json) -> Result<()> {
        self.control("PATCH", &format!("/github/repos/{repository}/issues/{number}"), change).await?;
        Ok(())
    }

    pub(crate) async fn delete(&self, repository: &str, number: u64) -> Result<()> {
        self.control("DELETE", &format!("/github/repos/{repository}/issues/{number}"), Json::Null).await?;
        Ok(())
    }

    pub(crate) async fn issues(&self, repository: &str) -> Result<Vec<Json>> {
        let issues = self.get(&format!("/github/repos/{repository}/issues")).await?;
        issues.as_array().cloned().context("a list")
    }

    /// The only issue with this title.
    pub(crate) async fn titled(&self, repository: &str, title: &str) -> Result<Json> {
        let mut issues = self.issues(repository).await?;
        issues.retain(|issue| issue["title"] == title);
        ensure!(issues.len() == 1, "{} issues of {repository} are titled {title:?}", issues.len());
        Ok(issues.remove(0))
    }
}

/// The program, an account `acme`, and the repositories.
pub(crate) struct Stage {
    pub(crate) program: Program,
    pub(crate) github: Github,
    pub(crate) ledger: Ledger,
    pub(crate) token: String,
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
        ] {
            program.set(name, value);
        }
        let github = Github(SimulatorProcess::start(&program).await?);
        let members = json!({ "ada": "admin", "bruno": "write" });
        for name in ["left", "right"] {
            let repository = json!({ "owner": "acme", "name": name, "members": members });
            github.control("POST", "/github/repos", repository).await?;
        }
        let token = github.control("POST", "/github/tokens", json!({ "account": "ada" })).await?;
        let token = token["token"].as_str().context("a token")?.to_owned();
        program.set("ACME_TOKEN", &token);
        program.expect(0, &["migrate", "up"])?;
        let arguments =
            ["accounts", "add", "acme", "--platform", "github", "--base-url", github.api("github")?];
        program.expect(0, &[&arguments[..], &["--limits", "off", "--secret", "env:ACME_TOKEN"]].concat())?;
        let ledger = Ledger::open(&program.path("syncline.db")).await?;
        Ok(Stage { program, github, ledger, token })
    }

    /// Stores a sync `issues` between the two repositories; `more` are lines of the document.
    pub(crate) fn apply(&self, more: &str) -> Result<()> {
        let document = format!(
            "name: issues\nsource_platform: github\nsource: {{ account: acme, repository: {LEFT} }}\n\
             target_platform: github\ntarget: {{ account: acme, repository: {RIGHT} }}\n{COMMON}{FIELDS}{more}\n"
        );
        self.apply_document(&document)
    }

    pub(crate) fn apply_document(&self, document: &str) -> Result<()> {
        self.program.write("sync.yaml", document)?;
        self.program.expect(0, &["apply", "-f", "sync.yaml"])?;
        Ok(())
    }

    /// A run that ends with everything in step.
    pub(crate) fn sync(&self) -> Result<Json> {
        self.sync_with(0, &[])
    }

    /// A run that ends with this exit code.
    pub(crate) fn sync_with(&self, code: i32, more: &[&str]) -> Result<Json> {
        self.program.expect(code, &[&["--json", "sync", "issues"], more].concat())?.json()
    }

    /// Runs until everything is in step and nothing is left of earlier runs: a run leaves alone what a killed one was
    /// writing, while that one waits for its turn. Returns the number of runs.
    pub(crate) async fn settle(&self) -> Result<usize> {
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut run = 0;
        loop {
            run += 1;
            let finished = self.program.run(&["sync", "issues"])?;
            let settled = self.ledger.ensure_settled().await;
            if finished.code == Some(0) && settled.is_ok() {
                return Ok(run);
            }
            ensure!(Instant::now() < deadline, "not in step after {run} runs: {settled:?} {finished:?}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Two runs with nothing to do write to neither platform, and neither changes nor conflicts.
    pub(crate) async fn ensure_quiet(&self) -> Result<()> {
        let before = self.ledger.written().await?;
        self.github.forget().await?;
        for _ in 0..2 {
            self.sync()?;
        }
        let mutations = self.github.mutations().await?;
        ensure!(mutations.is_empty(), "runs with nothing to do wrote: {mutations:#?}");
        let after = self.ledger.written().await?;
        ensure!(before == after, "changes and conflicts of runs with nothing to do: {before:?}, {after:?}");
        Ok(())
    }
}

/// Keys that the syncs share.
pub(crate) const COMMON: &str = "entity_type: issue\ndirection: bidirectional\ntwo_way_create: true\nmatch_on: [title]\nmax_retries: 100\n";

/// Fields of two repositories.
pub(crate) const FIELDS: &str = "field_mappings:
  - { source_field: title, target_field: title }
  - { source_field: body, target_field: body }
  - { source_field: status, target_field: status }
  - { source_field: labels, target_field: labels, source_type: array, target_type: array }
";
