//! The control API of the simulated GitHub, below `/_control/github`: actions of an administrator or a person in the
//! browser, and the effects of time on tokens and limits.

mod accounts;
mod issues;
mod repos;
pub(crate) mod show;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    limits::{Resource, Rules},
    state::State,
};
use crate::{
    control::patched,
    http::{Call, Reply},
    platform::Scene,
};

/// The result of a control.
type Done = Result<Reply, Reply>;

/// Handles a request; its path is the one below `/_control/github`.
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
        ("POST", ["accounts"]) => accounts::create(state, call, now),
        ("PATCH", ["accounts", login]) => accounts::update(state, call, login),
        ("POST", ["orgs", login, "issue-types"]) => accounts::add_types(state, call, login, now),
        ("POST", ["orgs", login, "issue-fields"]) => accounts::add_field(state, call, login, now),
        ("DELETE", ["orgs", login, "issue-fields", name]) => accounts::drop_field(state, login, name),
        ("GET", ["tokens"]) => Ok(Reply::json(200, &show::tokens(state))),
        ("POST", ["tokens"]) => accounts::create_token(state, call, now),
        ("PATCH", ["tokens", value]) => accounts::update_token(state, call, value, now),
        ("DELETE", ["tokens", value]) => match state.tokens.remove(*value) {
            Some(_) => Ok(Reply::empty(204)),
            None => Err(Reply::refused(404, "there is no such token")),
        },
        ("POST", ["repos"]) => repos::create(state, call, now),
        (method, ["repos", owner, name, rest @ ..]) => match named(state, owner, name) {
            Ok(repo) => of_repo(state, call, (method, rest), repo, now),
            Err(refused) => Err(refused),
        },
        _ => Err(unknown()),
    };
    done.unwrap_or_else(|refused| refused)
}

fn of_repo(state: &mut State, call: &Call, route: (&str, &[&str]), repo: u64, now: i64) -> Done {
    match route {
        ("GET", []) => Ok(Reply::json(200, &show::repo(state, &state.repos[&repo], false))),
        ("PATCH", []) => repos::update(state, call, repo),
        ("DELETE", []) => {
            state.drop_repo(repo);
            Ok(Reply::empty(204))
        }
        ("PUT" | "DELETE", ["members", login]) => repos::member(state, call, repo, login),
        ("POST", ["labels"]) => repos::add_labels(state, call, repo),
        ("POST", ["milestones"]) => repos::add_milestone(state, call, repo, now),
        ("POST", ["hooks"]) => repos::add_hook(state, call, repo, now),
        ("POST", ["seed"]) => repos::seed(state, call, repo, now),
        ("GET", ["issues"]) => issues::list(state, repo),
        ("POST", ["issues"]) => issues::create(state, call, repo, now),
        (method, ["issues", number, rest @ ..]) => {
            let number = number.parse().map_err(|_| Reply::refused(404, "there is no such issue"))?;
            issues::one(state, call, (method, rest), (repo, number), now)
        }
        _ => Err(unknown()),
    }
}

fn unknown() -> Reply {
    Reply::refused(404, "no such control of GitHub; docs/simulator.md lists them")
}

fn named(state: &State, owner: &str, name: &str) -> Result<u64, Reply> {
    let id = state.repo_id(owner, name).filter(|id| state.repos.contains_key(id));
    id.ok_or_else(|| Reply::refused(404, format!("there is no repository {owner}/{name}")))
}

/// Parses a body; an unknown key is an error.
fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Reply> {
    let value = call.json().map_err(|error| Reply::refused(400, error.to_string()))?;
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    serde_json::from_value(value).map_err(|error| Reply::refused(422, error.to_string()))
}

/// Finds an account; an unknown one is an error.
fn account(state: &State, login: &str) -> Result<u64, Reply> {
    let found = state.account(login).map(|account| account.id);
    found.ok_or_else(|| Reply::refused(404, format!("there is no account {login}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBudget {
    /// The account; if left out, requests without credentials.
    account: Option<String>,
    resource: Option<String>,
    remaining: u64,
    /// Seconds until the window ends.
    reset_in: Option<u64>,
}

fn set_budget(state: &mut State, call: &Call, scene: &Scene) -> Done {
    let set: SetBudget = read(call)?;
    let account = set.account.as_deref().map_or(Ok(0), |login| account(state, login))?;
    let resource = Resource::parse(set.resource.as_deref().unwrap_or("core"))
        .ok_or_else(|| Reply::refused(422, "`resource` is core, search or graphql"))?;
    let behaviour = state.behaviour.clone();
    let rules = Rules { limits: scene.limits, behaviour: &behaviour, now: scene.now };
    state.budgets.set(account, resource, set.remaining, set.reset_in, &rules);
    Ok(Reply::empty(204))
}
