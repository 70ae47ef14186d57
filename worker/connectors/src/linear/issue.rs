//! An issue as Linear returns it, as far as it is read here.

use chrono::{DateTime, Utc};
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Issue {
    pub(super) id: String,
    /// The key of its team and its number there: `ENG-12`. Another one after a move to another team.
    pub(super) identifier: String,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) priority: f64,
    pub(super) estimate: Option<f64>,
    pub(super) due_date: Option<String>,
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) label_ids: Vec<String>,
    /// Null while it is not in the trash.
    pub(super) trashed: Option<bool>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) archived_at: Option<DateTime<Utc>>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) completed_at: Option<DateTime<Utc>>,
    pub(super) canceled_at: Option<DateTime<Utc>>,
    pub(super) state: State,
    pub(super) team: Team,
    pub(super) assignee: Option<Person>,
    /// None for issues that an automation or a deleted user created.
    pub(super) creator: Option<Person>,
    pub(super) parent: Option<Parent>,
    pub(super) project: Option<Named>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct State {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Team {
    pub(super) id: String,
    pub(super) key: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person {
    pub(super) display_name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Parent {
    pub(super) identifier: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
}

/// A part of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) nodes: Vec<T>,
    pub(super) page_info: PageInfo,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// A list that comes whole.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Whole<T> {
    pub(super) nodes: Vec<T>,
}

impl<T> Page<T> {
    /// Where the next page begins; none after the last one.
    pub(super) fn next(&self) -> Option<&str> {
        self.page_info.end_cursor.as_deref().filter(|_| self.page_info.has_next_page)
    }
}

impl Issue {
    /// It is in the trash, from where it goes for good after a time.
    pub(super) fn is_trashed(&self) -> bool {
        self.trashed == Some(true)
    }

    /// It needs no more work.
    pub(super) fn is_closed(&self) -> bool {
        ["completed", "canceled", "duplicate"].contains(&self.state.kind.as_str())
    }
}
