//! The routes of issue properties.

use serde_json::{Value, json};

use super::{
    error::{Answer, Refusal},
    input::Edit,
    state::State,
    visit::Visit,
};
use crate::http::Reply;

/// The longest key of a property.
const KEY: usize = 255;

fn missing(key: &str) -> Refusal {
    Refusal::new(404, format!("The property {key} does not exist."))
}

/// `GET /issue/{}/properties`.
pub(crate) fn keys(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.issue(state)?;
    let render = visit.render(state);
    let key = |key: &String| json!({ "key": key, "self": render.url(&format!("issue/{}/properties/{key}", issue.id)) });
    Ok(Reply::json(200, &json!({ "keys": issue.properties.keys().map(key).collect::<Vec<_>>() })))
}

/// `GET /issue/{}/properties/{}`.
pub(crate) fn get(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.issue(state)?;
    let value = issue.properties.get(visit.arg(1)).ok_or_else(|| missing(visit.arg(1)))?;
    Ok(Reply::json(200, &json!({ "key": visit.arg(1), "value": value })))
}

/// `PUT /issue/{}/properties/{}`: 201 for a new one, 200 for a changed one.
pub(crate) fn set(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.changes(state, "EDIT_ISSUES")?.clone();
    let key = visit.arg(1).to_owned();
    if key.len() > KEY {
        return Err(Refusal::new(400, format!("The property key cannot be longer than {KEY} bytes.")));
    }
    if visit.call.body.len() > state.behaviour.property_limit {
        let limit = state.behaviour.property_limit;
        return Err(Refusal::new(400, format!("The property value cannot be longer than {limit} bytes.")));
    }
    let value = match visit.call.json() {
        Ok(value) if !visit.call.body.is_empty() => value,
        _ => return Err(Refusal::new(400, "The property value must be valid JSON.")),
    };
    let status = if issue.properties.contains_key(&key) { 200 } else { 201 };
    write(state, visit, issue.id, key, Some(value));
    Ok(Reply::json(status, &json!({})))
}

/// `DELETE /issue/{}/properties/{}`.
pub(crate) fn delete(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.changes(state, "EDIT_ISSUES")?.clone();
    if !issue.properties.contains_key(visit.arg(1)) {
        return Err(missing(visit.arg(1)));
    }
    write(state, visit, issue.id, visit.arg(1).to_owned(), None);
    Ok(Reply::empty(204))
}

fn write(state: &mut State, visit: &Visit<'_>, id: u64, key: String, value: Option<Value>) {
    let edit = Edit { properties: [(key, value)].into(), ..Edit::default() };
    state.edit(id, edit, &visit.by());
}
