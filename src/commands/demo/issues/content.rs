//! The issues of the demo, always the same, and the document of its sync.

use serde_json::{Value, json};

use crate::commands::demo::words::{THINGS, VERBS};

/// The project of Jira and the repository of GitHub.
pub(super) const PROJECT: &str = "WEB";
pub(super) const REPOSITORY: &str = "acme/web";

/// Issues of each side, and how many of them are on both.
pub(super) const EACH: usize = 300;
pub(super) const SHARED: usize = 200;

/// The name of the sync.
pub(super) const NAME: &str = "issues";

pub(super) const DOCUMENT: &str = "\
name: issues
source_platform: jira
source: { account: demo-jira, project_key: WEB }
target_platform: github
target: { account: demo-github, repository: acme/web }
entity_type: issue
direction: bidirectional
two_way_create: true
match_on: [summary]                 # how issues that both sides have already are paired
conflict_strategy: last_write_wins
delete_policy: delete
sync_interval: 5                    # seconds
field_mappings:
  - { source_field: summary, target_field: title, required: true, conflict_strategy: manual }
  - { source_field: description, target_field: body, source_type: rich_text, target_type: rich_text }
  - { source_field: status, target_field: status, source_type: status, target_type: status }
  - { source_field: labels, target_field: labels, source_type: set, target_type: set }
";

/// The first and the last paragraph of every text.
pub(super) const FIRST: &str = "It happens now and then.";
pub(super) const LAST: &str = "A fix is welcome.";

const PLACES: [&str; 4] = ["in the shop", "for partners", "on the admin pages", "in the app"];
const LABELS: [&[&str]; 4] = [&["bug"], &[], &["docs"], &["bug", "triage"]];
const STATUSES: [&str; 5] = ["To Do", "To Do", "To Do", "Done", "In Progress"];

/// A new issue in the terms of neither platform.
pub(super) struct Issue {
    pub(super) title: String,
    pub(super) text: String,
    status: &'static str,
    labels: &'static [&'static str],
    at: String,
}

impl Issue {
    /// As the simulator's control API takes it for Jira.
    pub(super) fn of_jira(&self) -> Value {
        json!({
            "summary": self.title,
            "description": self.text,
            "status": self.status,
            "labels": self.labels,
            "created_at": self.at,
            "updated_at": self.at,
        })
    }

    /// As the simulator's control API takes it for GitHub.
    pub(super) fn of_github(&self) -> Value {
        let mut issue = json!({
            "title": self.title,
            "body": self.text,
            "labels": self.labels,
            "created_at": self.at,
            "updated_at": self.at,
        });
        if self.status == "Done" {
            issue["state"] = json!("closed");
            issue["state_reason"] = json!("completed");
        }
        issue
    }
}

/// The positions of the project's issues.
pub(super) fn of_project() -> impl Iterator<Item = usize> {
    0..EACH
}

/// The positions of the repository's issues; the first ones are in the project as well.
pub(super) fn of_repository() -> impl Iterator<Item = usize> {
    (0..SHARED).chain(EACH..EACH + EACH - SHARED)
}

/// The issue at a position; `now` in seconds since 1970.
pub(super) fn issue(position: usize, now: i64) -> Issue {
    let title = format!(
        "{} {} {}",
        VERBS[position % VERBS.len()],
        THINGS[position / VERBS.len() % THINGS.len()],
        PLACES[position / (VERBS.len() * THINGS.len()) % PLACES.len()]
    );
    // The last one is an hour old.
    let minutes = 60 + i64::try_from(2 * EACH - SHARED - position).unwrap_or(0);
    let at = chrono::DateTime::from_timestamp(now - 60 * minutes, 0).unwrap_or_default();
    Issue {
        title,
        text: format!("{FIRST}\n\nReported by customer {}.\n\n{LAST}", 100 + position * 7 % 900),
        status: STATUSES[position % STATUSES.len()],
        labels: LABELS[position % LABELS.len()],
        at: at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn two_hundred_titles_are_on_both_sides_and_none_is_twice_on_one() {
        let title = |position| issue(position, 1_790_000_000).title;
        let (here, there): (Vec<_>, Vec<_>) =
            (of_project().map(title).collect(), of_repository().map(title).collect());
        assert_eq!((here.len(), there.len()), (EACH, EACH));
        let (here, there): (HashSet<_>, HashSet<_>) =
            (here.into_iter().collect(), there.into_iter().collect());
        assert_eq!((here.len(), there.len(), here.intersection(&there).count()), (EACH, EACH, SHARED));
    }
}
