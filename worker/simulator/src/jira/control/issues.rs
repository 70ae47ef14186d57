//! Controls of issues: actions of a person in the browser.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::{
        adf,
        change::By,
        input::{Edit, Input, Screen},
        kind::Kind,
        render::{Render, Wanted},
        state::State,
        time,
        types::{Category, Field, Issue},
    },
    Done, read, unknown, user,
};
use crate::http::{Call, Reply};

/// Returns the issues of a project as the API shows them, oldest first.
pub(super) fn list(state: &State, project: u64) -> Done {
    let mut issues: Vec<_> = state.issues.values().filter(|issue| issue.project == project).collect();
    issues.sort_by_key(|issue| issue.id);
    Ok(Reply::json(200, &issues.iter().map(|issue| shown(state, issue)).collect::<Vec<_>>()))
}

/// Returns an issue as the API shows it to a user who sees everything.
pub(super) fn shown(state: &State, issue: &Issue) -> Value {
    let render = Render { state, base: "/jira", viewer: None, zone: chrono_tz::Tz::UTC };
    let mut wanted = Wanted::new(&[], "*all");
    wanted.expand = vec!["changelog".to_owned()];
    wanted.properties = vec!["*all".to_owned()];
    let mut shown = render.issue(issue, &wanted);
    shown["archived"] = json!(issue.archived);
    shown
}

fn reply(state: &State, status: u16, id: u64) -> Done {
    let issue = state.issues.get(&id).ok_or_else(|| Reply::refused(404, "there is no such issue"))?;
    Ok(Reply::json(status, &shown(state, issue)))
}

fn moment(value: &Value) -> Result<Option<i64>, Reply> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if time::parse(text).is_some() => Ok(time::parse(text)),
        other => Err(Reply::refused(422, format!("{other} is no time"))),
    }
}

/// Removes `as`, `updated_at` and `lag_ms` from the keys, and returns the author and the time.
fn by(state: &State, keys: &mut Map<String, Value>, project: u64, now: i64) -> Result<By, Reply> {
    let lead = state.projects.get(&project).map(|project| project.lead.clone());
    let who = match keys.remove("as") {
        None => lead.filter(|lead| !lead.is_empty()),
        Some(Value::Null) => None,
        Some(name) => Some(user(state, name.as_str().unwrap_or_default())?),
    };
    let at = moment(&keys.remove("updated_at").unwrap_or_default())?;
    let lag = keys.remove("lag_ms").and_then(|lag| lag.as_u64());
    Ok(By { user: who, now, at, lag })
}

/// Converts a simple value to the API's form: names of people, options and the like to objects, text to a document.
fn in_full(state: &State, field: &Field, value: &Value) -> Result<Value, Reply> {
    let many = |value: &Value| match value {
        Value::Array(items) => {
            items.iter().map(|item| in_full_one(state, field, item)).collect::<Result<Value, _>>()
        }
        other => Ok(other.clone()),
    };
    match (field.kind, value) {
        (Kind::MultiSelect | Kind::Checkboxes | Kind::MultiUser, value) => many(value),
        (Kind::Cascading, Value::Array(path)) => {
            let mut full = json!({ "value": path.first() });
            if let Some(child) = path.get(1) {
                full["child"] = json!({ "value": child });
            }
            Ok(full)
        }
        (_, value) => in_full_one(state, field, value),
    }
}

fn in_full_one(state: &State, field: &Field, value: &Value) -> Result<Value, Reply> {
    let Value::String(text) = value else { return Ok(value.clone()) };
    Ok(match field.kind {
        Kind::Textarea if text.trim().is_empty() => Value::Null,
        Kind::Textarea => adf::document(text),
        Kind::User | Kind::MultiUser => json!({ "accountId": user(state, text)? }),
        Kind::Select | Kind::Radio | Kind::MultiSelect | Kind::Checkboxes | Kind::Cascading => {
            json!({ "value": text })
        }
        Kind::Priority | Kind::Resolution | Kind::IssueType => json!({ "name": text }),
        Kind::Parent => json!({ "key": text }),
        _ => value.clone(),
    })
}

/// Reads the change of a person: fields by id or name in simple form, `status` by name, `properties`.
pub(crate) fn person_change(
    state: &State,
    mut keys: Map<String, Value>,
    (project, issue_type): (u64, u64),
    current: Option<&Issue>,
) -> Result<Edit, Reply> {
    let status = keys.remove("status");
    let properties = keys.remove("properties");
    let mut fields = Map::new();
    for (name, value) in keys {
        let field =
            state.field(&name).ok_or_else(|| Reply::refused(422, format!("an issue has no `{name}`")))?;
        fields.insert(field.id.clone(), in_full(state, field, &value)?);
    }
    let mut body = Map::from_iter([("fields".to_owned(), Value::Object(fields))]);
    if let Some(Value::Object(properties)) = properties {
        let list = properties.into_iter().map(|(key, value)| json!({ "key": key, "value": value }));
        body.insert("properties".to_owned(), list.collect());
    }
    let home = state.projects.get(&project).ok_or_else(|| Reply::refused(404, "there is no such project"))?;
    let input = Input { state, project: home, issue_type, current, screen: Screen::Free, viewer: None };
    let (mut edit, problems) = input.read(&body);
    if !problems.is_empty() {
        return Err(Reply::refused(422, problems.json().to_string()));
    }
    if let Some(name) = status.as_ref().and_then(Value::as_str) {
        let workflow = state.workflow(project, issue_type);
        let mut statuses = workflow.into_iter().flat_map(|workflow| &workflow.statuses);
        let found =
            statuses.find(|id| state.status_name(**id).eq_ignore_ascii_case(name) || id.to_string() == name);
        let found = found
            .copied()
            .ok_or_else(|| Reply::refused(422, format!("the workflow has no status {name}")))?;
        edit.status = Some(found);
        let open = current.is_none_or(|issue| issue.resolution.is_none());
        if state.category(found) == Category::Done && edit.resolution.is_none() && open {
            edit.resolution = Some(state.resolutions.first().map(|known| known.id));
        }
    }
    Ok(edit)
}

/// `POST`: the keys of a change, and `type`, `created_at`.
pub(super) fn create(state: &mut State, call: &Call, project: u64, now: i64) -> Done {
    let mut keys: Map<String, Value> = read(call)?;
    let by = by(state, &mut keys, project, now)?;
    let created = moment(&keys.remove("created_at").unwrap_or_default())?;
    let home = &state.projects[&project];
    let name = keys.remove("type").and_then(|name| name.as_str().map(str::to_owned));
    let issue_type = match &name {
        Some(name) => state.type_of(home, name).map(|known| known.id),
        None => state.type_of(home, "Task").map(|known| known.id).or_else(|| home.types.first().copied()),
    };
    let issue_type = issue_type.ok_or_else(|| Reply::refused(422, "the project has no such issue type"))?;
    let edit = person_change(state, keys, (project, issue_type), None)?;
    if !edit.values.contains_key("summary") {
        return Err(Reply::refused(422, "an issue needs a `summary`"));
    }
    let updated = by.at;
    let id = state.create(project, issue_type, edit, &By { at: created.or(by.at), ..by.clone() });
    if let Some(issue) = state.issues.get_mut(&id).filter(|_| created.is_some()) {
        let issue = std::sync::Arc::make_mut(issue);
        issue.updated = updated.unwrap_or(issue.created);
        if by.lag == Some(0) || state.behaviour.index_lag_ms == 0 {
            state.index_now(id);
        }
    }
    reply(state, 201, id)
}

/// Handles one issue: `GET`, `PATCH`, `DELETE`, and its further routes.
pub(super) fn one(state: &mut State, call: &Call, route: (&str, &[&str]), id: u64, now: i64) -> Done {
    let Some(issue) = state.issues.get(&id).cloned() else {
        return Err(Reply::refused(404, "there is no such issue"));
    };
    match route {
        ("GET", []) => {}
        ("DELETE", []) => {
            state.delete(id);
            return Ok(Reply::empty(204));
        }
        ("PATCH", []) => {
            let mut keys: Map<String, Value> = read(call)?;
            let by = by(state, &mut keys, issue.project, now)?;
            if let Some(archived) = keys.remove("archived") {
                state.set_archived(id, archived == Value::Bool(true));
            }
            if let Some(users) = keys.remove("visible_to") {
                hide(state, id, &users)?;
            }
            let issue_type = issue.issue_type;
            let edit = person_change(state, keys, (issue.project, issue_type), Some(&issue))?;
            state.edit(id, edit, &by);
        }
        ("POST", ["move"]) => {
            let mut keys: Map<String, Value> = read(call)?;
            let by = by(state, &mut keys, issue.project, now)?;
            let to = keys.get("to").and_then(Value::as_str).unwrap_or_default();
            let to = state.project(to).map(|project| project.id);
            let to = to.ok_or_else(|| Reply::refused(422, "`to` is the key of a project"))?;
            if !state.move_to(id, to, &by) {
                return Err(Reply::refused(422, "the issue cannot be moved there"));
            }
        }
        ("POST", ["index"]) => {
            let index: Indexing = read(call)?;
            match index.hide_ms {
                Some(millis) => state.hide_from_index(id, now, millis),
                None => state.index_now(id),
            }
        }
        _ => return Err(unknown()),
    }
    reply(state, 200, id)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Indexing {
    /// How long searches do not find the issue.
    hide_ms: Option<u64>,
}

/// Makes an issue visible to these people only; null for everyone.
fn hide(state: &mut State, id: u64, users: &Value) -> Result<(), Reply> {
    let listed = users.as_array().map(|names| {
        names.iter().map(|name| user(state, name.as_str().unwrap_or_default())).collect::<Result<_, _>>()
    });
    let listed = listed.transpose()?;
    if let Some(issue) = state.issues.get_mut(&id) {
        std::sync::Arc::make_mut(issue).visible_to = listed;
        state.index_now(id);
    }
    Ok(())
}
