//! Changes of issues: rules that hold for the API and for people.

use std::collections::BTreeSet;

use super::{
    id::Id,
    markdown,
    state::State,
    types::{Attachment, Content, Issue, Quiet, StateKind},
};

/// A change of an issue; `Some(None)` clears a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) team: Option<Id>,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) state: Option<Id>,
    pub(crate) priority: Option<i64>,
    pub(crate) estimate: Option<Option<i64>>,
    pub(crate) due: Option<Option<String>>,
    pub(crate) assignee: Option<Option<Id>>,
    pub(crate) delegate: Option<Option<Id>>,
    pub(crate) labels: Option<Vec<Id>>,
    pub(crate) parent: Option<Option<Id>>,
    pub(crate) project: Option<Option<Id>>,
    pub(crate) snoozed: Option<Option<i64>>,
    pub(crate) trashed: Option<bool>,
    pub(crate) sort: Option<f64>,
    pub(crate) priority_sort: Option<f64>,
    pub(crate) sub_issue_sort: Option<f64>,
    pub(crate) subscribers: Option<Vec<Id>>,
    pub(crate) completed: Option<i64>,
}

/// The author and the time of a change.
#[derive(Debug, Clone)]
pub(crate) struct By {
    /// None for an automation.
    pub(crate) user: Option<Id>,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    pub(crate) as_user: Option<String>,
}

impl State {
    /// Returns the state that a new issue has if none is named.
    pub(crate) fn first_state(&self, team: Id, by: Option<Id>) -> Option<Id> {
        let found = self.teams.get(&team)?;
        let states = self.states_of(team);
        let outsider = by.is_none_or(|user| !found.members.contains(&user));
        let triage = states.iter().find(|state| state.kind == StateKind::Triage);
        match triage.filter(|_| found.triage && outsider) {
            Some(triage) => Some(triage.id),
            None => found.default_state.filter(|id| self.states.contains_key(id)).or_else(|| {
                states.iter().find(|state| state.kind != StateKind::Triage).map(|state| state.id)
            }),
        }
    }

    /// Creates an issue and returns its id. The change names a team; the id is not used yet.
    pub(crate) fn create_issue(
        &mut self,
        id: Id,
        team: Id,
        change: Change,
        created: i64,
        by: &By,
    ) -> Option<Id> {
        let state = self.first_state(team, by.user)?;
        let number = {
            let team = self.teams.get_mut(&team)?;
            team.last_number += 1;
            team.last_number
        };
        let quiet = Quiet {
            sort: -(number as f64) * 10.0,
            subscribers: by.user.into_iter().collect(),
            ..Quiet::default()
        };
        let issue = Issue {
            id,
            team,
            number,
            previous: Vec::new(),
            content: Content {
                title: change.title.clone().unwrap_or_default(),
                description: None,
                state,
                priority: 0,
                estimate: None,
                due: None,
                assignee: None,
                delegate: None,
                labels: Vec::new(),
                parent: None,
                project: None,
                snoozed: None,
            },
            quiet,
            creator: by.user,
            as_user: by.as_user.clone(),
            children: BTreeSet::new(),
            attachments: BTreeSet::new(),
            created,
            updated: by.now,
            started: None,
            completed: None,
            canceled: None,
            triaged: None,
            archived: None,
            auto_archived: false,
            trashed: false,
            hidden: false,
        };
        self.insert(issue);
        self.sync_id += 1;
        self.edit_issue(id, Change { team: None, ..change }, by);
        Some(id)
    }

    /// Changes an issue. A change without an effect is no update, and neither is one of order or subscribers.
    pub(crate) fn edit_issue(&mut self, id: Id, change: Change, by: &By) {
        // Read before the issue is removed from the state, since its text may name itself.
        let description = change.description.map(|text| text.map(|text| self.stored(&text)));
        let change = Change { description, ..change };
        let Some(mut issue) = self.take(id) else { return };
        let before = (issue.content.clone(), issue.team, issue.trashed);
        let old_state = issue.content.state;
        let (team, state) = (change.team.filter(|team| *team != issue.team), change.state);
        apply(&mut issue, change, by.now);
        if let Some(team) = team {
            self.move_to(&mut issue, team, state);
        }
        if issue.content.state != old_state {
            self.entered(&mut issue, old_state, by.now);
        }
        if (&issue.content, issue.team, issue.trashed) != (&before.0, before.1, before.2) {
            issue.updated = by.now;
            self.sync_id += 1;
        }
        let (old, new) = (before.0.parent, issue.content.parent);
        self.insert(issue);
        if old != new {
            if let Some(parent) = old.and_then(|parent| self.issues.get_mut(&parent)) {
                parent.children.remove(&id);
            }
            if let Some(parent) = new.and_then(|parent| self.issues.get_mut(&parent)) {
                parent.children.insert(id);
            }
        }
    }

    /// Returns a description in the form in which it is read back.
    pub(crate) fn stored(&self, text: &str) -> String {
        if self.behaviour.rewrite_markdown { markdown::rewrite(text, self) } else { text.to_owned() }
    }

    /// Moves an issue to another team: it gets a new identifier, and the equal state and labels there.
    fn move_to(&mut self, issue: &mut Issue, team: Id, wanted: Option<Id>) {
        let former = self.identifier(issue);
        let Some(target) = self.teams.get_mut(&team) else { return };
        target.last_number += 1;
        issue.number = target.last_number;
        issue.team = team;
        self.former.insert(former.to_uppercase(), issue.id);
        issue.previous.push(former);
        let state = wanted.or_else(|| self.same_state(issue.content.state, team));
        issue.content.state = state.unwrap_or(issue.content.state);
        let labels = issue.content.labels.iter().filter_map(|id| {
            let label = self.labels.get(id)?;
            if label.team.is_none() {
                return Some(*id);
            }
            let same = |other: &&super::types::Label| {
                other.team == Some(team) && other.name == label.name && !other.group
            };
            self.labels.values().find(same).map(|label| label.id)
        });
        issue.content.labels = labels.collect();
        let in_team = |id: &Id| self.projects.get(id).is_some_and(|project| project.teams.contains(&team));
        issue.content.project = issue.content.project.filter(in_team);
    }

    /// Returns the state of another team that has the same name and kind, or the first of this kind.
    fn same_state(&self, state: Id, team: Id) -> Option<Id> {
        let old = self.states.get(&state)?;
        let states = self.states_of(team);
        let same = states.iter().find(|one| one.kind == old.kind && one.name == old.name);
        let found = same.or_else(|| states.iter().find(|one| one.kind == old.kind));
        found.map(|state| state.id).or_else(|| self.first_state(team, None))
    }

    /// Sets the times of an issue that enters a state.
    fn entered(&self, issue: &mut Issue, from: Id, now: i64) {
        let kind = |id: Id| self.states.get(&id).map(|state| state.kind);
        let Some(entered) = kind(issue.content.state) else { return };
        if kind(from) == Some(StateKind::Triage) && entered != StateKind::Triage {
            issue.triaged = Some(now);
        }
        match entered {
            StateKind::Triage | StateKind::Backlog | StateKind::Unstarted => {
                (issue.started, issue.completed, issue.canceled) = (None, None, None);
            }
            StateKind::Started => {
                issue.started = issue.started.or(Some(now));
                (issue.completed, issue.canceled) = (None, None);
            }
            StateKind::Completed => {
                issue.completed = issue.completed.or(Some(now));
                issue.canceled = None;
            }
            StateKind::Canceled | StateKind::Duplicate => {
                issue.canceled = issue.canceled.or(Some(now));
                issue.completed = None;
            }
        }
    }

    /// Archives an issue, moves it to the trash, or undoes both.
    pub(crate) fn archive(&mut self, id: Id, archived: bool, trash: bool, auto: bool, now: i64) {
        let Some(mut issue) = self.take(id) else { return };
        let before = (issue.archived.is_some(), issue.trashed);
        issue.trashed = archived && trash;
        issue.archived = if archived { issue.archived.or(Some(now)) } else { None };
        issue.auto_archived = archived && auto;
        if before != (issue.archived.is_some(), issue.trashed) {
            if self.behaviour.archive_bumps {
                issue.updated = now;
            }
            self.sync_id += 1;
        }
        self.insert(issue);
    }

    /// Sets the time of an issue's last update.
    pub(crate) fn set_updated(&mut self, id: Id, updated: i64) {
        if let Some(mut issue) = self.take(id) {
            issue.updated = updated;
            self.insert(issue);
        }
    }

    /// Adds an attachment to its issue, or replaces the one with the same id.
    pub(crate) fn put_attachment(&mut self, attachment: Attachment, now: i64) {
        let (id, issue) = (attachment.id, attachment.issue);
        self.by_url.entry(attachment.url.clone()).or_default().insert(id);
        if let Some(issue) = self.issues.get_mut(&issue) {
            issue.attachments.insert(id);
        }
        self.attachments.insert(id, attachment);
        self.sync_id += 1;
        if self.behaviour.attachment_bumps {
            self.set_updated(issue, now);
        }
    }
}

/// Applies a change to an issue.
fn apply(issue: &mut Issue, change: Change, now: i64) {
    let content = &mut issue.content;
    if let Some(title) = change.title {
        content.title = title;
    }
    if let Some(text) = change.description {
        content.description = text.filter(|text| !text.is_empty());
    }
    if let Some(state) = change.state {
        content.state = state;
    }
    content.priority = change.priority.unwrap_or(content.priority);
    content.estimate = change.estimate.unwrap_or(content.estimate);
    if let Some(due) = change.due {
        content.due = due;
    }
    content.assignee = change.assignee.unwrap_or(content.assignee);
    content.delegate = change.delegate.unwrap_or(content.delegate);
    if let Some(labels) = change.labels {
        content.labels = labels;
    }
    content.parent = change.parent.unwrap_or(content.parent);
    content.project = change.project.unwrap_or(content.project);
    content.snoozed = change.snoozed.unwrap_or(content.snoozed);
    if let Some(trashed) = change.trashed {
        issue.trashed = trashed;
        issue.archived = trashed.then_some(now);
    }
    issue.completed = change.completed.or(issue.completed);
    let quiet = &mut issue.quiet;
    quiet.sort = change.sort.unwrap_or(quiet.sort);
    quiet.priority_sort = change.priority_sort.unwrap_or(quiet.priority_sort);
    quiet.sub_issue_sort = change.sub_issue_sort.or(quiet.sub_issue_sort);
    if let Some(subscribers) = change.subscribers {
        quiet.subscribers = subscribers;
    }
}
