//! The simulated GitHub of the demo: its repositories, what people do in them, and what goes wrong.

use serde_json::{Value, json};
use syncline_simulator::{Limits, Running, Settings, Simulator};

use super::content::{HERE, THERE, issues};
use crate::fault::Fault;

/// A simulator with two repositories.
pub(super) struct Stage {
    running: Running,
    pub(super) token: String,
}

impl Stage {
    pub(super) async fn set_up(now: i64) -> Result<Stage, Fault> {
        let settings = Settings { limits: Limits::Off, ..Settings::default() };
        let mut stage = Stage { running: Simulator::start(settings).await?, token: String::new() };
        for repository in [HERE, THERE] {
            let (owner, name) = repository.split_once('/').unwrap_or_default();
            let labels = ["bug", "docs", "triage", "urgent"];
            let repo = json!({
                "owner": owner, "name": name, "private": true, "labels": labels, "members": { "ada": "admin" },
            });
            stage.control("POST", "/github/repos", &repo)?;
            for issue in issues(repository, now) {
                stage.person_creates(repository, &issue)?;
            }
        }
        let token = stage.control("POST", "/github/tokens", &json!({ "account": "ada" }))?;
        token["token"].as_str().unwrap_or_default().clone_into(&mut stage.token);
        Ok(stage)
    }

    /// The address of the API.
    pub(super) fn api(&self) -> String {
        self.running.github()
    }

    /// The addresses, for people and programs.
    pub(super) fn addresses(&self) -> Value {
        let url = self.running.url();
        json!({ "page": format!("{url}/"), "api": self.api(), "control": format!("{url}/_control") })
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
    }

    pub(super) fn person_creates(&self, repository: &str, issue: &Value) -> Result<Value, Fault> {
        self.control("POST", &format!("/github/repos/{repository}/issues"), issue)
    }

    pub(super) fn person_edits(&self, repository: &str, number: u64, change: &Value) -> Result<(), Fault> {
        self.control("PATCH", &format!("/github/repos/{repository}/issues/{number}"), change).map(|_| ())
    }

    /// An issue as it is stored.
    pub(super) fn issue(&self, repository: &str, number: u64) -> Result<Value, Fault> {
        self.control("GET", &format!("/github/repos/{repository}/issues/{number}"), &Value::Null)
    }

    /// How many issues a repository has, and how many of them are open.
    pub(super) fn count(&self, repository: &str) -> Result<Value, Fault> {
        let all = self.control("GET", &format!("/github/repos/{repository}/issues"), &Value::Null)?;
        let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
        let open = all.iter().filter(|issue| issue["state"] == "open").count();
        Ok(json!({ "issues": all.len(), "open": open }))
    }

    /// Lets time pass on the simulator's clock.
    pub(super) fn later(&self, minutes: u64) -> Result<(), Fault> {
        self.control("POST", "/clock", &json!({ "advance": 60 * minutes })).map(|_| ())
    }

    /// Has every request answered with 503.
    pub(super) fn begin_outage(&self) -> Result<(), Fault> {
        let fault = json!({ "kind": "status", "status": 503, "times": 0 });
        self.control("POST", "/faults", &fault).map(|_| ())
    }

    pub(super) fn end_outage(&self) -> Result<(), Fault> {
        self.control("DELETE", "/faults", &Value::Null).map(|_| ())
    }

    /// Takes the account's access to the second repository away, or gives it back.
    pub(super) fn let_in(&self, access: bool) -> Result<(), Fault> {
        let path = format!("/github/repos/{THERE}/members/ada");
        let (method, body) =
            if access { ("PUT", json!({ "role": "admin" })) } else { ("DELETE", Value::Null) };
        self.control(method, &path, &body).map(|_| ())
    }

    fn control(&self, method: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        let (status, answer) = self.running.control(method, path, body);
        if status < 300 {
            return Ok(answer);
        }
        Err(Fault::failed(format!("the simulator refused {method} {path} with {status}: {answer}")))
    }
}
