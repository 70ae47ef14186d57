//! A place on one of the platforms, as the people who work there see it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};
use syncline_support::simulator::SimulatorProcess;

/// An item in words that all platforms share: `title`, `body` (paragraphs of plain text), `status` (`open` or `done`) and
/// `labels` (sorted, behind commas). What is empty is left out.
pub(crate) type Record = BTreeMap<&'static str, String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `acme/web` on GitHub.
    Repository,
    /// `WEB` in Jira.
    Project,
    /// `ENG` in Linear.
    Team,
}

/// The comment by which Syncline finds what it made.
const MARKER: &str = "\n\n<!-- syncline:";

impl Place {
    pub(crate) const ALL: [Place; 3] = [Place::Repository, Place::Project, Place::Team];

    pub(crate) fn platform(self) -> &'static str {
        match self {
            Place::Repository => "github",
            Place::Project => "jira",
            Place::Team => "linear",
        }
    }

    /// The scope in documents, without the account.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Place::Repository => "repository: acme/web",
            Place::Project => "project_key: WEB",
            Place::Team => "team: ENG",
        }
    }

    /// The name of a field of [`Record`] on the platform.
    pub(crate) fn field(self, field: &str) -> &str {
        match (self, field) {
            (Place::Project, "title") => "summary",
            (Place::Project | Place::Team, "body") => "description",
            (_, field) => field,
        }
    }

    /// Where people find the items by the control API, and where one of them.
    fn items(self) -> &'static str {
        match self {
            Place::Repository => "/github/repos/acme/web/issues",
            Place::Project => "/jira/projects/WEB/issues",
            Place::Team => "/linear/teams/ENG/issues",
        }
    }

    fn item(self, id: &str) -> String {
        match self {
            Place::Repository => format!("{}/{id}", self.items()),
            Place::Project => format!("/jira/issues/{id}"),
            Place::Team => format!("/linear/issues/{id}"),
        }
    }

    /// All items by the ids that Syncline links.
    pub(crate) async fn read(self, simulator: &SimulatorProcess) -> Result<BTreeMap<String, Record>> {
        let found = simulator.get(self.items()).await?;
        let found = found.as_array().context("a list")?;
        found.iter().map(|item| Ok((self.id(item)?, self.record(item)))).collect()
    }

    fn id(self, item: &Json) -> Result<String> {
        let id = match self {
            Place::Repository => item["number"].as_u64().map(|number| number.to_string()),
            Place::Project | Place::Team => item["id"].as_str().map(str::to_owned),
        };
        id.with_context(|| format!("no id: {item}"))
    }

    fn record(self, item: &Json) -> Record {
        let fields = if self == Place::Project { &item["fields"] } else { item };
        let text = |name: &str| fields[self.field(name)].as_str().unwrap_or_default().to_owned();
        let done = match self {
            Place::Repository => item["state"] == "closed",
            Place::Project => fields["status"]["statusCategory"]["key"] == "done",
            Place::Team => ["Done", "Canceled", "Duplicate"].iter().any(|name| item["state"] == *name),
        };
        let body = match self {
            Place::Repository => {
                let stored = text("body").replace("\r\n", "\n");
                stored.find(MARKER).map_or(stored.as_str(), |at| &stored[..at]).to_owned()
            }
            Place::Project => paragraphs(&fields["description"]),
            Place::Team => text("body"),
        };
        let name = |label: &Json| label.as_str().or(label["name"].as_str()).map(str::to_owned);
        let mut labels: Vec<String> =
            fields["labels"].as_array().into_iter().flatten().filter_map(name).collect();
        labels.sort_unstable();
        let all = [
            ("title", text("title")),
            ("body", body),
            ("status", if done { "done" } else { "open" }.to_owned()),
            ("labels", labels.join(",")),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// A field in the words of the platform's control API.
    fn change(self, field: &str, value: &str) -> Json {
        let done = value == "done";
        match (self, field) {
            (Place::Repository, "status") if done => {
                json!({ "state": "closed", "state_reason": "completed" })
            }
            (Place::Repository, "status") => json!({ "state": "open" }),
            (Place::Project, "status") => json!({ "status": if done { "Done" } else { "To Do" } }),
            (Place::Team, "status") => json!({ "state": if done { "Done" } else { "Todo" } }),
            (_, "labels") => json!({ "labels": value.split(',').collect::<Vec<_>>() }),
            (_, field) => json!({ self.field(field): value }),
        }
    }

    /// Somebody edits a field.
    pub(crate) async fn edit(
        self,
        simulator: &SimulatorProcess,
        id: &str,
        field: &str,
        value: &str,
    ) -> Result<()> {
        let mut change = self.change(field, value);
        if self == Place::Repository && field == "body" {
            // An edit keeps the comment with the marker below the text.
            let issue = simulator.get(&self.item(id)).await?;
            let stored = issue["body"].as_str().unwrap_or_default().replace("\r\n", "\n");
            let marker = stored.find(MARKER).map_or("", |at| &stored[at..]);
            change = json!({ "body": format!("{value}{marker}") });
        }
        simulator.control("PATCH", &self.item(id), change).await?;
        Ok(())
    }

    /// Somebody makes an item; returns its id.
    pub(crate) async fn create(self, simulator: &SimulatorProcess, record: &Record) -> Result<String> {
        let mut item = json!({});
        for (field, value) in record {
            if let Json::Object(change) = self.change(field, value) {
                item.as_object_mut().context("an object")?.extend(change);
            }
        }
        if self == Place::Repository && record.get("status").is_none_or(|status| status == "open") {
            item.as_object_mut().context("an object")?.remove("state");
        }
        self.id(&simulator.control("POST", self.items(), item).await?)
    }
}

/// The text of a document of Jira that has nothing but paragraphs.
fn paragraphs(document: &Json) -> String {
    let text = |paragraph: &Json| -> String {
        let nodes = paragraph["content"].as_array().into_iter().flatten();
        nodes.filter_map(|node| node["text"].as_str()).collect()
    };
    let all: Vec<String> = document["content"].as_array().into_iter().flatten().map(text).collect();
    all.join("\n\n")
}
