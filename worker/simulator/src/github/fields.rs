//! Issue types and issue fields of organisations.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    body::Body,
    change::Change,
    error::{Answer, Refusal, custom, invalid},
    issues::edited,
    state::{State, node},
    types::{Account, AccountKind, DataType, IssueField, Repo},
    visit::Visit,
};
use crate::{clock::stamp, http::Reply};

/// Returns the organisation of the path, if the viewer has access to it.
fn organization<'s>(state: &'s State, visit: &Visit<'_>) -> Result<&'s Account, Refusal> {
    let owner = state.account(visit.arg(0)).filter(|owner| owner.kind == AccountKind::Organization);
    let owner = owner.ok_or_else(Refusal::not_found)?;
    let seen = state.repos.values().any(|repo| repo.owner == owner.id && visit.viewer.access(repo).is_some());
    if seen && visit.viewer.account.is_some() { Ok(owner) } else { Err(Refusal::not_found()) }
}

/// `GET /orgs/{}/issue-types`.
pub(crate) fn types(state: &mut State, visit: &Visit<'_>) -> Answer {
    let owner = organization(state, visit)?;
    types_of(state, visit, owner)
}

/// `GET /repos/{}/{}/issue-types`.
pub(crate) fn types_of_repo(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _) = visit.repo(state)?;
    let owner = state.accounts.get(&state.repos[&id].owner).ok_or_else(Refusal::not_found)?;
    types_of(state, visit, owner)
}

fn types_of(state: &State, visit: &Visit<'_>, owner: &Account) -> Answer {
    let render = visit.render(state);
    let types: Vec<Value> = owner.types.values().map(|known| render.issue_type(known)).collect();
    Ok(Reply::json(200, &types))
}

/// `GET /orgs/{}/issue-fields`.
pub(crate) fn fields(state: &mut State, visit: &Visit<'_>) -> Answer {
    let owner = organization(state, visit)?;
    let fields: Vec<Value> = owner.fields.values().map(field).collect();
    Ok(Reply::json(200, &fields))
}

fn field(field: &IssueField) -> Value {
    let options = field.options.iter().map(
        |option| json!({ "id": option.id, "name": option.name, "color": option.color, "description": null }),
    );
    let options: Vec<Value> = options.collect();
    json!({
        "id": field.id,
        "node_id": node::id(node::ISSUE_FIELD, field.id),
        "name": field.name,
        "description": null,
        "data_type": field.data_type,
        "visibility": "all",
        "options": if options.is_empty() { Value::Null } else { json!(options) },
        "created_at": stamp(field.created),
        "updated_at": stamp(field.created),
    })
}

/// Reads values of fields as `{field_id, value}`, and adds them to `all`.
pub(crate) fn read(
    state: &State,
    repo: &Repo,
    values: &[Map<String, Value>],
    all: &mut BTreeMap<u64, Value>,
    errors: &mut Vec<Value>,
) {
    let Some(owner) = state.accounts.get(&repo.owner) else { return };
    for given in values {
        let id = given.get("field_id").and_then(Value::as_u64).unwrap_or(0);
        let value = given.get("value").cloned().unwrap_or_default();
        match owner.fields.get(&id) {
            Some(field) if field.takes(&value) => {
                all.insert(id, value);
            }
            Some(field) => {
                errors.push(custom(
                    "IssueField",
                    "value",
                    format!("{value} is no value of the field {}", field.name),
                ));
            }
            None => errors.push(invalid("IssueField", "field_id", id)),
        }
    }
}

impl IssueField {
    fn takes(&self, value: &Value) -> bool {
        let option = |name: &Value| {
            name.as_str().is_some_and(|name| self.options.iter().any(|option| option.name == name))
        };
        match (self.data_type, value) {
            (DataType::Text, Value::String(_)) | (DataType::Number, Value::Number(_)) => true,
            (DataType::Date, Value::String(date)) => {
                chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok()
            }
            (DataType::SingleSelect, name) => option(name),
            (DataType::MultiSelect, Value::Array(names)) => names.iter().all(option),
            _ => false,
        }
    }
}

/// `GET /repos/{}/{}/issues/{}/issue-field-values`.
pub(crate) fn values(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _, issue) = visit.issue(state)?;
    Ok(Reply::json(200, &visit.render(state).field_values(&state.repos[&id], issue)))
}

/// `POST` of the same: adds values; an empty list clears all.
pub(crate) fn add_values(state: &mut State, visit: &Visit<'_>) -> Answer {
    write(state, visit, true)
}

/// `PUT` of the same: replaces all values.
pub(crate) fn set_values(state: &mut State, visit: &Visit<'_>) -> Answer {
    write(state, visit, false)
}

fn write(state: &mut State, visit: &Visit<'_>, add: bool) -> Answer {
    let (id, number, account) = pushed(state, visit)?;
    let mut body = Body::read(visit.call, &["issue_field_values"], state.behaviour.unknown_keys)?;
    let given = body.objects("issue_field_values").unwrap_or_default();
    body.check()?;
    let repo = &state.repos[&id];
    let issue = repo.issues.get(&number).ok_or_else(Refusal::not_found)?;
    let mut all = if add && !given.is_empty() { issue.content.fields.clone() } else { BTreeMap::new() };
    let mut errors = Vec::new();
    read(state, repo, &given, &mut all, &mut errors);
    if !errors.is_empty() {
        return Err(Refusal::validation(errors));
    }
    changed(state, visit, (id, number), all, account)
}

fn changed(
    state: &mut State,
    visit: &Visit<'_>,
    at: (u64, u64),
    all: BTreeMap<u64, Value>,
    account: u64,
) -> Answer {
    edited(state, visit, at, Change { fields: Some(all), ..Change::default() }, account)?;
    let repo = &state.repos[&at.0];
    let issue = repo.issues.get(&at.1).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, &visit.render(state).field_values(repo, issue)))
}

/// `DELETE /repos/{}/{}/issues/{}/issue-field-values/{}`.
pub(crate) fn remove_value(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, number, account) = pushed(state, visit)?;
    let field = visit.number(3)?;
    let issue = state.repos[&id].issues.get(&number).ok_or_else(Refusal::not_found)?;
    let mut all = issue.content.fields.clone();
    all.remove(&field).ok_or_else(Refusal::not_found)?;
    changed(state, visit, (id, number), all, account)?;
    Ok(Reply::empty(204))
}

/// Returns the issue of the path and the account, which must have push access.
fn pushed(state: &State, visit: &Visit<'_>) -> Result<(u64, u64, u64), Refusal> {
    let (id, access, issue) = visit.issue(state)?;
    let account = visit.viewer.writes(&state.repos[&id], access)?;
    if !access.may_push() {
        return Err(Refusal::new(403, "Must have push access to repository."));
    }
    Ok((id, issue.number, account))
}
