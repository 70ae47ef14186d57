//! An issue as GitHub's REST API returns it, as far as it is read here.
//!
//! Everything that a version, an edition or a permission may leave out is optional. The singular `assignee`, which only
//! the older version has, is not read.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Issue {
    pub(super) number: u64,
    /// Its id in GraphQL.
    pub(super) node_id: Option<String>,
    pub(super) title: String,
    pub(super) body: Option<String>,
    /// `open` or `closed`.
    pub(super) state: String,
    pub(super) state_reason: Option<String>,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    assignees: Vec<User>,
    pub(super) milestone: Option<Milestone>,
    /// None where the owner has no issue types, too.
    #[serde(rename = "type")]
    pub(super) issue_type: Option<IssueType>,
    /// None if the answer does not tell: it does not follow that there are none.
    pub(super) issue_field_values: Option<Vec<FieldValue>>,
    /// None for the issues of deleted users.
    pub(super) user: Option<User>,
    pub(super) comments: Option<u64>,
    pub(super) html_url: Option<String>,
    /// The repository that the issue is in now.
    pub(super) repository_url: Option<String>,
    pub(super) created_at: Option<DateTime<Utc>>,
    pub(super) updated_at: Option<DateTime<Utc>>,
    pub(super) closed_at: Option<DateTime<Utc>>,
    /// Present if it is a pull request.
    pull_request: Option<Json>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Label { name: Option<String> },
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) login: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Milestone {
    pub(super) title: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct IssueType {
    pub(super) name: String,
}

/// The value of a field that an organisation has added to issues.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FieldValue {
    #[serde(rename = "issue_field_id")]
    pub(super) id: u64,
    #[serde(rename = "issue_field_name")]
    pub(super) name: Option<String>,
    pub(super) data_type: String,
    #[serde(default)]
    pub(super) value: Json,
    pub(super) single_select_option: Option<FieldOption>,
    pub(super) multi_select_options: Option<Vec<FieldOption>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FieldOption {
    pub(super) name: String,
}

impl Issue {
    /// Lists of issues have pull requests among them.
    pub(super) fn is_pull_request(&self) -> bool {
        self.pull_request.is_some()
    }

    pub(super) fn label_names(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().filter_map(|label| match label {
            Label::Name(name) => Some(name.as_str()),
            Label::Label { name } => name.as_deref(),
        })
    }

    pub(super) fn logins(&self) -> impl Iterator<Item = &str> {
        self.assignees.iter().map(|user| user.login.as_str())
    }

    /// The id of its item.
    pub(super) fn id(&self) -> String {
        self.number.to_string()
    }

    /// The `owner/name` at the end of its repository's address.
    pub(super) fn repository(&self) -> Option<&str> {
        self.repository_url.as_deref()?.split_once("/repos/").map(|(_, name)| name)
    }
}
