//! The simulated platforms of the demo: what they have, what people do in them, and what goes wrong.

use serde_json::{Value, json};
use syncline_simulator::{Limits, Running, Settings, Simulator};

use super::content::{PROJECT, REPOSITORY, issue, of_project, of_repository};
use crate::fault::Fault;

/// The person whose tokens the accounts have.
const ADA: &str = "ada";
const EMAIL: &str = "ada@acme.example";

/// A simulator with a project of Jira and a repository of GitHub.
pub(super) struct Stage {
    running: Running,
    /// The secrets of both accounts.
    pub(super) jira_secret: String,
    pub(super) github_secret: String,
}

impl Stage {
    pub(super) async fn set_up(now: i64) -> Result<Stage, Fault> {
        let settings = Settings { limits: Limits::Off, ..Settings::default() };
        let running = Simulator::start(settings).await?;
        let mut stage = Stage { running, jira_secret: String::new(), github_secret: String::new() };
        stage.jira_secret = stage.fill_project(now)?;
        stage.github_secret = stage.fill_repository(now)?;
        Ok(stage)
    }

    fn fill_project(&self, now: i64) -> Result<String, Fault> {
        // Searches show each edit at once, so that every step shows all edits before it.
        self.control("PATCH", "/jira/settings", &json!({ "index_lag_ms": 0 }))?;
        let user = json!({ "handle": ADA, "name": "Ada Quist", "email": EMAIL });
        self.control("POST", "/jira/users", &user)?;
        let project = json!({ "key": PROJECT, "name": "Website", "lead": ADA, "members": { ADA: "admin" } });
        self.control("POST", "/jira/projects", &project)?;
        for position in of_project() {
            self.create_in_jira(&issue(position, now).of_jira())?;
        }
        let token = self.control("POST", "/jira/tokens", &json!({ "user": ADA }))?;
        Ok(format!("{EMAIL}:{}", text(&token["token"])))
    }

    fn fill_repository(&self, now: i64) -> Result<String, Fault> {
        let (owner, name) = REPOSITORY.split_once('/').unwrap_or_default();
        let labels = ["bug", "docs", "triage", "urgent"];
        let repository = json!({
            "owner": owner, "name": name, "private": true, "labels": labels, "members": { ADA: "admin" },
        });
        self.control("POST", "/github/repos", &repository)?;
        for position in of_repository() {
            let path = format!("/github/repos/{REPOSITORY}/issues");
            self.control("POST", &path, &issue(position, now).of_github())?;
        }
        let token = self.control("POST", "/github/tokens", &json!({ "account": ADA }))?;
        Ok(text(&token["token"]))
    }

    pub(super) fn jira(&self) -> String {
        self.running.jira()
    }

    pub(super) fn github(&self) -> String {
        self.running.github()
    }

    /// The addresses, for people and programs.
    pub(super) fn addresses(&self) -> Value {
        let url = self.running.url();
        json!({
            "page": format!("{url}/"),
            "pages": { "jira": format!("{url}/page/jira"), "github": format!("{url}/page/github") },
            "jira": self.jira(),
            "github": self.github(),
            "control": format!("{url}/_control"),
        })
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
    }

    /// A person creates an issue in Jira. Returns its key.
    pub(super) fn create_in_jira(&self, issue: &Value) -> Result<String, Fault> {
        let made = self.control("POST", &format!("/jira/projects/{PROJECT}/issues"), issue)?;
        Ok(text(&made["key"]))
    }

    pub(super) fn edit_in_jira(&self, number: u64, change: &Value) -> Result<(), Fault> {
        self.control("PATCH", &format!("/jira/issues/{PROJECT}-{number}"), change).map(|_| ())
    }

    pub(super) fn edit_in_github(&self, number: u64, change: &Value) -> Result<(), Fault> {
        self.control("PATCH", &format!("/github/repos/{REPOSITORY}/issues/{number}"), change).map(|_| ())
    }

    /// The fields of an issue as Jira stores them.
    pub(super) fn in_jira(&self, number: u64) -> Result<Value, Fault> {
        let issue = self.control("GET", &format!("/jira/issues/{PROJECT}-{number}"), &Value::Null)?;
        Ok(issue["fields"].clone())
    }

    pub(super) fn status_in_jira(&self, number: u64) -> Result<String, Fault> {
        Ok(text(&self.in_jira(number)?["status"]["name"]))
    }

    /// An issue as GitHub stores it.
    pub(super) fn in_github(&self, number: u64) -> Result<Value, Fault> {
        self.control("GET", &format!("/github/repos/{REPOSITORY}/issues/{number}"), &Value::Null)
    }

    pub(super) fn state_in_github(&self, number: u64) -> Result<String, Fault> {
        Ok(text(&self.in_github(number)?["state"]))
    }

    /// How many issues the project has, and how many of them are not done.
    pub(super) fn count_jira(&self) -> Result<Value, Fault> {
        let path = format!("/jira/projects/{PROJECT}/issues");
        let is_open = |issue: &Value| issue["fields"]["status"]["statusCategory"]["key"] != "done";
        self.count(&path, is_open)
    }

    /// How many issues the repository has, and how many of them are open.
    pub(super) fn count_github(&self) -> Result<Value, Fault> {
        self.count(&format!("/github/repos/{REPOSITORY}/issues"), |issue| issue["state"] == "open")
    }

    fn count(&self, path: &str, is_open: impl Fn(&Value) -> bool) -> Result<Value, Fault> {
        let all = self.control("GET", path, &Value::Null)?;
        let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(json!({ "issues": all.len(), "open": all.iter().filter(|issue| is_open(issue)).count() }))
    }

    /// Lets time pass on the simulator's clock.
    pub(super) fn later(&self, minutes: u64) -> Result<(), Fault> {
        self.control("POST", "/clock", &json!({ "advance": 60 * minutes })).map(|_| ())
    }

    /// Has GitHub answer every request with 503.
    pub(super) fn begin_outage(&self) -> Result<(), Fault> {
        let fault = json!({ "platform": "github", "kind": "status", "status": 503, "times": 0 });
        self.control("POST", "/faults", &fault).map(|_| ())
    }

    pub(super) fn end_outage(&self) -> Result<(), Fault> {
        self.control("DELETE", "/faults", &Value::Null).map(|_| ())
    }

    /// Takes the account's role in the project away, or gives it back.
    pub(super) fn let_in(&self, access: bool) -> Result<(), Fault> {
        let path = format!("/jira/projects/{PROJECT}/members/{ADA}");
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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
