//! `simulator`: what it prints, what it serves, and how it ends.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
};

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde_json::Value;
use syncline_support::http::client;

use super::common::{ensure_tells, program};

/// A simulator in the background; it ends with the test.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_simulator_prints_its_address_and_serves_the_example() -> Result<()> {
    let program = program()?;
    let arguments = ["--json", "simulator", "--listen", "127.0.0.1:0", "--items", "3", "--limits", "off"];
    let child = program.command(&arguments).stdout(Stdio::piped()).spawn()?;
    let mut running = Background(child);
    let mut out = BufReader::new(running.0.stdout.take().context("standard output is piped")?);
    let mut document = String::new();
    let mut line = String::new();
    while out.read_line(&mut line)? > 0 {
        document.push_str(&line);
        if line == "}\n" {
            break;
        }
        line.clear();
    }
    let document: Value = serde_json::from_str(&document)?;
    let (api, token) = (document["github"].as_str(), document["example"]["github"]["secret"].as_str());
    let (api, token) = (api.context("an address")?, token.context("a token")?);
    let request = client().get(format!("{api}/repos/acme/web/issues?state=all"));
    let answer = request.header("user-agent", "tests").bearer_auth(token).send().await?;
    ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    let issues: Vec<Value> = answer.json().await?;
    ensure!(issues.len() == 3, "{issues:?}");
    let (site, jira) = (document["jira"].as_str(), &document["example"]["jira"]);
    let request = client().get(format!("{}/rest/api/3/issue/WEB-3", site.context("an address")?));
    let (email, token) = (jira["email"].as_str(), jira["token"].as_str());
    let answer = request.basic_auth(email.context("an address")?, token).send().await?;
    ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    let stop = std::process::Command::new("kill").arg(running.0.id().to_string()).status()?;
    ensure!(stop.success() && running.0.wait()?.success(), "it does not end well");
    let mut rest = String::new();
    out.read_to_string(&mut rest)?;
    ensure!(rest.is_empty(), "{rest}");
    Ok(())
}

#[test]
fn an_address_that_is_taken_is_told() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let finished = program()?.expect(2, &["simulator", "--listen", &address])?;
    ensure_tells(&finished.stderr, &["the port is in use by another program"])
}
