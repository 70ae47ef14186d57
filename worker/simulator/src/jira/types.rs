//! The records of a simulated Jira.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kind::Kind;

/// A person or an app.
#[derive(Debug, Clone)]
pub(crate) struct User {
    /// The account id.
    pub(crate) id: String,
    /// The name in the control API; the API itself does not have it.
    pub(crate) handle: String,
    pub(crate) name: String,
    pub(crate) email: Option<String>,
    /// True if others see the e-mail address.
    pub(crate) shows_email: bool,
    pub(crate) active: bool,
    pub(crate) app: bool,
    pub(crate) zone: Tz,
    pub(crate) locale: String,
    /// True if the user may administer Jira.
    pub(crate) admin: bool,
}

/// The category of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Category {
    New,
    Indeterminate,
    Done,
}

impl Category {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Category::New => "new",
            Category::Indeterminate => "indeterminate",
            Category::Done => "done",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Category::New => "To Do",
            Category::Indeterminate => "In Progress",
            Category::Done => "Done",
        }
    }

    pub(crate) fn id(self) -> u64 {
        match self {
            Category::New => 2,
            Category::Indeterminate => 4,
            Category::Done => 3,
        }
    }

    pub(crate) fn color(self) -> &'static str {
        match self {
            Category::New => "blue-gray",
            Category::Indeterminate => "yellow",
            Category::Done => "green",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) category: Category,
    /// The team-managed project that it belongs to.
    pub(crate) project: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct IssueType {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// 1 for epics, 0 for usual issues, -1 for subtasks.
    pub(crate) level: i64,
    pub(crate) project: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Priority {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) color: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Resolution {
    pub(crate) id: u64,
    pub(crate) name: String,
}

/// A field of issues.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// `summary`, or `customfield_10001`.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The number of a custom field.
    pub(crate) custom: Option<u64>,
    /// The team-managed project that it belongs to.
    pub(crate) project: Option<u64>,
    pub(crate) contexts: Vec<Context>,
}

/// The projects that a field applies to, with its options there.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) id: u64,
    /// None for all projects.
    pub(crate) projects: Option<BTreeSet<u64>>,
    pub(crate) options: Vec<Choice>,
}

/// An option of a field.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) id: u64,
    pub(crate) value: String,
    pub(crate) disabled: bool,
    pub(crate) children: Vec<Choice>,
}

impl Field {
    /// Returns the context that applies to a project: one of its own before a global one.
    pub(crate) fn context(&self, project: u64) -> Option<&Context> {
        let own = |context: &&Context| {
            context.projects.as_ref().is_some_and(|projects| projects.contains(&project))
        };
        let all = |context: &&Context| context.projects.is_none();
        self.contexts.iter().find(own).or_else(|| self.contexts.iter().find(all))
    }

    /// True if issues of the project may have the field.
    pub(crate) fn applies(&self, project: u64) -> bool {
        if let Some(own) = self.project {
            return own == project;
        }
        self.custom.is_none() || self.context(project).is_some()
    }

    /// Finds an option by its id, in all contexts.
    pub(crate) fn choice(&self, id: u64) -> Option<&Choice> {
        let all = self.contexts.iter().flat_map(|context| &context.options);
        all.flat_map(|choice| std::iter::once(choice).chain(&choice.children)).find(|choice| choice.id == id)
    }
}

/// A field on the screens of a project.
#[derive(Debug, Clone)]
pub(crate) struct OnScreen {
    pub(crate) field: String,
    pub(crate) create: bool,
    pub(crate) edit: bool,
    pub(crate) required: bool,
    /// Only for these issue types; `None` for all.
    pub(crate) types: Option<BTreeSet<u64>>,
}

impl OnScreen {
    pub(crate) fn is_for(&self, issue_type: u64) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&issue_type))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) id: u64,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) team_managed: bool,
    pub(crate) lead: String,
    /// True if everyone may browse it, also without credentials.
    pub(crate) anonymous: bool,
    pub(crate) archived: bool,
    /// Permissions by account id.
    pub(crate) members: BTreeMap<String, BTreeSet<String>>,
    pub(crate) types: Vec<u64>,
    pub(crate) workflow: u64,
    /// Workflows of specific issue types.
    pub(crate) workflows: BTreeMap<u64, u64>,
    pub(crate) screen: Vec<OnScreen>,
    pub(crate) last_number: u64,
}

impl Project {
    pub(crate) fn workflow_of(&self, issue_type: u64) -> u64 {
        self.workflows.get(&issue_type).copied().unwrap_or(self.workflow)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Workflow {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) initial: u64,
    pub(crate) statuses: Vec<u64>,
    pub(crate) transitions: Vec<Transition>,
}

#[derive(Debug, Clone)]
pub(crate) struct Transition {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// `None` for a global transition.
    pub(crate) from: Option<Vec<u64>>,
    pub(crate) to: u64,
    /// Only for these accounts; `None` for all with the permission.
    pub(crate) users: Option<BTreeSet<String>>,
    pub(crate) screen: Vec<ScreenField>,
    /// The resolution that it sets.
    pub(crate) resolution: Option<u64>,
}

/// A field on the screen of a transition.
#[derive(Debug, Clone)]
pub(crate) struct ScreenField {
    pub(crate) field: String,
    pub(crate) required: bool,
    /// False if the server accepts the field although its metadata leaves it out.
    pub(crate) listed: bool,
}

/// An issue. Values of fields are in the stored form of their kind.
#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    pub(crate) project: u64,
    pub(crate) number: u64,
    pub(crate) issue_type: u64,
    pub(crate) status: u64,
    pub(crate) resolution: Option<u64>,
    pub(crate) parent: Option<u64>,
    pub(crate) creator: Option<String>,
    pub(crate) values: BTreeMap<String, Value>,
    pub(crate) properties: BTreeMap<String, Value>,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) resolved: Option<i64>,
    pub(crate) status_changed: i64,
    pub(crate) archived: bool,
    /// Only these accounts see it, as by a security level; `None` for all who may browse.
    pub(crate) visible_to: Option<BTreeSet<String>>,
}

impl Issue {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.values.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

/// One entry of an issue's history.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) id: u64,
    pub(crate) author: Option<String>,
    pub(crate) at: i64,
    pub(crate) items: Vec<Item>,
}

/// The change of one field.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) field: String,
    pub(crate) field_id: String,
    pub(crate) custom: bool,
    pub(crate) from: Option<String>,
    pub(crate) from_text: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) to_text: Option<String>,
}

/// An API token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) value: String,
    pub(crate) user: String,
    /// Milliseconds since 1970.
    pub(crate) expires: Option<i64>,
    pub(crate) revoked: bool,
    /// `None` for a classic token, which has the rights of its account.
    pub(crate) scopes: Option<Vec<String>>,
}
