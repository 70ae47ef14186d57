//! The records of a simulated GitHub.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum AccountKind {
    #[default]
    User,
    Organization,
    /// The account of an app, such as `syncline[bot]`.
    Bot,
}

impl AccountKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            AccountKind::User => "User",
            AccountKind::Organization => "Organization",
            AccountKind::Bot => "Bot",
        }
    }
}

/// A user, an organisation or an app's account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) kind: AccountKind,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    /// Issue types of an organisation.
    pub(crate) types: BTreeMap<u64, IssueType>,
    /// Issue fields of an organisation.
    pub(crate) fields: BTreeMap<u64, IssueField>,
    /// Seconds since 1970.
    pub(crate) created: i64,
}

/// A type that an organisation's issues may have.
#[derive(Debug, Clone)]
pub(crate) struct IssueType {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) color: Option<String>,
    pub(crate) created: i64,
}

/// The type of an issue field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DataType {
    Text,
    Number,
    Date,
    SingleSelect,
    MultiSelect,
}

/// A field that an organisation has added to its issues.
#[derive(Debug, Clone)]
pub(crate) struct IssueField {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) options: Vec<FieldOption>,
    pub(crate) created: i64,
}

/// An option of a select field.
#[derive(Debug, Clone)]
pub(crate) struct FieldOption {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) color: String,
}

/// The rights of an account in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

/// A repository.
#[derive(Debug)]
pub(crate) struct Repo {
    pub(crate) id: u64,
    pub(crate) owner: u64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) private: bool,
    pub(crate) has_issues: bool,
    pub(crate) archived: bool,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) members: BTreeMap<u64, Role>,
    pub(crate) labels: BTreeMap<u64, Label>,
    /// Ids of labels by their names in lower case.
    pub(crate) label_names: BTreeMap<String, u64>,
    pub(crate) milestones: BTreeMap<u64, Milestone>,
    pub(crate) issues: BTreeMap<u64, Issue>,
    /// Numbers that have no issue any more, and why.
    pub(crate) gone: BTreeMap<u64, Gone>,
    /// Numbers by the time of the last update, and by the time of creation.
    pub(crate) by_updated: BTreeSet<(i64, u64)>,
    pub(crate) by_created: BTreeSet<(i64, u64)>,
    pub(crate) last_number: u64,
    pub(crate) open: u64,
    pub(crate) hooks: BTreeMap<u64, Hook>,
}

/// Why a number has no issue any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    Deleted,
    /// Transferred to this repository, under this number.
    Moved(u64, u64),
}

#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Six hexadecimal digits.
    pub(crate) color: String,
    pub(crate) description: Option<String>,
    pub(crate) default: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Milestone {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) open: bool,
    pub(crate) creator: Option<u64>,
    pub(crate) due: Option<i64>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) closed: Option<i64>,
    pub(crate) open_issues: u64,
    pub(crate) closed_issues: u64,
}

/// Why an issue is closed or open again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    Completed,
    NotPlanned,
    Duplicate,
    Reopened,
}

impl Reason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Completed => "completed",
            Reason::NotPlanned => "not_planned",
            Reason::Duplicate => "duplicate",
            Reason::Reopened => "reopened",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Reason> {
        [Reason::Completed, Reason::NotPlanned, Reason::Duplicate, Reason::Reopened]
            .into_iter()
            .find(|reason| reason.name() == name)
    }
}

/// The editable content of an issue.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) title: String,
    /// Never empty: GitHub returns null for an empty body.
    pub(crate) body: Option<String>,
    pub(crate) closed: bool,
    pub(crate) reason: Option<Reason>,
    /// Ids of labels, in the order in which they were given.
    pub(crate) labels: Vec<u64>,
    pub(crate) assignees: Vec<u64>,
    pub(crate) milestone: Option<u64>,
    pub(crate) issue_type: Option<u64>,
    /// Values of issue fields by the field's id; option names for select fields.
    pub(crate) fields: BTreeMap<u64, Value>,
}

/// An issue or a pull request.
#[derive(Debug)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    pub(crate) number: u64,
    /// None for issues without a creator.
    pub(crate) author: Option<u64>,
    pub(crate) content: Content,
    pub(crate) pull_request: bool,
    /// Seconds since 1970.
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) closed_at: Option<i64>,
    pub(crate) closed_by: Option<u64>,
    /// The parent's id.
    pub(crate) parent: Option<u64>,
    pub(crate) children: Vec<u64>,
    /// How many more reads return an empty body, as just after a transfer.
    pub(crate) empty_reads: Cell<u32>,
    /// The content in the search index until `indexed_at`; `None` if it has none.
    pub(crate) indexed: Option<Box<Content>>,
    /// When the index gets the current content, in milliseconds since 1970.
    pub(crate) indexed_at: i64,
    /// The issue as JSON, with the key of the rendering.
    pub(crate) rendered: RefCell<Option<(u64, Arc<str>)>>,
}

/// A registered webhook.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) id: u64,
    pub(crate) url: String,
    pub(crate) secret: Option<String>,
    pub(crate) events: Vec<String>,
    pub(crate) active: bool,
    pub(crate) created: i64,
}

/// The permission of a fine-grained token for one kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    #[default]
    None,
    Read,
    Write,
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenKind {
    /// A personal access token with scopes (`ghp_`).
    #[default]
    Classic,
    /// A personal access token with permissions (`github_pat_`).
    FineGrained,
    /// An app's installation token (`ghs_`).
    App,
}

/// A token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) value: String,
    pub(crate) account: u64,
    pub(crate) kind: TokenKind,
    pub(crate) scopes: Vec<String>,
    /// Repositories that it is for; none for all. Classic tokens are for all.
    pub(crate) repositories: Option<BTreeSet<u64>>,
    pub(crate) permissions: BTreeMap<String, Level>,
    /// Seconds since 1970.
    pub(crate) expires: Option<i64>,
    pub(crate) revoked: bool,
}
