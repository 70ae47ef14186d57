//! Changes of issues: rules that hold for the API and for people.

use std::{cell::Cell, collections::BTreeMap};

use serde_json::{Value, json};

use super::{
    hooks,
    state::State,
    types::{Content, Gone, Issue, Label, Reason, Repo},
};

/// The colour of labels that were created by their use.
const NEW_LABEL: &str = "ededed";

/// A label to set: an existing one, or the name of a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    Known(u64),
    New(String),
}

/// A change of an issue. `None` leaves a value unchanged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) title: Option<String>,
    pub(crate) body: Option<Option<String>>,
    pub(crate) closed: Option<bool>,
    /// Ignored without a change of `closed`.
    pub(crate) reason: Option<Reason>,
    pub(crate) labels: Option<Vec<Wanted>>,
    pub(crate) assignees: Option<Vec<u64>>,
    pub(crate) milestone: Option<Option<u64>>,
    pub(crate) issue_type: Option<Option<u64>>,
    pub(crate) fields: Option<BTreeMap<u64, Value>>,
}

/// The author and the time of a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    pub(crate) account: Option<u64>,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    /// The `updated_at` to store, in seconds, if it is not the current time.
    pub(crate) at: Option<i64>,
}

impl By {
    pub(crate) fn seconds(self) -> i64 {
        self.at.unwrap_or(self.now.div_euclid(1000))
    }
}

impl State {
    /// Creates an issue and returns its number; 0 if the repository does not exist.
    pub(crate) fn create_issue(&mut self, repo: u64, change: Change, pull_request: bool, by: By) -> u64 {
        let id = self.fresh_id();
        let lag = i64::try_from(self.behaviour.search_lag_ms).unwrap_or(i64::MAX / 2);
        let content = self.content(repo, &Content::default(), change);
        let Some(found) = self.repos.get_mut(&repo) else { return 0 };
        found.last_number += 1;
        let (number, at) = (found.last_number, by.seconds());
        let issue = Issue {
            id,
            number,
            author: by.account,
            closed_at: content.closed.then_some(at),
            closed_by: by.account.filter(|_| content.closed),
            content,
            pull_request,
            created: at,
            updated: at,
            parent: None,
            children: Vec::new(),
            empty_reads: Cell::new(0),
            indexed: None,
            indexed_at: by.now + lag,
            rendered: None.into(),
        };
        let in_milestone = issue.content.milestone.is_some();
        found.insert(issue);
        self.places.insert(id, (repo, number));
        if in_milestone {
            self.count_milestones(repo);
        }
        hooks::announce(self, repo, number, "opened", json!({}), by);
        number
    }

    /// Changes an issue. Returns false if it has the wanted values already; then `updated_at` stays unchanged.
    pub(crate) fn edit_issue(&mut self, repo: u64, number: u64, change: Change, by: By) -> bool {
        let lag = i64::try_from(self.behaviour.search_lag_ms).unwrap_or(i64::MAX / 2);
        let Some(old) = self.repos.get(&repo).and_then(|found| found.issues.get(&number)) else {
            return false;
        };
        let old = old.content.clone();
        let content = self.content(repo, &old, change);
        if content == old {
            return false;
        }
        let Some(found) = self.repos.get_mut(&repo) else { return false };
        let Some(mut issue) = found.remove(number) else { return false };
        if issue.indexed_at <= by.now {
            issue.indexed = Some(Box::new(old.clone()));
        }
        issue.indexed_at = by.now + lag;
        if content.closed != old.closed {
            issue.closed_at = content.closed.then_some(by.seconds());
            issue.closed_by = by.account.filter(|_| content.closed);
        }
        let milestones = content.milestone.is_some() || old.milestone.is_some();
        issue.content = content;
        issue.updated = by.seconds();
        issue.rendered.take();
        // A parent shows how many of its children are closed.
        if let Some(place) = issue.parent.and_then(|parent| self.places.get(&parent))
            && let Some(parent) = self.repos.get(&place.0).and_then(|repo| repo.issues.get(&place.1))
        {
            parent.rendered.take();
        }
        if let Some(found) = self.repos.get_mut(&repo) {
            found.insert(issue);
        }
        if milestones {
            self.count_milestones(repo);
        }
        hooks::announce_edit(self, repo, number, &old, by);
        true
    }

    /// Returns the content after a change, with new labels created.
    fn content(&mut self, repo: u64, old: &Content, change: Change) -> Content {
        let mut content = old.clone();
        if let Some(title) = change.title {
            content.title = title;
        }
        if let Some(body) = change.body {
            content.body = body.filter(|body| !body.is_empty());
        }
        if let Some(closed) = change.closed
            && closed != old.closed
        {
            content.closed = closed;
            content.reason =
                Some(if closed { change.reason.unwrap_or(Reason::Completed) } else { Reason::Reopened });
        }
        if let Some(labels) = change.labels {
            content.labels.clear();
            for wanted in labels {
                let id = match wanted {
                    Wanted::Known(id) => id,
                    Wanted::New(name) => self.label_or_new(repo, &name),
                };
                if !content.labels.contains(&id) {
                    content.labels.push(id);
                }
            }
        }
        if let Some(assignees) = change.assignees {
            content.assignees = assignees;
        }
        if let Some(milestone) = change.milestone {
            content.milestone = milestone;
        }
        if let Some(issue_type) = change.issue_type {
            content.issue_type = issue_type;
        }
        if let Some(fields) = change.fields {
            content.fields = fields;
        }
        content
    }

    /// Returns the id of a label, and creates it if it is new.
    pub(crate) fn label_or_new(&mut self, repo: u64, name: &str) -> u64 {
        let known =
            self.repos.get(&repo).and_then(|repo| repo.label_names.get(&name.to_lowercase()).copied());
        known.unwrap_or_else(|| self.add_label(repo, name, NEW_LABEL, None))
    }

    /// Adds a label whose name is not in use, and returns its id.
    pub(crate) fn add_label(
        &mut self,
        repo: u64,
        name: &str,
        color: &str,
        description: Option<String>,
    ) -> u64 {
        let id = self.fresh_id();
        if let Some(repo) = self.repos.get_mut(&repo) {
            let label =
                Label { id, name: name.to_owned(), color: color.to_owned(), description, default: false };
            repo.labels.insert(id, label);
            repo.label_names.insert(name.to_lowercase(), id);
        }
        id
    }

    /// Deletes an issue. Its number is never used again.
    pub(crate) fn delete_issue(&mut self, repo: u64, number: u64, by: By) -> bool {
        hooks::announce(self, repo, number, "deleted", json!({}), by);
        let Some(found) = self.repos.get_mut(&repo) else { return false };
        let Some(issue) = found.remove(number) else { return false };
        found.gone.insert(number, Gone::Deleted);
        self.places.remove(&issue.id);
        if issue.content.milestone.is_some() {
            self.count_milestones(repo);
        }
        self.unlink(&issue);
        true
    }

    /// Removes an issue from its relations.
    fn unlink(&mut self, issue: &Issue) {
        let parent = issue.parent.and_then(|id| self.places.get(&id)).copied();
        if let Some((repo, number)) = parent
            && let Some(parent) = self.repos.get_mut(&repo).and_then(|repo| repo.issues.get_mut(&number))
        {
            parent.children.retain(|child| *child != issue.id);
            parent.rendered.take();
        }
        for child in &issue.children {
            if let Some((repo, number)) = self.places.get(child).copied()
                && let Some(child) = self.repos.get_mut(&repo).and_then(|repo| repo.issues.get_mut(&number))
            {
                child.parent = None;
                child.rendered.take();
            }
        }
    }

    /// Recounts the issues of milestones. Does nothing for repositories without milestones.
    pub(crate) fn count_milestones(&mut self, repo: u64) {
        let Some(repo) = self.repos.get_mut(&repo) else { return };
        if repo.milestones.is_empty() {
            return;
        }
        let mut counts: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for issue in repo.issues.values() {
            if let Some(milestone) = issue.content.milestone {
                let count = counts.entry(milestone).or_default();
                if issue.content.closed { count.1 += 1 } else { count.0 += 1 }
            }
        }
        let mut changed = false;
        for milestone in repo.milestones.values_mut() {
            let (open, closed) = counts.get(&milestone.number).copied().unwrap_or_default();
            changed |= (milestone.open_issues, milestone.closed_issues) != (open, closed);
            (milestone.open_issues, milestone.closed_issues) = (open, closed);
        }
        if changed {
            self.epoch += 1;
        }
    }
}

impl Repo {
    /// Adds an issue to the repository and its indexes.
    pub(crate) fn insert(&mut self, issue: Issue) {
        self.by_updated.insert((issue.updated, issue.number));
        self.by_created.insert((issue.created, issue.number));
        self.open += u64::from(!issue.content.closed);
        self.issues.insert(issue.number, issue);
    }

    /// Removes an issue from the repository and its indexes.
    pub(crate) fn remove(&mut self, number: u64) -> Option<Issue> {
        let issue = self.issues.remove(&number)?;
        self.by_updated.remove(&(issue.updated, number));
        self.by_created.remove(&(issue.created, number));
        self.open -= u64::from(!issue.content.closed);
        Some(issue)
    }
}
