//! Changes of issues: rules that hold for the API and for people.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    adf,
    input::Edit,
    kind::Kind,
    state::State,
    types::{Category, Change, Field, Issue, Item},
};

/// The author and the time of a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct By {
    pub(crate) user: Option<String>,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    /// The time to store, if it is not the current one.
    pub(crate) at: Option<i64>,
    /// Milliseconds until searches see the change, if not the default.
    pub(crate) lag: Option<u64>,
}

impl By {
    fn time(&self) -> i64 {
        self.at.unwrap_or(self.now)
    }
}

impl State {
    /// Creates an issue and returns its id.
    pub(crate) fn create(&mut self, project: u64, issue_type: u64, edit: Edit, by: &By) -> u64 {
        let id = self.fresh_issue();
        let initial = self.workflow(project, issue_type).map_or(0, |workflow| workflow.initial);
        let Some(home) = self.projects.get_mut(&project) else { return 0 };
        home.last_number += 1;
        let number = home.last_number;
        let mut values: std::collections::BTreeMap<String, Value> =
            edit.values.into_iter().filter_map(|(field, value)| Some((field, value?))).collect();
        if let Some(user) = &by.user {
            values.entry("reporter".to_owned()).or_insert_with(|| json!(user));
        }
        if home.screen.iter().any(|one| one.field == "priority") {
            values.entry("priority".to_owned()).or_insert_with(|| json!(self.default_priority));
        }
        let status = edit.status.unwrap_or(initial);
        let resolution = edit.resolution.flatten();
        let issue = Issue {
            id,
            project,
            number,
            issue_type,
            status,
            resolution,
            parent: edit.parent.flatten(),
            creator: by.user.clone(),
            values,
            properties: edit.properties.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
            created: by.time(),
            updated: by.time(),
            resolved: resolution.map(|_| by.time()),
            status_changed: by.time(),
            archived: false,
            visible_to: None,
        };
        self.numbers.insert((project, number), id);
        if let Some(parent) = issue.parent {
            self.children.entry(parent).or_default().insert(id);
        }
        self.count_labels(labels(&issue).iter().map(String::as_str), true);
        self.issues.insert(id, Arc::new(issue));
        self.index_later(id, by.now, by.lag);
        id
    }

    /// Changes an issue. Returns false if it has the wanted values already; then `updated` stays unchanged.
    pub(crate) fn edit(&mut self, id: u64, edit: Edit, by: &By) -> bool {
        let Some(old) = self.issues.get(&id).cloned() else { return false };
        let mut new = Issue::clone(&old);
        let mut items = Vec::new();
        for (name, value) in edit.values {
            let before = old.values.get(&name);
            if before == value.as_ref() {
                continue;
            }
            if let Some(field) = self.fields.get(&name) {
                items.push(self.item(field, before, value.as_ref()));
            }
            match value {
                Some(value) => new.values.insert(name, value),
                None => new.values.remove(&name),
            };
        }
        self.edit_links(&old, &mut new, (edit.issue_type, edit.parent), &mut items);
        self.edit_status(&old, &mut new, (edit.status, edit.resolution), by, &mut items);
        let mut touched = !items.is_empty();
        let mut stored = touched;
        for (key, value) in edit.properties {
            let same = new.properties.get(&key) == value.as_ref();
            stored |= !same;
            touched |= !same && self.behaviour.property_touches;
            match value {
                Some(value) => new.properties.insert(key, value),
                None => new.properties.remove(&key),
            };
        }
        if !stored {
            return false;
        }
        if touched {
            new.updated = by.time();
        }
        let (before, after) = (labels(&old), labels(&new));
        self.count_labels(before.iter().filter(|label| !after.contains(label)).map(String::as_str), false);
        self.count_labels(after.iter().filter(|label| !before.contains(label)).map(String::as_str), true);
        self.issues.insert(id, Arc::new(new));
        self.remember(id, items, by);
        self.index_later(id, by.now, by.lag);
        true
    }

    fn edit_links(
        &mut self,
        old: &Issue,
        new: &mut Issue,
        (issue_type, parent): (Option<u64>, Option<Option<u64>>),
        items: &mut Vec<Item>,
    ) {
        if let Some(issue_type) = issue_type.filter(|wanted| *wanted != old.issue_type) {
            let name = |id: u64| self.types.get(&id).map(|known| known.name.clone());
            items.push(system(
                "issuetype",
                (Some(old.issue_type), name(old.issue_type)),
                (Some(issue_type), name(issue_type)),
            ));
            new.issue_type = issue_type;
        }
        if let Some(parent) = parent.filter(|wanted| *wanted != old.parent) {
            let key = |id: Option<u64>| id.and_then(|id| self.issues.get(&id)).map(|issue| self.key(issue));
            items.push(system("parent", (old.parent, key(old.parent)), (parent, key(parent))));
            if let Some(children) = old.parent.and_then(|id| self.children.get_mut(&id)) {
                children.remove(&old.id);
            }
            if let Some(parent) = parent {
                self.children.entry(parent).or_default().insert(old.id);
            }
            new.parent = parent;
        }
    }

    fn edit_status(
        &self,
        old: &Issue,
        new: &mut Issue,
        (status, resolution): (Option<u64>, Option<Option<u64>>),
        by: &By,
        items: &mut Vec<Item>,
    ) {
        if let Some(status) = status {
            new.status = status;
            new.status_changed = by.time();
            if status != old.status {
                let name = |id: u64| Some(self.status_name(id).to_owned());
                items.push(system(
                    "status",
                    (Some(old.status), name(old.status)),
                    (Some(status), name(status)),
                ));
            }
            // Leaving the last category clears the resolution, as the usual workflows do.
            if self.category(status) != Category::Done {
                new.resolution = None;
            }
        }
        if let Some(resolution) = resolution {
            new.resolution = resolution;
        }
        if new.resolution != old.resolution {
            let name = |id: Option<u64>| {
                self.resolutions.iter().find(|known| Some(known.id) == id).map(|r| r.name.clone())
            };
            items.push(system(
                "resolution",
                (old.resolution, name(old.resolution)),
                (new.resolution, name(new.resolution)),
            ));
            new.resolved = new.resolution.map(|_| by.time());
        }
    }

    fn remember(&mut self, id: u64, items: Vec<Item>, by: &By) {
        if items.is_empty() {
            return;
        }
        let change = Change { id: self.fresh_id(), author: by.user.clone(), at: by.time(), items };
        self.histories.entry(id).or_default().push(change);
    }

    /// Returns the history item of a field's change.
    fn item(&self, field: &Field, before: Option<&Value>, after: Option<&Value>) -> Item {
        let (from, from_text) = self.told(field, before);
        let (to, to_text) = self.told(field, after);
        let custom = field.custom.is_some();
        let name = if custom { field.name.clone() } else { field.id.clone() };
        Item { field: name, field_id: field.id.clone(), custom, from, from_text, to, to_text }
    }

    /// Returns the id and the text of a value, as the history stores them.
    fn told(&self, field: &Field, value: Option<&Value>) -> (Option<String>, Option<String>) {
        let Some(value) = value else {
            // An absent list has an empty text.
            let list = field.kind.is_list().then(String::new);
            return (list.clone(), list);
        };
        let list = || value.as_array().map(Vec::as_slice).unwrap_or_default();
        let choice =
            |id: &Value| id.as_u64().and_then(|id| field.choice(id)).map_or("", |one| one.value.as_str());
        match field.kind {
            Kind::Textarea => (None, Some(adf::plain(value))),
            Kind::Labels => {
                let labels: Vec<&str> = list().iter().filter_map(Value::as_str).collect();
                (Some(String::new()), Some(labels.join(" ")))
            }
            Kind::User => {
                let id = value.as_str().unwrap_or_default();
                (Some(id.to_owned()), Some(self.user_name(id).to_owned()))
            }
            Kind::MultiUser => {
                let ids: Vec<&str> = list().iter().filter_map(Value::as_str).collect();
                let names: Vec<&str> = ids.iter().map(|id| self.user_name(id)).collect();
                (Some(ids.join(", ")), Some(names.join(", ")))
            }
            Kind::Select | Kind::Radio => (Some(value.to_string()), Some(choice(value).to_owned())),
            Kind::MultiSelect | Kind::Checkboxes | Kind::Cascading => {
                let names: Vec<&str> = list().iter().map(choice).collect();
                (Some(value.to_string()), Some(names.join(",")))
            }
            Kind::Priority => {
                let name = self.priority(&value.to_string()).map(|known| known.name.clone());
                (Some(value.to_string()), name)
            }
            Kind::Date => {
                (value.as_str().map(str::to_owned), value.as_str().map(|day| format!("{day} 00:00:00.0")))
            }
            Kind::Datetime => {
                let text = super::time::stamp(value.as_i64().unwrap_or(0), chrono_tz::Tz::UTC);
                (Some(text.clone()), Some(text))
            }
            _ => (None, Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))),
        }
    }

    /// Moves an issue to another project. Its former key then leads to the new one.
    pub(crate) fn move_to(&mut self, id: u64, project: u64, by: &By) -> bool {
        let Some(old) = self.issues.get(&id).cloned() else { return false };
        let type_name = self.types.get(&old.issue_type).map_or(String::new(), |known| known.name.clone());
        let Some(target) = self.projects.get(&project) else { return false };
        let same = self.type_of(target, &type_name).map(|known| known.id);
        let Some(issue_type) = same.or_else(|| target.types.first().copied()) else { return false };
        let Some(workflow) = self.workflow(project, issue_type) else { return false };
        let named = |id: &&u64| self.status_name(**id) == self.status_name(old.status);
        let status = workflow.statuses.iter().find(named).copied().unwrap_or(workflow.initial);
        let mut new = Issue { project, issue_type, status, updated: by.time(), ..Issue::clone(&old) };
        new.values.retain(|field, _| self.fields.get(field).is_some_and(|field| field.applies(project)));
        let former = self.key(&old);
        if let Some(target) = self.projects.get_mut(&project) {
            target.last_number += 1;
            new.number = target.last_number;
        }
        let names = |state: &State, id: u64| state.projects.get(&id).map(|project| project.name.clone());
        let mut items = vec![
            system(
                "project",
                (Some(old.project), names(self, old.project)),
                (Some(project), names(self, project)),
            ),
            Item {
                field: "Key".to_owned(),
                ..system("issuekey", (None, Some(former)), (None, Some(self.key(&new))))
            },
        ];
        if status != old.status {
            let name = |id: u64| Some(self.status_name(id).to_owned());
            items.push(system("status", (Some(old.status), name(old.status)), (Some(status), name(status))));
        }
        self.numbers.insert((project, new.number), id);
        self.issues.insert(id, Arc::new(new));
        self.remember(id, items, by);
        self.index_later(id, by.now, by.lag);
        true
    }

    /// Deletes an issue with its subtasks. Its number is never reused.
    pub(crate) fn delete(&mut self, id: u64) {
        let Some(issue) = self.issues.remove(&id) else { return };
        self.count_labels(labels(&issue).iter().map(String::as_str), false);
        self.numbers.remove(&(issue.project, issue.number));
        self.histories.remove(&id);
        self.index.remove(id);
        if let Some(children) = issue.parent.and_then(|parent| self.children.get_mut(&parent)) {
            children.remove(&id);
        }
        for child in self.children.remove(&id).into_iter().flatten() {
            if self.is_subtask(child) {
                self.delete(child);
            } else if let Some(child) = self.issues.get_mut(&child) {
                Arc::make_mut(child).parent = None;
            }
        }
    }

    pub(crate) fn is_subtask(&self, id: u64) -> bool {
        let issue_type = self.issues.get(&id).map(|issue| issue.issue_type);
        issue_type.and_then(|id| self.types.get(&id)).is_some_and(|known| known.level < 0)
    }
}

fn labels(issue: &Issue) -> Vec<String> {
    let labels = issue.values.get("labels").and_then(Value::as_array);
    labels.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

type Told = (Option<u64>, Option<String>);

/// Returns the change of a system field.
fn system(field: &str, (from, from_text): Told, (to, to_text): Told) -> Item {
    Item {
        field: field.to_owned(),
        field_id: field.to_owned(),
        custom: false,
        from: from.map(|id| id.to_string()),
        from_text,
        to: to.map(|id| id.to_string()),
        to_text,
    }
}
