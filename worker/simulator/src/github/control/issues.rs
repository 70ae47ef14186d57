//! Controls of issues: actions of a person in the browser.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    super::{
        change::{By, Change, Wanted},
        render::Render,
        state::State,
        types::{Reason, Repo},
        version::Version,
    },
    Done, account, read,
};
use crate::{
    clock,
    http::{Call, Reply},
};

type At = (u64, u64);

/// Returns the issues of a repository as the API shows them, by number.
pub(super) fn list(state: &State, repo: u64) -> Done {
    let repo = &state.repos[&repo];
    let render = render(state);
    let issues: Vec<Value> = repo.issues.values().map(|issue| render.issue(repo, issue)).collect();
    Ok(Reply::json(200, &issues))
}

fn render(state: &State) -> Render<'_> {
    Render { state, version: Version::V2022, root: &state.root }
}

/// `POST`: the keys of a change, and `pull_request`, `created_at`.
pub(super) fn create(state: &mut State, call: &Call, repo: u64, now: i64) -> Done {
    let mut keys: Map<String, Value> = read(call)?;
    let pull_request = keys.remove("pull_request").is_some_and(|value| value == Value::Bool(true));
    let created = time(&keys.remove("created_at").unwrap_or_default())?;
    let (change, by) = change(state, repo, keys, now)?;
    let first = By { at: created.or(by.at), ..by };
    let number = state.create_issue(repo, change, pull_request, first);
    if let Some(updated) = by.at {
        state.set_updated((repo, number), updated);
    }
    shown(state, 201, (repo, number))
}

/// Handles one issue: `GET`, `PATCH`, `DELETE`, and `POST .../transfer`.
pub(super) fn one(state: &mut State, call: &Call, route: (&str, &[&str]), at: At, now: i64) -> Done {
    let there = state.repos.get(&at.0).is_some_and(|repo| repo.issues.contains_key(&at.1));
    if !there {
        return Err(Reply::refused(404, "there is no such issue"));
    }
    match route {
        ("GET", []) => shown(state, 200, at),
        ("PATCH", []) => {
            let (change, by) = change(state, at.0, read(call)?, now)?;
            state.edit_issue(at.0, at.1, change, by);
            shown(state, 200, at)
        }
        ("DELETE", []) => {
            let account = owner_or_admin(&state.repos[&at.0]);
            state.delete_issue(at.0, at.1, By { account, now, at: None });
            Ok(Reply::empty(204))
        }
        ("POST", ["transfer"]) => transfer(state, call, at, now),
        _ => Err(super::unknown()),
    }
}

fn shown(state: &State, status: u16, at: At) -> Done {
    let repo = &state.repos[&at.0];
    let issue = repo.issues.get(&at.1).ok_or_else(|| Reply::refused(404, "there is no such issue"))?;
    Ok(Reply::json(status, &render(state).issue(repo, issue)))
}

/// Transfers an issue: `{"to": "owner/name", "create_labels": true, "empty_reads": 1}`.
fn transfer(state: &mut State, call: &Call, at: At, now: i64) -> Done {
    let keys: Map<String, Value> = read(call)?;
    let to = keys.get("to").and_then(Value::as_str).unwrap_or_default();
    let (owner, name) = to.split_once('/').unwrap_or((to, ""));
    let to = super::named(state, owner, name)?;
    let make = keys.get("create_labels") == Some(&Value::Bool(true));
    let account = owner_or_admin(&state.repos[&at.0]);
    let number = state
        .transfer(at, to, make, By { account, now, at: None })
        .map_err(|why| Reply::refused(422, why))?;
    if let Some(reads) = keys.get("empty_reads").and_then(Value::as_u64)
        && let Some(issue) = state.repos[&to].issues.get(&number)
    {
        issue.empty_reads.set(u32::try_from(reads).unwrap_or(u32::MAX));
    }
    shown(state, 200, (to, number))
}

/// Returns the default author of changes: the owner, otherwise the first administrator.
fn owner_or_admin(repo: &Repo) -> Option<u64> {
    let admin = repo.members.iter().max_by_key(|(id, role)| (**role, std::cmp::Reverse(**id)));
    admin.map(|(id, _)| *id).or(Some(repo.owner))
}

fn time(value: &Value) -> Result<Option<i64>, Reply> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if clock::seconds(text).is_some() => Ok(clock::seconds(text)),
        other => Err(Reply::refused(422, format!("{other} is no time"))),
    }
}

/// Reads a change: `as` (a login, or null for no author), `title`, `body`, `state`, `state_reason`, `labels`,
/// `assignees`, `milestone`, `type`, `fields` (by name), `updated_at`. A body gets the line ends of a browser, CRLF,
/// unless `"raw_body": true`.
fn change(state: &mut State, repo: u64, keys: Map<String, Value>, now: i64) -> Result<(Change, By), Reply> {
    let mut change = Change::default();
    let mut by = By { account: owner_or_admin(&state.repos[&repo]), now, at: None };
    let raw = keys.get("raw_body") == Some(&Value::Bool(true));
    for (key, value) in keys {
        let wrong = || Reply::refused(422, format!("`{key}` cannot be {value}"));
        let text = || value.as_str().map(str::to_owned).ok_or_else(wrong);
        let texts = || {
            let list = value.as_array().ok_or_else(wrong)?;
            list.iter()
                .map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect::<Result<Vec<_>, _>>()
        };
        match key.as_str() {
            "as" if value.is_null() => by.account = None,
            "as" => by.account = Some(account(state, &text()?)?),
            "updated_at" => by.at = time(&value)?,
            "raw_body" => {}
            "title" => change.title = Some(text()?.trim().to_owned()),
            "body" if value.is_null() => change.body = Some(None),
            "body" => change.body = Some(Some(if raw { text()? } else { as_of_browser(&text()?) })),
            "state" => change.closed = Some(text()? == "closed"),
            "state_reason" if value.is_null() => {}
            "state_reason" => change.reason = Some(Reason::parse(&text()?).ok_or_else(wrong)?),
            "labels" => change.labels = Some(texts()?.into_iter().map(Wanted::New).collect()),
            "assignees" => {
                change.assignees =
                    Some(texts()?.iter().map(|login| account(state, login)).collect::<Result<_, _>>()?);
            }
            "milestone" => change.milestone = Some(value.as_u64()),
            "type" => change.issue_type = Some(type_id(state, repo, value.as_str())),
            "fields" => change.fields = Some(field_values(state, repo, &value).ok_or_else(wrong)?),
            _ => return Err(Reply::refused(422, format!("an issue has no `{key}`"))),
        }
    }
    Ok((change, by))
}

/// Returns a text with the line ends that browsers send.
pub(crate) fn as_of_browser(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

fn type_id(state: &State, repo: u64, name: Option<&str>) -> Option<u64> {
    let owner = state.accounts.get(&state.repos.get(&repo)?.owner)?;
    owner.types.values().find(|known| Some(known.name.as_str()) == name).map(|known| known.id)
}

fn field_values(state: &State, repo: u64, value: &Value) -> Option<BTreeMap<u64, Value>> {
    let owner = state.accounts.get(&state.repos.get(&repo)?.owner)?;
    let id = |name: &str| owner.fields.values().find(|field| field.name == name).map(|field| field.id);
    value.as_object()?.iter().map(|(name, value)| Some((id(name)?, value.clone()))).collect()
}

impl State {
    /// Sets the time of an issue's last change.
    fn set_updated(&mut self, (repo, number): At, updated: i64) {
        if let Some(repo) = self.repos.get_mut(&repo)
            && let Some(mut issue) = repo.remove(number)
        {
            issue.updated = updated;
            issue.rendered.take();
            repo.insert(issue);
        }
    }
}

/// Returns the numbers without an issue, as the control API shows them.
pub(super) fn gone(repo: &Repo) -> Value {
    repo.gone.iter().map(|(number, gone)| json!({ "number": number, "gone": format!("{gone:?}") })).collect()
}
