//! Controls of issues: actions of a person in the browser.

use serde_json::{Map, Value, json};

use super::{
    super::{
        change::{By, Change},
        id::Id,
        scalars,
        state::State,
        types::Attachment,
    },
    Done, read, show,
    teams::state_of,
    user,
};
use crate::http::{Call, Reply};

/// Returns the issues of a team, in the order of their numbers.
pub(super) fn list(state: &State, team: Id) -> Done {
    let mut issues: Vec<_> = state.issues.values().filter(|issue| issue.team == team).collect();
    issues.sort_by_key(|issue| issue.number);
    let shown: Vec<Value> = issues.into_iter().map(|issue| show::issue(state, issue)).collect();
    Ok(Reply::json(200, &shown))
}

fn shown(state: &State, status: u16, id: Id) -> Done {
    let issue = state.issues.get(&id).ok_or_else(|| Reply::refused(404, "there is no such issue"))?;
    Ok(Reply::json(status, &show::issue(state, issue)))
}

/// `POST`: the keys of a change, and `id`, `created_at`.
pub(super) fn create(state: &mut State, call: &Call, team: Id, now: i64) -> Done {
    let mut keys: Map<String, Value> = read(call)?;
    let created = time(&keys.remove("created_at").unwrap_or_default())?;
    let id = match keys.remove("id").as_ref().and_then(Value::as_str) {
        Some(text) => Id::parse(text).ok_or_else(|| Reply::refused(422, "`id` is a UUID"))?,
        None => state.fresh_id(),
    };
    if state.issues.contains_key(&id) {
        return Err(Reply::refused(409, format!("there is an issue {id} already")));
    }
    let (change, by, rest) = change(state, team, keys, now)?;
    state
        .create_issue(id, team, change, created.unwrap_or(now), &by)
        .ok_or_else(|| Reply::refused(422, "the team has no states"))?;
    finish(state, id, &rest);
    shown(state, 201, id)
}

/// Handles one issue: `GET`, `PATCH`, `DELETE`, and its further routes.
pub(super) fn one(state: &mut State, call: &Call, route: (&str, &[&str]), name: &str, now: i64) -> Done {
    let id = state.issue_id(name).ok_or_else(|| Reply::refused(404, format!("there is no issue {name}")))?;
    let team = state.issues[&id].team;
    match route {
        ("GET", []) => shown(state, 200, id),
        ("PATCH", []) => {
            let (change, by, rest) = change(state, team, read(call)?, now)?;
            state.edit_issue(id, change, &by);
            finish(state, id, &rest);
            shown(state, 200, id)
        }
        ("DELETE", []) => {
            state.erase(id);
            Ok(Reply::empty(204))
        }
        ("POST", ["move"]) => {
            let keys: Map<String, Value> = read(call)?;
            let team = super::team(state, keys.get("team").and_then(Value::as_str).unwrap_or_default())?;
            let change = Change { team: Some(team), ..Change::default() };
            state.edit_issue(id, change, &By { user: None, now, as_user: None });
            shown(state, 200, id)
        }
        ("POST", ["archive"]) => {
            let keys: Map<String, Value> = read(call)?;
            let is = |key: &str| keys.get(key) == Some(&Value::Bool(true));
            state.archive(id, true, is("trash"), is("auto"), now);
            shown(state, 200, id)
        }
        ("POST", ["unarchive"]) => {
            state.archive(id, false, false, false, now);
            shown(state, 200, id)
        }
        ("POST", ["hide"]) => hide(state, id, true),
        ("POST", ["show"]) => hide(state, id, false),
        ("POST", ["attachments"]) => attach(state, call, id, now),
        _ => Err(super::unknown()),
    }
}

/// Hides an issue from all users, as after a loss of access, or shows it again.
fn hide(state: &mut State, id: Id, hidden: bool) -> Done {
    if let Some(issue) = state.issues.get_mut(&id) {
        issue.hidden = hidden;
    }
    shown(state, 200, id)
}

fn attach(state: &mut State, call: &Call, issue: Id, now: i64) -> Done {
    let keys: Map<String, Value> = read(call)?;
    let text = |name: &str| keys.get(name).and_then(Value::as_str);
    let url = text("url").ok_or_else(|| Reply::refused(422, "an attachment has a `url`"))?.to_owned();
    let id = state.fresh_id();
    let attachment = Attachment {
        id,
        issue,
        title: text("title").unwrap_or(&url).to_owned(),
        subtitle: text("subtitle").map(str::to_owned),
        url,
        metadata: keys.get("metadata").cloned().unwrap_or_else(|| json!({})),
        group_by_source: false,
        creator: None,
        created: now,
        updated: now,
    };
    state.put_attachment(attachment, now);
    Ok(Reply::json(201, &json!({ "id": id.to_string() })))
}

fn time(value: &Value) -> Result<Option<i64>, Reply> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if scalars::millis(text).is_some() => Ok(scalars::millis(text)),
        other => Err(Reply::refused(422, format!("{other} is no time"))),
    }
}

/// Values that are set after a change: its time, and a description that is stored unchanged.
#[derive(Default)]
struct Rest {
    updated: Option<i64>,
    raw: Option<Option<String>>,
}

fn finish(state: &mut State, id: Id, rest: &Rest) {
    if let Some(issue) = state.issues.get_mut(&id)
        && let Some(raw) = &rest.raw
    {
        issue.content.description.clone_from(raw);
    }
    if let Some(updated) = rest.updated {
        state.set_updated(id, updated);
    }
}

/// Reads a change: `as` (a user, or null for no author), `title`, `description`, `raw_description`, `state`,
/// `priority`, `estimate`, `due_date`, `assignee`, `delegate`, `labels`, `parent`, `project`, `updated_at`. Names stand
/// for ids.
fn change(
    state: &mut State,
    team: Id,
    mut keys: Map<String, Value>,
    now: i64,
) -> Result<(Change, By, Rest), Reply> {
    let first = state.teams.get(&team).and_then(|team| team.members.first().copied());
    let mut by = By { user: first, now, as_user: None };
    let (mut change, mut rest) = (Change::default(), Rest::default());
    if keys.remove("raw_description") == Some(Value::Bool(true)) {
        rest.raw = keys.get("description").map(|text| text.as_str().map(str::to_owned));
    }
    for (key, value) in keys {
        let wrong = || Reply::refused(422, format!("`{key}` cannot be {value}"));
        let text = || value.as_str().map(str::to_owned).ok_or_else(wrong);
        let person = || if value.is_null() { Ok(None) } else { user(state, &text()?).map(Some) };
        match key.as_str() {
            "as" => by.user = person()?,
            "as_user" => by.as_user = Some(text()?),
            "updated_at" => rest.updated = time(&value)?,
            "title" => change.title = Some(text()?),
            "description" => change.description = Some(value.as_str().map(str::to_owned)),
            "state" => change.state = Some(state_of(state, team, &text()?)?),
            "priority" => change.priority = Some(value.as_i64().ok_or_else(wrong)?),
            "estimate" => change.estimate = Some(value.as_i64()),
            "due_date" => change.due = Some(value.as_str().map(str::to_owned)),
            "assignee" => change.assignee = Some(person()?),
            "delegate" => change.delegate = Some(person()?),
            "parent" if value.is_null() => change.parent = Some(None),
            "parent" => change.parent = Some(Some(state.issue_id(&text()?).ok_or_else(wrong)?)),
            "project" => {
                let found =
                    state.projects.values().find(|project| Some(project.name.as_str()) == value.as_str());
                change.project = Some(found.map(|project| project.id));
            }
            "labels" => {
                let names = value.as_array().ok_or_else(wrong)?.iter().filter_map(Value::as_str);
                let names: Vec<String> = names.map(str::to_owned).collect();
                change.labels = Some(names.iter().map(|name| label(state, team, name, now)).collect());
            }
            "sort_order" => change.sort = value.as_f64(),
            _ => return Err(Reply::refused(422, format!("an issue has no `{key}`"))),
        }
    }
    Ok((change, by, rest))
}

/// Returns the label with this name, and creates it if it is missing.
pub(crate) fn label(state: &mut State, team: Id, name: &str, now: i64) -> Id {
    let of_team = |of: Option<Id>| of.is_none_or(|of| of == team);
    let found = state
        .labels
        .values()
        .find(|one| of_team(one.team) && !one.group && one.name.eq_ignore_ascii_case(name));
    match found.map(|one| one.id) {
        Some(id) => id,
        None => state.add_label(name, Some(team), None, false, "#bec2c8", now),
    }
}
