//! Renders issues as JSON of the API.

use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{
    kind::Kind,
    state::State,
    time::stamp,
    types::{Change, Choice, Field, Issue},
};

/// Renders records for a viewer.
#[derive(Clone, Copy)]
pub(crate) struct Render<'a> {
    pub(crate) state: &'a State,
    /// The URL before `/rest`.
    pub(crate) base: &'a str,
    pub(crate) viewer: Option<&'a str>,
    pub(crate) zone: Tz,
}

/// The requested fields of issues.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    all: bool,
    names: Vec<String>,
    without: Vec<String>,
    /// Keys of properties.
    pub(crate) properties: Vec<String>,
    /// Parts such as `names` and `changelog`.
    pub(crate) expand: Vec<String>,
}

impl Wanted {
    /// Parses a list such as `summary`, `*all`, `-description`; `usual` replaces an empty one.
    pub(crate) fn new(fields: &[String], usual: &str) -> Wanted {
        let mut wanted = Wanted::default();
        let none = fields.iter().all(|name| name.is_empty());
        for name in
            fields.iter().map(String::as_str).chain(none.then_some(usual)).filter(|name| !name.is_empty())
        {
            match name {
                "*all" | "*navigable" => wanted.all = true,
                name => match name.strip_prefix('-') {
                    Some(name) => wanted.without.push(name.to_owned()),
                    None => wanted.names.push(name.to_owned()),
                },
            }
        }
        // A list with only exclusions starts from all fields.
        wanted.all |= wanted.names.is_empty() && !wanted.without.is_empty();
        wanted
    }

    /// True if only the id, or the id and the key, is requested.
    pub(crate) fn ids_only(&self) -> bool {
        let ids = self.names.iter().all(|name| ["id", "key", "issuekey"].contains(&name.as_str()));
        !self.all && ids && self.properties.is_empty() && self.expand.is_empty()
    }

    fn key_too(&self) -> bool {
        self.names.iter().any(|name| name != "id")
    }

    pub(crate) fn expands(&self, part: &str) -> bool {
        self.expand.iter().any(|wanted| wanted == part || wanted.starts_with(&format!("{part}.")))
    }
}

const EXPAND: &str = "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations";

impl Render<'_> {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/rest/api/3/{path}", self.base)
    }

    /// Returns an issue with the wanted fields.
    pub(crate) fn issue(&self, issue: &Issue, wanted: &Wanted) -> Value {
        let id = issue.id.to_string();
        if wanted.ids_only() && !wanted.key_too() {
            return json!({ "id": id });
        }
        let mut shown = Map::new();
        shown.insert("expand".to_owned(), json!(EXPAND));
        shown.insert("self".to_owned(), json!(self.url(&format!("issue/{id}"))));
        shown.insert("id".to_owned(), json!(id));
        shown.insert("key".to_owned(), json!(self.state.key(issue)));
        if !wanted.ids_only() {
            let fields = self.chosen(issue, wanted);
            let named = |show: &dyn Fn(&Field) -> Value| {
                let field = |id: &String| Some((id.clone(), show(self.state.fields.get(id)?)));
                fields.keys().filter_map(field).collect::<Map<_, _>>()
            };
            if wanted.expands("names") {
                shown.insert("names".to_owned(), Value::Object(named(&|field| json!(field.name))));
            }
            if wanted.expands("schema") {
                shown.insert("schema".to_owned(), Value::Object(named(&Field::schema)));
            }
            shown.insert("fields".to_owned(), Value::Object(fields));
        }
        if wanted.expands("changelog") {
            let history = self.state.histories.get(&issue.id).map(Vec::as_slice).unwrap_or_default();
            let entries: Vec<Value> = history.iter().rev().map(|change| self.change(change)).collect();
            let total = entries.len();
            let page = json!({ "startAt": 0, "maxResults": total, "total": total, "histories": entries });
            shown.insert("changelog".to_owned(), page);
        }
        if !wanted.properties.is_empty() {
            let all = wanted.properties.iter().any(|key| key == "*all");
            let kept = issue.properties.iter().filter(|(key, _)| all || wanted.properties.contains(key));
            let kept = kept.map(|(key, value)| (key.clone(), value.clone()));
            shown.insert("properties".to_owned(), Value::Object(kept.collect()));
        }
        Value::Object(shown)
    }

    fn chosen(&self, issue: &Issue, wanted: &Wanted) -> Map<String, Value> {
        let mut fields = Map::new();
        if wanted.all {
            for field in self.state.fields_of(issue.project) {
                if !wanted.without.contains(&field.id) {
                    fields.insert(field.id.clone(), self.field(issue, field));
                }
            }
        }
        for name in &wanted.names {
            let field = self.state.fields.get(name).filter(|field| field.applies(issue.project));
            if let Some(field) = field.filter(|field| !wanted.without.contains(&field.id)) {
                fields.insert(field.id.clone(), self.field(issue, field));
            }
        }
        fields
    }

    /// Returns the value of one field.
    pub(crate) fn field(&self, issue: &Issue, field: &Field) -> Value {
        let time = |millis: Option<i64>| millis.map_or(Value::Null, |millis| json!(stamp(millis, self.zone)));
        match (field.kind, field.id.as_str()) {
            (_, "created") => time(Some(issue.created)),
            (_, "updated") => time(Some(issue.updated)),
            (_, "resolutiondate") => time(issue.resolved),
            (_, "creator") => self.user_or_null(issue.creator.as_deref()),
            (Kind::Status, _) => self.status(issue.status),
            (Kind::IssueType, _) => self.issue_type(issue.issue_type),
            (Kind::Project, _) => self
                .state
                .projects
                .get(&issue.project)
                .map_or(Value::Null, |project| self.project_link(project)),
            (Kind::Resolution, _) => {
                self.state.resolution_of(issue).map_or(Value::Null, |resolution| self.resolution(resolution))
            }
            (Kind::Parent, _) => {
                let parent = issue.parent.and_then(|id| self.state.issues.get(&id));
                parent.map_or(Value::Null, |parent| self.link(parent))
            }
            (Kind::Subtasks, _) => {
                let children = self.state.children.get(&issue.id).into_iter().flatten();
                let subtasks = children.filter(|id| self.state.is_subtask(**id));
                subtasks.filter_map(|id| self.state.issues.get(id)).map(|child| self.link(child)).collect()
            }
            (Kind::Labels, _) => issue.values.get(&field.id).cloned().unwrap_or_else(|| {
                // Empty system labels are an empty list; an empty custom field of labels is null.
                if field.custom.is_none() { json!([]) } else { Value::Null }
            }),
            _ => issue.values.get(&field.id).map_or(Value::Null, |value| self.stored(field, value)),
        }
    }

    /// Renders a stored value.
    fn stored(&self, field: &Field, value: &Value) -> Value {
        let list = || value.as_array().map(Vec::as_slice).unwrap_or_default();
        let choice = |id: &Value| {
            let found = id.as_u64().and_then(|id| field.choice(id));
            found.map_or(Value::Null, |choice| self.choice(choice))
        };
        match field.kind {
            Kind::Select | Kind::Radio => choice(value),
            Kind::MultiSelect | Kind::Checkboxes => list().iter().map(choice).collect(),
            Kind::Cascading => {
                let mut shown = list().first().map_or(Value::Null, choice);
                if let Some(child) = list().get(1) {
                    shown["child"] = choice(child);
                }
                shown
            }
            Kind::User => self.user_or_null(value.as_str()),
            Kind::MultiUser => list().iter().map(|id| self.user_or_null(id.as_str())).collect(),
            Kind::Datetime => json!(stamp(value.as_i64().unwrap_or(0), self.zone)),
            Kind::Priority => {
                let known = self.state.priorities.iter().find(|known| Some(known.id) == value.as_u64());
                known.map_or(Value::Null, |known| self.priority(known))
            }
            _ => value.clone(),
        }
    }

    /// Renders an option.
    pub(crate) fn choice(&self, choice: &Choice) -> Value {
        json!({
            "self": self.url(&format!("customFieldOption/{}", choice.id)),
            "value": choice.value,
            "id": choice.id.to_string(),
        })
    }

    /// Renders an issue as another one's parent or subtask.
    fn link(&self, issue: &Issue) -> Value {
        let priority = issue.values.get("priority").and_then(Value::as_u64);
        let priority = self.state.priorities.iter().find(|known| Some(known.id) == priority);
        json!({
            "id": issue.id.to_string(),
            "key": self.state.key(issue),
            "self": self.url(&format!("issue/{}", issue.id)),
            "fields": {
                "summary": issue.text("summary"),
                "status": self.status(issue.status),
                "priority": priority.map(|priority| self.priority(priority)),
                "issuetype": self.issue_type(issue.issue_type),
            },
        })
    }

    /// Renders an entry of the history.
    pub(crate) fn change(&self, change: &Change) -> Value {
        let items: Vec<Value> = change
            .items
            .iter()
            .map(|item| {
                let mut shown = json!({
                    "field": item.field,
                    "fieldtype": if item.custom { "custom" } else { "jira" },
                    "from": item.from,
                    "fromString": item.from_text,
                    "to": item.to,
                    "toString": item.to_text,
                });
                if let Some(keys) = shown.as_object_mut().filter(|_| !self.state.behaviour.changelog_nulls) {
                    keys.retain(|_, value| !value.is_null());
                }
                if item.field != "Key" {
                    shown["fieldId"] = json!(item.field_id);
                }
                shown
            })
            .collect();
        let mut shown =
            json!({ "id": change.id.to_string(), "created": stamp(change.at, self.zone), "items": items });
        if let Some(author) = &change.author {
            shown["author"] = self.user_or_null(Some(author));
        }
        shown
    }
}
