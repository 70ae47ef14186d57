//! Filters. Their times are already in milliseconds.

use serde_json::{Map, Value};

use super::{super::id::Id, View, node::Item};

/// The value that a filter compares.
enum Got {
    Null,
    Text(String),
    Number(f64),
    Flag(bool),
    One(Item),
    Many(Vec<Item>),
}

impl Got {
    fn text(text: &str) -> Got {
        Got::Text(text.to_owned())
    }

    fn time(millis: Option<i64>) -> Got {
        millis.map_or(Got::Null, |millis| Got::Number(millis as f64))
    }

    fn link(id: Option<Id>, item: impl Fn(Id) -> Item) -> Got {
        id.map_or(Got::Null, |id| Got::One(item(id)))
    }
}

impl View<'_> {
    /// True if a record passes a filter.
    pub(super) fn matches(&self, item: Item, filter: &Map<String, Value>) -> bool {
        filter.iter().all(|(key, wanted)| match (key.as_str(), wanted) {
            (_, Value::Null) => true,
            ("and", Value::Array(all)) => {
                all.iter().filter_map(Value::as_object).all(|one| self.matches(item, one))
            }
            ("or", Value::Array(any)) => {
                any.iter().filter_map(Value::as_object).any(|one| self.matches(item, one))
            }
            // The record exists.
            ("null", wanted) => *wanted == Value::Bool(false),
            (key, Value::Object(wanted)) => self.passes(item, key, &self.got(item, key), wanted),
            _ => true,
        })
    }

    fn passes(&self, item: Item, key: &str, got: &Got, wanted: &Map<String, Value>) -> bool {
        match got {
            Got::One(one) => self.matches(*one, wanted),
            Got::Many(many) => self.some(many, wanted),
            Got::Null => wanted.get("null") == Some(&Value::Bool(true)),
            _ if key == "id" && self.names(item, wanted) => true,
            scalar => wanted.iter().all(|(operator, value)| match (operator.as_str(), value) {
                (_, Value::Null) => true,
                ("null", value) => *value == Value::Bool(false),
                ("and", Value::Array(all)) => {
                    all.iter().filter_map(Value::as_object).all(|one| self.passes(item, key, got, one))
                }
                ("or", Value::Array(any)) => {
                    any.iter().filter_map(Value::as_object).any(|one| self.passes(item, key, got, one))
                }
                (operator, value) => compare(scalar, operator, value),
            }),
        }
    }

    /// True if a comparator of ids names an issue by its identifier.
    fn names(&self, item: Item, wanted: &Map<String, Value>) -> bool {
        let Item::Issue(id) = item else { return false };
        let is = |value: &Value| value.as_str().and_then(|name| self.state.issue_id(name)) == Some(id);
        wanted.get("eq").is_some_and(is)
            || wanted.get("in").and_then(Value::as_array).is_some_and(|list| list.iter().any(is))
    }

    /// Evaluates a filter of a collection: `some`, `every`, `length`, or the fields of one of its items.
    fn some(&self, many: &[Item], wanted: &Map<String, Value>) -> bool {
        let mut of_one = Map::new();
        for (key, value) in wanted {
            let object = value.as_object();
            let fits = match (key.as_str(), object) {
                (_, None) if value.is_null() => true,
                ("null", _) => *value == Value::Bool(many.is_empty()),
                ("some", Some(filter)) => many.iter().any(|item| self.matches(*item, filter)),
                ("every", Some(filter)) => many.iter().all(|item| self.matches(*item, filter)),
                ("length", Some(filter)) => filter
                    .iter()
                    .all(|(operator, value)| compare(&Got::Number(many.len() as f64), operator, value)),
                ("and", _) => value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_object)
                    .all(|one| self.some(many, one)),
                ("or", _) => value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_object)
                    .any(|one| self.some(many, one)),
                _ => {
                    of_one.insert(key.clone(), value.clone());
                    true
                }
            };
            if !fits {
                return false;
            }
        }
        of_one.is_empty() || many.iter().any(|item| self.matches(*item, &of_one))
    }

    fn got(&self, item: Item, key: &str) -> Got {
        let state = self.state;
        match (item, key) {
            (_, "id") => Got::text(&item.id().to_string()),
            (_, "createdAt") => Got::time(Some(self.time(item, false))),
            (_, "updatedAt") => Got::time(Some(self.time(item, true))),
            (Item::Issue(id), _) => self.of_issue(id, key),
            (Item::Team(id), _) => state.teams.get(&id).map_or(Got::Null, |team| match key {
                "key" => Got::text(&team.key),
                "name" => Got::text(&team.name),
                "private" => Got::Flag(team.private),
                "visibility" => Got::text(team.visibility()),
                "members" => Got::Many(team.members.iter().copied().map(Item::User).collect()),
                _ => Got::Null,
            }),
            (Item::State(id), _) => state.states.get(&id).map_or(Got::Null, |found| match key {
                "name" => Got::text(&found.name),
                "type" => Got::text(found.kind.name()),
                "position" => Got::Number(found.position),
                "team" => Got::One(Item::Team(found.team)),
                _ => Got::Null,
            }),
            (Item::User(id), _) => state.users.get(&id).map_or(Got::Null, |user| match key {
                "name" => Got::text(&user.name),
                "displayName" => Got::text(&user.display_name),
                "email" => Got::text(&user.email),
                "active" => Got::Flag(user.active),
                "admin" => Got::Flag(user.admin),
                "app" => Got::Flag(user.app),
                "isMe" => Got::Flag(user.id == self.viewer.user),
                _ => Got::Null,
            }),
            (Item::Label(id), _) => state.labels.get(&id).map_or(Got::Null, |label| match key {
                "name" => Got::text(&label.name),
                "isGroup" => Got::Flag(label.group),
                "creator" => Got::link(label.creator, Item::User),
                "team" => Got::link(label.team, Item::Team),
                "parent" => Got::link(label.parent, Item::Label),
                _ => Got::Null,
            }),
            (Item::Project(id), _) => state.projects.get(&id).map_or(Got::Null, |project| match key {
                "name" => Got::text(&project.name),
                "slugId" => Got::text(&format!("{:08x}", project.id.low())),
                _ => Got::Null,
            }),
            (Item::Attachment(id), _) => state.attachments.get(&id).map_or(Got::Null, |found| match key {
                "title" => Got::text(&found.title),
                "subtitle" => found.subtitle.as_deref().map_or(Got::Null, Got::text),
                "url" => Got::text(&found.url),
                "creator" => Got::link(found.creator, Item::User),
                _ => Got::Null,
            }),
            (Item::Organization, _) => Got::Null,
        }
    }

    fn of_issue(&self, id: Id, key: &str) -> Got {
        let Some(issue) = self.state.issues.get(&id) else { return Got::Null };
        let content = &issue.content;
        match key {
            "number" => Got::Number(issue.number as f64),
            "title" => Got::text(&content.title),
            "description" => content.description.as_deref().map_or(Got::Null, Got::text),
            "priority" => Got::Number(content.priority as f64),
            "estimate" => content.estimate.map_or(Got::Null, |estimate| Got::Number(estimate as f64)),
            "dueDate" => content.due.as_deref().map_or(Got::Null, Got::text),
            "archivedAt" => Got::time(issue.archived),
            "autoArchivedAt" => Got::time(issue.archived.filter(|_| issue.auto_archived)),
            "startedAt" => Got::time(issue.started),
            "completedAt" => Got::time(issue.completed),
            "canceledAt" => Got::time(issue.canceled),
            "triagedAt" => Got::time(issue.triaged),
            "snoozedUntilAt" => Got::time(content.snoozed),
            "team" => Got::One(Item::Team(issue.team)),
            "state" => Got::One(Item::State(content.state)),
            "assignee" => Got::link(content.assignee, Item::User),
            "delegate" => Got::link(content.delegate, Item::User),
            "creator" => Got::link(issue.creator, Item::User),
            "parent" => Got::link(content.parent, Item::Issue),
            "project" => Got::link(content.project, Item::Project),
            "labels" => Got::Many(content.labels.iter().copied().map(Item::Label).collect()),
            "children" => Got::Many(issue.children.iter().copied().map(Item::Issue).collect()),
            "attachments" => Got::Many(issue.attachments.iter().copied().map(Item::Attachment).collect()),
            "subscribers" => Got::Many(issue.quiet.subscribers.iter().copied().map(Item::User).collect()),
            _ => Got::Null,
        }
    }
}

/// Compares a value by an operator.
fn compare(got: &Got, operator: &str, wanted: &Value) -> bool {
    if let ("in" | "nin", Value::Array(list)) = (operator, wanted) {
        return list.iter().any(|one| compare(got, "eq", one)) == (operator == "in");
    }
    match got {
        Got::Text(text) => wanted.as_str().is_some_and(|wanted| compare_texts(text, operator, wanted)),
        Got::Number(number) => wanted.as_f64().is_some_and(|wanted| {
            let ordering = number.partial_cmp(&wanted);
            by_order(ordering, operator)
        }),
        Got::Flag(flag) => wanted.as_bool().is_some_and(|wanted| (*flag == wanted) == (operator == "eq")),
        Got::Null | Got::One(_) | Got::Many(_) => false,
    }
}

fn by_order(ordering: Option<std::cmp::Ordering>, operator: &str) -> bool {
    ordering.is_some_and(|ordering| match operator {
        "eq" => ordering.is_eq(),
        "neq" => ordering.is_ne(),
        "gt" => ordering.is_gt(),
        "gte" => ordering.is_ge(),
        "lt" => ordering.is_lt(),
        "lte" => ordering.is_le(),
        _ => false,
    })
}

fn compare_texts(text: &str, operator: &str, wanted: &str) -> bool {
    let (small, wanted_small) = (|| text.to_lowercase(), || wanted.to_lowercase());
    match operator {
        "contains" => text.contains(wanted),
        "notContains" => !text.contains(wanted),
        "containsIgnoreCase" => small().contains(&wanted_small()),
        "notContainsIgnoreCase" => !small().contains(&wanted_small()),
        "startsWith" => text.starts_with(wanted),
        "notStartsWith" => !text.starts_with(wanted),
        "startsWithIgnoreCase" => small().starts_with(&wanted_small()),
        "endsWith" => text.ends_with(wanted),
        "notEndsWith" => !text.ends_with(wanted),
        "eqIgnoreCase" => small() == wanted_small(),
        "neqIgnoreCase" => small() != wanted_small(),
        operator => by_order(Some(text.cmp(wanted)), operator),
    }
}
