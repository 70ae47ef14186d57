//! An issue as Jira returns it, as far as it is read here.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{columns, marker};

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Issue {
    /// Its number on the site, which outlives moves.
    pub(super) id: String,
    /// `PROJ-12`, which a move changes.
    pub(super) key: String,
    #[serde(rename = "self")]
    pub(super) address: Option<String>,
    /// The fields that were asked for, by their ids.
    #[serde(default)]
    pub(super) fields: Map<String, Json>,
    #[serde(default)]
    properties: Json,
    /// Its latest changes, if they were asked for.
    #[serde(default)]
    pub(super) changelog: Changelog,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Changelog {
    #[serde(default)]
    pub(super) histories: Vec<Entry>,
}

/// What one person changed at once.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entry {
    pub(super) id: String,
    created: String,
    #[serde(default)]
    author: Json,
    #[serde(default)]
    items: Vec<Change>,
}

/// The change of one field.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    field: String,
    field_id: Option<String>,
    pub(super) from: Option<String>,
    pub(super) from_string: Option<String>,
}

impl Entry {
    pub(super) fn at(&self) -> Option<DateTime<Utc>> {
        columns::instant(&Json::from(self.created.as_str())).map(|instant| instant.at)
    }

    /// The account that made it.
    pub(super) fn author(&self) -> Option<&str> {
        self.author["accountId"].as_str()
    }

    /// Its change of a field.
    pub(super) fn of(&self, id: &str) -> Option<&Change> {
        self.items.iter().find(|change| change.field_id.as_deref().unwrap_or(&change.field) == id)
    }
}

impl Issue {
    pub(super) fn field(&self, id: &str) -> &Json {
        self.fields.get(id).unwrap_or(&Json::Null)
    }

    pub(super) fn marker(&self) -> Option<&str> {
        marker::read(&self.properties)
    }

    /// The key of the project that it is in now.
    pub(super) fn project_key(&self) -> &str {
        let told = self.field("project")["key"].as_str();
        told.or_else(|| self.key.rsplit_once('-').map(|(project, _)| project)).unwrap_or_default()
    }

    pub(super) fn project_id(&self) -> Option<&str> {
        self.field("project")["id"].as_str()
    }

    /// The id and the name of its status.
    pub(super) fn status(&self) -> Option<(&str, &str)> {
        let status = self.field("status");
        Some((status["id"].as_str()?, status["name"].as_str()?))
    }

    /// True if its status is of the category of those that are done.
    pub(super) fn is_done(&self) -> bool {
        self.field("status")["statusCategory"]["key"] == "done"
    }

    pub(super) fn type_id(&self) -> Option<&str> {
        self.field("issuetype")["id"].as_str()
    }

    /// Its labels as Jira stores them.
    pub(super) fn labels(&self) -> Vec<&str> {
        self.field("labels").as_array().into_iter().flatten().filter_map(Json::as_str).collect()
    }
}

/// A page of a search.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(default)]
    pub(super) issues: Vec<Issue>,
    pub(super) next_page_token: Option<String>,
    pub(super) is_last: Option<bool>,
}

impl Page {
    /// The token of the next page; none after the last one.
    pub(super) fn next(&self) -> Option<&str> {
        let token = self.next_page_token.as_deref().filter(|token| !token.is_empty());
        token.filter(|_| self.is_last != Some(true))
    }
}

/// Issues that were asked for by id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fetched {
    #[serde(default)]
    pub(super) issues: Vec<Issue>,
    #[serde(default)]
    pub(super) issue_errors: Vec<Unfetched>,
}

/// An issue that Jira could not return for now.
#[derive(Debug, Deserialize)]
pub(super) struct Unfetched {
    pub(super) id: Option<String>,
}

/// What became of a batch of creates.
#[derive(Debug, Deserialize)]
pub(super) struct Created {
    /// Those that were made, in their order.
    #[serde(default)]
    pub(super) issues: Vec<Made>,
    #[serde(default)]
    pub(super) errors: Vec<NotMade>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NotMade {
    /// Its position in the batch.
    pub(super) failed_element_number: Option<usize>,
    pub(super) status: Option<u16>,
    #[serde(default)]
    pub(super) element_errors: super::dialect::Flaws,
}
