//! Grants of OAuth whose refresh tokens are good for one use, exchanged by several processes on one database.

use std::{
    io::Write,
    process::{Child, Stdio},
};

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::{Value, json};
use syncline_simulator::{Running, Settings, Simulator};
use syncline_support::{postgres::Database, program::Program};

use super::common::{Own, program};

struct Stage {
    program: Program,
    simulator: Running,
}

impl Stage {
    /// The account `acme` on a simulated Linear that answers exchanges late. Its access tokens last for a second, so that
    /// each command exchanges its refresh token.
    async fn new(own: Own) -> Result<Stage> {
        let mut program = program()?;
        if own == Own::Postgres {
            program.set("DATABASE_URL", &Database::create().await?.url());
        }
        program.expect(0, &["migrate", "up"])?;
        program.set("SYNCLINE_ALLOW_PRIVATE_HOSTS", "127.0.0.1");
        let simulator = Simulator::start(Settings::default()).await?;
        let mut stage = Stage { program, simulator };
        stage.new_key()?;
        stage.control("POST", "/linear/teams", json!({ "key": "ENG", "members": ["ada"] }))?;
        stage.control("PATCH", "/linear/settings", json!({ "token_seconds": 1 }))?;
        let app = stage.control("POST", "/linear/apps", json!({ "name": "Sync" }))?;
        let token = json!({ "user": "ada", "kind": "oauth", "client": app["client_id"] });
        let token = stage.control("POST", "/linear/tokens", token)?;
        let grant = json!({
            "client_id": app["client_id"], "client_secret": app["client_secret"],
            "refresh_token": token["refresh_token"],
        });
        let address = stage.simulator.linear();
        let add = ["accounts", "add", "acme", "--platform", "linear", "--base-url", &address];
        ensure_ended(stage.start(&add, &grant.to_string())?)?;
        let late = json!({ "platform": "linear", "path": "/oauth/token", "kind": "delay", "millis": 700, "times": 0 });
        stage.control("POST", "/faults", late)?;
        stage.control("DELETE", "/log", Value::Null)?;
        Ok(stage)
    }

    fn control(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let (status, shown) = self.simulator.control(method, path, &body);
        ensure!(status < 300, "{method} {path}: {status} {shown}");
        Ok(shown)
    }

    /// Has secrets stored under another key from now on; the one before can still be read.
    fn new_key(&mut self) -> Result<()> {
        if let Some(former) = self.program.variable("SYNCLINE_SECRET_KEY") {
            self.program.set("SYNCLINE_SECRET_KEY_PREVIOUS", &former);
        }
        let key = self.program.expect(0, &["--json", "accounts", "key"])?.json()?;
        self.program.set("SYNCLINE_SECRET_KEY", key["key"].as_str().context("a key")?);
        Ok(())
    }

    fn start(&self, arguments: &[&str], input: &str) -> Result<Child> {
        let mut command = self.program.command(arguments);
        let piped = || Stdio::piped();
        let mut child = command.stdin(piped()).stdout(piped()).stderr(piped()).spawn()?;
        child.stdin.take().context("standard input is piped")?.write_all(input.as_bytes())?;
        Ok(child)
    }

    /// The statuses of the exchanges so far.
    fn exchanges(&self) -> Result<Vec<Value>> {
        let log = self.control("GET", "/log?path=/oauth/token", Value::Null)?;
        let entries = log["entries"].as_array().context("entries")?;
        Ok(entries.iter().map(|entry| entry["status"].clone()).collect())
    }

    /// Waits until an exchange has arrived, whose answer comes late.
    async fn exchanging(&self) -> Result<()> {
        for _ in 0..400 {
            let busy = self.control("GET", "/faults", Value::Null)?;
            if busy[0]["hits"].as_u64() > Some(0) {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        anyhow::bail!("nobody exchanges the token")
    }
}

fn ensure_ended(child: Child) -> Result<()> {
    let output = child.wait_with_output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}: {told}", output.status);
    Ok(())
}

/// Two replicas and two commands need an access token at the same moment: one of them exchanges, and all go on.
#[rstest]
#[case(Own::Sqlite)]
#[case(Own::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn case_139_processes_that_refresh_at_once_exchange_once(#[case] own: Own) -> Result<()> {
    let stage = Stage::new(own).await?;
    // Long enough for all of them.
    stage.control("PATCH", "/linear/settings", json!({ "token_seconds": 600 }))?;
    let check = ["accounts", "check", "acme"];
    let processes = (0..4).map(|_| stage.start(&check, "")).collect::<Result<Vec<Child>>>()?;
    processes.into_iter().try_for_each(ensure_ended)?;
    ensure!(stage.exchanges()? == [200], "{:?}", stage.exchanges()?);
    stage.program.expect(0, &check)?;
    ensure!(stage.exchanges()? == [200], "the stored access token is used");
    Ok(())
}

/// While one process exchanges the refresh token, another moves all secrets to another key. Neither loses what the other
/// stored: the next exchange sends the newest refresh token.
#[rstest]
#[case(Own::Sqlite)]
#[case(Own::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn another_key_loses_no_token_that_is_being_exchanged(#[case] own: Own) -> Result<()> {
    let mut stage = Stage::new(own).await?;
    let check = ["accounts", "check", "acme"];
    let checking = stage.start(&check, "")?;
    stage.exchanging().await?;
    stage.new_key()?;
    let moved = stage.program.expect(0, &["accounts", "rotate", "--all"])?;
    ensure!(moved.stdout.contains("1 secret is now under the key"), "{moved:?}");
    ensure_ended(checking)?;
    stage.program.set("SYNCLINE_SECRET_KEY_PREVIOUS", "");
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    stage.program.expect(0, &check)?;
    ensure!(stage.exchanges()? == [200, 200], "{:?}", stage.exchanges()?);
    Ok(())
}
