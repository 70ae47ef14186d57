//! Reads and validates the input of an issue.

use serde_json::{Map, Value};

use super::{
    super::{
        access::Viewer,
        change::Change,
        error::Failure,
        id::Id,
        state::State,
        types::{Issue, Scale, Team},
    },
    checked_text, uuid,
};

/// The input of an issue, and the records that it is validated against.
pub(super) struct Draft<'a> {
    pub(super) state: &'a State,
    pub(super) viewer: &'a Viewer,
    pub(super) input: &'a Map<String, Value>,
    /// The team in which the issue will be.
    pub(super) team: &'a Team,
    /// The issue that is edited.
    pub(super) issue: Option<&'a Issue>,
}

impl Draft<'_> {
    pub(super) fn read(&self) -> Result<Change, Failure> {
        let moved = self.issue.is_some_and(|issue| issue.team != self.team.id);
        let behaviour = &self.state.behaviour;
        let title = self
            .text("title")
            .map(|title| checked_text("title", title, behaviour.title_limit))
            .transpose()?;
        if title.is_none() && self.issue.is_none() {
            return Err(Failure::argument("title should not be empty"));
        }
        Ok(Change {
            team: moved.then_some(self.team.id),
            title,
            description: self.description()?,
            state: self.text("stateId").map(|id| self.workflow_state(id)).transpose()?,
            priority: self.priority()?,
            estimate: self.estimate()?,
            due: self.clearable("dueDate", |value| Ok(value.as_str().unwrap_or_default().to_owned()))?,
            assignee: self
                .clearable("assigneeId", |value| self.assignee(value.as_str().unwrap_or_default()))?,
            delegate: self
                .clearable("delegateId", |value| self.delegate(value.as_str().unwrap_or_default()))?,
            labels: self.labels()?,
            parent: self.clearable("parentId", |value| self.parent(value.as_str().unwrap_or_default()))?,
            project: self.clearable("projectId", |value| self.project(value.as_str().unwrap_or_default()))?,
            snoozed: self.clearable("snoozedUntilAt", |value| Ok(value.as_i64().unwrap_or_default()))?,
            trashed: self.input.get("trashed").and_then(Value::as_bool),
            sort: self.input.get("sortOrder").and_then(Value::as_f64),
            priority_sort: self.input.get("prioritySortOrder").and_then(Value::as_f64),
            sub_issue_sort: self.input.get("subIssueSortOrder").and_then(Value::as_f64),
            subscribers: self.ids("subscriberIds")?,
            completed: self.input.get("completedAt").and_then(Value::as_i64),
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name)?.as_str()
    }

    /// Reads a value that null clears.
    fn clearable<T>(
        &self,
        name: &str,
        read: impl Fn(&Value) -> Result<T, Failure>,
    ) -> Result<Option<Option<T>>, Failure> {
        match self.input.get(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => read(value).map(|value| Some(Some(value))),
        }
    }

    fn description(&self) -> Result<Option<Option<String>>, Failure> {
        let limit = self.state.behaviour.description_limit;
        self.clearable("description", |value| {
            let text = value.as_str().unwrap_or_default();
            if text.chars().count() > limit {
                let told = format!("description must be shorter than or equal to {limit} characters");
                return Err(Failure::argument(told));
            }
            Ok(text.to_owned())
        })
    }

    fn priority(&self) -> Result<Option<i64>, Failure> {
        match self.input.get("priority") {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(0)),
            Some(value) => match value.as_i64() {
                Some(priority) if (0..=4).contains(&priority) => Ok(Some(priority)),
                _ => Err(Failure::argument("priority must not be less than 0 or greater than 4")),
            },
        }
    }

    fn estimate(&self) -> Result<Option<Option<i64>>, Failure> {
        let team = self.team;
        self.clearable("estimate", |value| {
            let estimate = value.as_i64().unwrap_or_default();
            let values = team.scale.values();
            let values = if team.extended { values } else { &values[..values.len().saturating_sub(2)] };
            let fits = values.contains(&estimate) || (estimate == 0 && team.allow_zero);
            if self.state.behaviour.check_estimates && !fits {
                let told = if team.scale == Scale::NotUsed {
                    format!("Estimates are not used in team {}.", team.key)
                } else {
                    format!("{estimate} is not on the estimate scale of team {}: {values:?}.", team.key)
                };
                return Err(Failure::input("Invalid estimate", told));
            }
            Ok(estimate)
        })
    }

    fn workflow_state(&self, text: &str) -> Result<Id, Failure> {
        let id = uuid("stateId", text)?;
        let found = self.state.states.get(&id).filter(|state| state.archived.is_none());
        let found = found.ok_or_else(|| Failure::not_found("WorkflowState"))?;
        if found.team != self.team.id {
            return Err(Failure::input(
                "Discrepancy between issue team and state",
                format!("The state {} is not one of team {}.", found.name, self.team.key),
            ));
        }
        Ok(id)
    }

    /// Returns a user who may be assigned: active, no app, and with access to the team.
    fn assignee(&self, text: &str) -> Result<Id, Failure> {
        let id = uuid("assigneeId", text)?;
        let user = self.state.users.get(&id).ok_or_else(|| Failure::not_found("User"))?;
        let seen = self.team.members.contains(&id) || !(self.team.private || user.guest);
        if !user.active || user.app || !seen {
            let why = match (user.active, user.app) {
                (false, _) => "is not active",
                (true, true) => "is an app, which can be a delegate only",
                (true, false) => "has no access to the team",
            };
            return Err(Failure::input("Invalid assignee", format!("{} {why}.", user.name)));
        }
        Ok(id)
    }

    fn delegate(&self, text: &str) -> Result<Id, Failure> {
        let id = uuid("delegateId", text)?;
        let user = self.state.users.get(&id).ok_or_else(|| Failure::not_found("User"))?;
        if user.app {
            Ok(id)
        } else {
            Err(Failure::input("Invalid delegate", format!("{} is no app.", user.name)))
        }
    }

    fn parent(&self, text: &str) -> Result<Id, Failure> {
        let parent = self.viewer.issue(self.state, text)?;
        let mut above = Some(parent);
        while let (Some(issue), Some(at)) = (self.issue, above) {
            if at.id == issue.id {
                return Err(Failure::input(
                    "Invalid parent",
                    "An issue cannot be its own parent, nor a child of its own sub-issues.",
                ));
            }
            above = at.content.parent.and_then(|id| self.state.issues.get(&id));
        }
        Ok(parent.id)
    }

    fn project(&self, text: &str) -> Result<Id, Failure> {
        let id = uuid("projectId", text)?;
        let project = self.state.projects.get(&id).ok_or_else(|| Failure::not_found("Project"))?;
        if project.teams.contains(&self.team.id) {
            return Ok(id);
        }
        let told = format!("The project {} is not one of team {}.", project.name, self.team.key);
        Err(Failure::input("Discrepancy between issue team and project", told))
    }

    fn ids(&self, name: &str) -> Result<Option<Vec<Id>>, Failure> {
        let Some(Value::Array(list)) = self.input.get(name) else { return Ok(None) };
        let read = list.iter().map(|id| {
            let id = id.as_str().unwrap_or_default();
            Id::parse(id).ok_or_else(|| Failure::argument(format!("each value in {name} must be a UUID")))
        });
        read.collect::<Result<_, _>>().map(Some)
    }

    /// Returns the labels that the issue will have. Those of a group exclude each other.
    fn labels(&self) -> Result<Option<Vec<Id>>, Failure> {
        let (set, added, removed) =
            (self.ids("labelIds")?, self.ids("addedLabelIds")?, self.ids("removedLabelIds")?);
        if set.is_none() && added.is_none() && removed.is_none() {
            return Ok(None);
        }
        let name = if set.is_some() { "labelIds" } else { "addedLabelIds" };
        let mut labels =
            set.unwrap_or_else(|| self.issue.map(|issue| issue.content.labels.clone()).unwrap_or_default());
        let before = self.issue.map(|issue| issue.content.labels.as_slice()).unwrap_or_default();
        labels.extend(added.into_iter().flatten());
        let removed = removed.unwrap_or_default();
        labels.retain(|id| !removed.contains(id));
        let mut unique: Vec<Id> = Vec::with_capacity(labels.len());
        for id in labels {
            if !unique.contains(&id) {
                // Labels that the issue already has are not checked again.
                if !before.contains(&id) {
                    self.may_have(id, name)?;
                }
                unique.push(id);
            }
        }
        self.exclusive(&unique)?;
        Ok(Some(unique))
    }

    fn may_have(&self, id: Id, list: &str) -> Result<(), Failure> {
        let label = self.state.labels.get(&id).filter(|label| label.archived.is_none());
        let label = label.ok_or_else(|| Failure::no_entry("IssueLabel", list))?;
        if label.group {
            let told = format!("The label {} is a group and cannot be applied to an issue.", label.name);
            return Err(Failure::input("Label group cannot be applied", told));
        }
        if label.team.is_some_and(|team| team != self.team.id) {
            let told = format!("The label {} is not one of team {}.", label.name, self.team.key);
            return Err(Failure::input("Discrepancy between issue team and labels", told));
        }
        Ok(())
    }

    fn exclusive(&self, labels: &[Id]) -> Result<(), Failure> {
        let of: Vec<_> = labels.iter().filter_map(|id| self.state.labels.get(id)).collect();
        for (at, label) in of.iter().enumerate() {
            let same =
                |other: &&&super::super::types::Label| label.parent.is_some() && other.parent == label.parent;
            if let Some(other) = of[at + 1..].iter().find(same) {
                return Err(Failure::input(
                    "labelIds not exclusive child labels",
                    format!(
                        "Only one label in a group can be applied: {} and {} are in the same one.",
                        label.name, other.name
                    ),
                ));
            }
        }
        Ok(())
    }
}
