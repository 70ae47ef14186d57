//! The records of a simulated Linear. Times are milliseconds since 1970.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::Id;

#[derive(Debug, Clone)]
pub(crate) struct Organization {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) url_key: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// A person, or the user of an app.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// Unique in the workspace; mentions use it.
    pub(crate) display_name: String,
    pub(crate) email: String,
    pub(crate) admin: bool,
    /// True if the user sees only the teams that it is a member of.
    pub(crate) guest: bool,
    pub(crate) active: bool,
    pub(crate) app: bool,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// The scale of a team's estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Scale {
    #[default]
    #[serde(rename = "notUsed")]
    NotUsed,
    #[serde(rename = "exponential")]
    Exponential,
    #[serde(rename = "fibonacci")]
    Fibonacci,
    #[serde(rename = "linear")]
    Linear,
    #[serde(rename = "tShirt")]
    TShirt,
}

impl Scale {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scale::NotUsed => "notUsed",
            Scale::Exponential => "exponential",
            Scale::Fibonacci => "fibonacci",
            Scale::Linear => "linear",
            Scale::TShirt => "tShirt",
        }
    }

    /// Returns the values above zero; the last two belong to the extended scale.
    pub(crate) fn values(self) -> &'static [i64] {
        match self {
            Scale::NotUsed => &[],
            Scale::Exponential => &[1, 2, 4, 8, 16, 32, 64],
            Scale::Fibonacci | Scale::TShirt => &[1, 2, 3, 5, 8, 13, 21],
            Scale::Linear => &[1, 2, 3, 4, 5, 6, 7],
        }
    }
}

#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) id: Id,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) private: bool,
    pub(crate) members: BTreeSet<Id>,
    pub(crate) scale: Scale,
    pub(crate) allow_zero: bool,
    pub(crate) extended: bool,
    /// True if issues by people who are not members begin in the triage state.
    pub(crate) triage: bool,
    pub(crate) default_state: Option<Id>,
    pub(crate) last_number: u64,
    /// Issues by their numbers, including former ones.
    pub(crate) numbers: HashMap<u64, Id>,
    /// Issues by the time of the last update, and of creation.
    pub(crate) by_updated: BTreeSet<(i64, Id)>,
    pub(crate) by_created: BTreeSet<(i64, Id)>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

impl Team {
    pub(crate) fn visibility(&self) -> &'static str {
        if self.private { "private" } else { "public" }
    }
}

/// The kind of a workflow state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateKind {
    Triage,
    Backlog,
    Unstarted,
    Started,
    Completed,
    Canceled,
    Duplicate,
}

impl StateKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            StateKind::Triage => "triage",
            StateKind::Backlog => "backlog",
            StateKind::Unstarted => "unstarted",
            StateKind::Started => "started",
            StateKind::Completed => "completed",
            StateKind::Canceled => "canceled",
            StateKind::Duplicate => "duplicate",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct WorkflowState {
    pub(crate) id: Id,
    pub(crate) team: Id,
    pub(crate) name: String,
    pub(crate) kind: StateKind,
    pub(crate) position: f64,
    pub(crate) color: String,
    pub(crate) archived: Option<i64>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) id: Id,
    /// None for labels of the workspace.
    pub(crate) team: Option<Id>,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) color: String,
    pub(crate) group: bool,
    /// The group that it is in.
    pub(crate) parent: Option<Id>,
    pub(crate) creator: Option<Id>,
    pub(crate) archived: Option<i64>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) teams: BTreeSet<Id>,
    pub(crate) creator: Option<Id>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// The editable content of an issue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) state: Id,
    pub(crate) priority: i64,
    pub(crate) estimate: Option<i64>,
    /// As `2026-11-20`.
    pub(crate) due: Option<String>,
    pub(crate) assignee: Option<Id>,
    /// The app that works on it.
    pub(crate) delegate: Option<Id>,
    pub(crate) labels: Vec<Id>,
    pub(crate) parent: Option<Id>,
    pub(crate) project: Option<Id>,
    pub(crate) snoozed: Option<i64>,
}

/// The values of an issue that change without an update.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Quiet {
    pub(crate) sort: f64,
    pub(crate) priority_sort: f64,
    pub(crate) sub_issue_sort: Option<f64>,
    pub(crate) subscribers: Vec<Id>,
}

#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) id: Id,
    pub(crate) team: Id,
    pub(crate) number: u64,
    /// Identifiers before moves to other teams.
    pub(crate) previous: Vec<String>,
    pub(crate) content: Content,
    pub(crate) quiet: Quiet,
    /// `None` for issues that an automation created.
    pub(crate) creator: Option<Id>,
    /// The name of the user that an app acted for.
    pub(crate) as_user: Option<String>,
    pub(crate) children: BTreeSet<Id>,
    pub(crate) attachments: BTreeSet<Id>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) started: Option<i64>,
    pub(crate) completed: Option<i64>,
    pub(crate) canceled: Option<i64>,
    pub(crate) triaged: Option<i64>,
    pub(crate) archived: Option<i64>,
    pub(crate) auto_archived: bool,
    pub(crate) trashed: bool,
    /// True if no user sees it any more, as after a loss of access.
    pub(crate) hidden: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Attachment {
    pub(crate) id: Id,
    pub(crate) issue: Id,
    pub(crate) title: String,
    pub(crate) subtitle: Option<String>,
    pub(crate) url: String,
    pub(crate) metadata: Value,
    pub(crate) group_by_source: bool,
    pub(crate) creator: Option<Id>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenKind {
    /// A personal API key (`lin_api_`), sent without a scheme.
    #[default]
    Key,
    /// An access token of an app (`lin_oauth_`), sent with `Bearer`.
    Oauth,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) value: String,
    pub(crate) kind: TokenKind,
    pub(crate) user: Id,
    pub(crate) scopes: Vec<String>,
    /// The teams that it is valid for; `None` for all.
    pub(crate) teams: Option<BTreeSet<Id>>,
    /// The app that it belongs to.
    pub(crate) client: Option<String>,
    pub(crate) expires: Option<i64>,
    pub(crate) revoked: bool,
}

/// An OAuth application.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) client: String,
    pub(crate) secret: String,
    /// The user that represents it with client credentials.
    pub(crate) user: Id,
}

/// A refresh token.
#[derive(Debug, Clone)]
pub(crate) struct Refresh {
    /// The properties of the tokens that it is exchanged for.
    pub(crate) token: Token,
    /// When it was used, and the access and the refresh token that it was exchanged for.
    pub(crate) used: Option<(i64, String, String)>,
    pub(crate) revoked: bool,
}
