//! The control API of the simulated Linear, below `/_control/linear`: actions of an administrator or a person in the
//! browser, and the effects of time on tokens and limits.

mod accounts;
pub(crate) mod issues;
pub(crate) mod show;
mod teams;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    access::Viewer,
    id::Id,
    limits::{Resource, Rules},
    seed::{self, Seed},
    state::State,
    types::TokenKind,
};
use crate::{
    control::patched,
    http::{Call, Reply},
    platform::Scene,
};

/// The result of a control.
type Done = Result<Reply, Reply>;

/// Handles a request; its path is the one below `/_control/linear`.
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
        ("PUT", ["budget"]) => set_budget(state, call, scene),
        ("DELETE", ["budget"]) => {
            state.budgets.clear();
            Ok(Reply::empty(204))
        }
        ("POST", ["users"]) => accounts::create_user(state, call, now),
        ("PATCH", ["users", name]) => accounts::update_user(state, call, name, now),
        ("GET", ["tokens"]) => Ok(Reply::json(200, &show::tokens(state))),
        ("POST", ["tokens"]) => accounts::create_token(state, call, now),
        ("PATCH", ["tokens", value]) => accounts::update_token(state, call, value, now),
        ("DELETE", ["tokens", value]) => match state.tokens.remove(*value) {
            Some(_) => Ok(Reply::empty(204)),
            None => Err(Reply::refused(404, "there is no such token")),
        },
        ("POST", ["apps"]) => accounts::create_app(state, call, now),
        ("POST", ["labels"]) => teams::create_label(state, call, now),
        ("PATCH" | "DELETE", ["labels", id]) => teams::change_label(state, call, id, now),
        ("POST", ["projects"]) => teams::create_project(state, call, now),
        ("PATCH" | "DELETE", ["states", id]) => teams::change_state(state, call, id, now),
        ("POST", ["teams"]) => teams::create(state, call, now),
        (method, ["teams", name, rest @ ..]) => match team(state, name) {
            Ok(team) => of_team(state, call, (method, rest), team, now),
            Err(refused) => Err(refused),
        },
        (method, ["issues", name, rest @ ..]) => issues::one(state, call, (method, rest), name, now),
        _ => Err(unknown()),
    };
    done.unwrap_or_else(|refused| refused)
}

fn of_team(state: &mut State, call: &Call, route: (&str, &[&str]), team: Id, now: i64) -> Done {
    match route {
        ("GET", []) => Ok(Reply::json(200, &show::team(state, &state.teams[&team], false))),
        ("PATCH", []) => teams::update(state, call, team, now),
        ("DELETE", []) => {
            teams::delete(state, team);
            Ok(Reply::empty(204))
        }
        ("PUT" | "DELETE", ["members", name]) => teams::member(state, call, team, name, now),
        ("POST", ["states"]) => teams::create_state(state, call, team, now),
        ("POST", ["seed"]) => {
            let how: Seed = read(call)?;
            let ids = seed::fill(state, team, &how, now);
            let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
            Ok(Reply::json(201, &serde_json::json!({ "created": ids.len(), "ids": ids })))
        }
        ("GET", ["issues"]) => issues::list(state, team),
        ("POST", ["issues"]) => issues::create(state, call, team, now),
        _ => Err(unknown()),
    }
}

fn unknown() -> Reply {
    Reply::refused(404, "no such control of Linear; docs/simulator.md lists them")
}

fn team(state: &State, name: &str) -> Result<Id, Reply> {
    let found = state.team(name).map(|team| team.id);
    found.ok_or_else(|| Reply::refused(404, format!("there is no team {name}")))
}

fn user(state: &State, name: &str) -> Result<Id, Reply> {
    let found = state.user(name).map(|user| user.id);
    found.ok_or_else(|| Reply::refused(422, format!("there is no user {name}")))
}

/// Parses a body; an unknown key is an error.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Reply> {
    let value = call.json().map_err(|error| Reply::refused(400, error.to_string()))?;
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    serde_json::from_value(value).map_err(|error| Reply::refused(422, error.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBudget {
    user: String,
    #[serde(default)]
    kind: TokenKind,
    /// The app, for the kind `oauth`.
    client: Option<String>,
    resource: String,
    remaining: u64,
    limit: Option<u64>,
}

/// Sets the rest of a budget. It is enforced even if limits are off.
fn set_budget(state: &mut State, call: &Call, scene: &Scene) -> Done {
    let new: NewBudget = read(call)?;
    let resource = Resource::parse(&new.resource)
        .ok_or_else(|| Reply::refused(422, "`resource` is `requests` or `complexity`"))?;
    let mut viewer = Viewer::person(user(state, &new.user)?);
    (viewer.kind, viewer.client) = (new.kind, new.client);
    let behaviour = state.behaviour.clone();
    let rules = Rules { limits: scene.limits, behaviour: &behaviour, now: scene.now };
    state.budgets.set(&viewer, resource, new.remaining, new.limit, &rules);
    Ok(Reply::empty(204))
}
