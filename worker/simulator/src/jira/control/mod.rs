//! The control API of the simulated Jira, below `/_control/jira`: actions of an administrator or a person in the
//! browser, and the effects of time on tokens and limits.

mod accounts;
mod fields;
mod issues;
pub(crate) mod projects;
pub(crate) mod show;
pub(crate) mod workflows;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

pub(crate) use self::{
    fields::{NewField, add_field},
    issues::person_change,
};
use super::{
    limits::{Ordered, Reason},
    state::State,
};
use crate::{
    control::patched,
    http::{Call, Reply},
    platform::Scene,
};

/// The result of a control.
type Done = Result<Reply, Reply>;

/// Handles a request; its path is the one below `/_control/jira`.
pub(crate) fn answer(state: &mut State, call: &Call, scene: &Scene) -> Reply {
    let parts = call.parts();
    let now = scene.now;
    let done = match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["state"]) => Ok(Reply::json(200, &show::state(state))),
        ("GET", ["settings"]) => Ok(Reply::json(200, &state.behaviour)),
        ("PATCH", ["settings"]) => patched(&state.behaviour, call).map(|behaviour| {
            state.behaviour = behaviour;
            Reply::json(200, &state.behaviour)
        }),
        ("POST", ["limits"]) => order_limit(state, call),
        ("DELETE", ["limits"]) => {
            state.meters.clear();
            Ok(Reply::empty(204))
        }
        ("POST", ["users"]) => accounts::create(state, call),
        ("PATCH", ["users", name]) => accounts::update(state, call, name),
        ("GET", ["tokens"]) => Ok(Reply::json(200, &show::tokens(state))),
        ("POST", ["tokens"]) => accounts::create_token(state, call, now),
        ("PATCH", ["tokens", value]) => accounts::update_token(state, call, value, now),
        ("DELETE", ["tokens", value]) => match state.tokens.remove(*value) {
            Some(_) => Ok(Reply::empty(204)),
            None => Err(Reply::refused(404, "there is no such token")),
        },
        ("POST", ["grants"]) => accounts::create_grant(state, call, now),
        ("PATCH", ["grants", access]) => accounts::update_grant(state, call, access, now),
        ("POST", ["fields"]) => fields::create(state, call),
        (method, ["fields", field, rest @ ..]) => fields::one(state, call, (method, rest), field),
        ("POST", ["statuses"]) => workflows::create_status(state, call),
        ("POST", ["workflows"]) => workflows::create(state, call),
        ("PUT", ["priorities"]) => workflows::set_priorities(state, call),
        ("POST", ["projects"]) => projects::create(state, call),
        (method, ["projects", key, rest @ ..]) => match state.project(key).map(|project| project.id) {
            Some(id) => of_project(state, call, (method, rest), id, now),
            None => Err(Reply::refused(404, format!("there is no project {key}"))),
        },
        (method, ["issues", key, rest @ ..]) => match state.issue_id(key) {
            Some(id) => issues::one(state, call, (method, rest), id, now),
            None => Err(Reply::refused(404, format!("there is no issue {key}"))),
        },
        _ => Err(unknown()),
    };
    done.unwrap_or_else(|refused| refused)
}

fn of_project(state: &mut State, call: &Call, route: (&str, &[&str]), id: u64, now: i64) -> Done {
    match route {
        ("GET", ["issues"]) => issues::list(state, id),
        ("POST", ["issues"]) => issues::create(state, call, id, now),
        ("POST", ["seed"]) => {
            let seed = read(call)?;
            Ok(Reply::json(201, &super::seed::fill(state, id, &seed, now)))
        }
        (method, rest) => projects::one(state, call, (method, rest), id),
    }
}

fn unknown() -> Reply {
    Reply::refused(404, "no such control of Jira; docs/simulator.md lists them")
}

/// Parses a body; an unknown key is an error.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Reply> {
    let value = call.json().map_err(|error| Reply::refused(400, error.to_string()))?;
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    serde_json::from_value(value).map_err(|error| Reply::refused(422, error.to_string()))
}

/// Finds a user by account id, e-mail address or name; an unknown one is an error.
fn user(state: &State, name: &str) -> Result<String, Reply> {
    let found = state.user(name).map(|user| user.id.clone());
    found.ok_or_else(|| Reply::refused(404, format!("there is no user {name}")))
}

fn once() -> u64 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLimit {
    /// The value of the header `RateLimit-Reason`.
    reason: String,
    #[serde(default = "once")]
    times: u64,
    retry_after: Option<i64>,
    path: Option<String>,
}

/// Makes a limit refuse the next requests, whether limits are enforced or not.
fn order_limit(state: &mut State, call: &Call) -> Done {
    let new: NewLimit = read(call)?;
    let known =
        "jira-burst-based, jira-quota-global-based, jira-quota-tenant-based or jira-per-issue-on-write";
    let reason =
        Reason::parse(&new.reason).ok_or_else(|| Reply::refused(422, format!("`reason` is {known}")))?;
    let NewLimit { times, retry_after, path, .. } = new;
    state.meters.ordered.push(Ordered { reason, times: times.max(1), retry_after, path });
    Ok(Reply::empty(204))
}
