//! Controls of users, apps and tokens.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        id::Id,
        state::State,
        types::{App, Token, TokenKind, User},
    },
    Done, read, show, team, user,
};
use crate::http::{Call, Reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    display_name: String,
    name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    guest: bool,
    #[serde(default)]
    app: bool,
    active: Option<bool>,
    /// Keys of teams.
    #[serde(default)]
    teams: Vec<String>,
}

pub(super) fn create_user(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewUser = read(call)?;
    if state.users.values().any(|user| user.display_name.eq_ignore_ascii_case(&new.display_name)) {
        return Err(Reply::refused(409, format!("there is a user {} already", new.display_name)));
    }
    let teams = new.teams.iter().map(|name| team(state, name)).collect::<Result<Vec<_>, _>>()?;
    let id = state.fresh_id();
    let email = new.email.unwrap_or_else(|| format!("{}@acme.example", new.display_name.to_lowercase()));
    let user = User {
        id,
        name: new.name.unwrap_or_else(|| new.display_name.clone()),
        display_name: new.display_name,
        email,
        admin: new.admin,
        guest: new.guest,
        active: new.active.unwrap_or(true),
        app: new.app,
        created: now,
        updated: now,
    };
    let shown = show::user(&user);
    state.users.insert(id, user);
    for team in teams {
        if let Some(team) = state.teams.get_mut(&team) {
            team.members.insert(id);
        }
    }
    Ok(Reply::json(201, &shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserChange {
    display_name: Option<String>,
    name: Option<String>,
    email: Option<String>,
    admin: Option<bool>,
    guest: Option<bool>,
    active: Option<bool>,
}

pub(super) fn update_user(state: &mut State, call: &Call, name: &str, now: i64) -> Done {
    let id = user(state, name)?;
    let change: UserChange = read(call)?;
    let user = state.users.get_mut(&id).ok_or_else(|| Reply::refused(404, "there is no such user"))?;
    user.display_name = change.display_name.unwrap_or_else(|| user.display_name.clone());
    user.name = change.name.unwrap_or_else(|| user.name.clone());
    user.email = change.email.unwrap_or_else(|| user.email.clone());
    user.admin = change.admin.unwrap_or(user.admin);
    user.guest = change.guest.unwrap_or(user.guest);
    user.active = change.active.unwrap_or(user.active);
    user.updated = now;
    Ok(Reply::json(200, &show::user(user)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApp {
    name: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    /// Keys of the teams that the app's own user is a member of.
    #[serde(default)]
    teams: Vec<String>,
}

/// Adds an OAuth application with its own user.
pub(super) fn create_app(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewApp = read(call)?;
    let teams = new.teams.iter().map(|name| team(state, name)).collect::<Result<Vec<_>, _>>()?;
    let user = state.user_or_new(&new.name, now);
    if let Some(user) = state.users.get_mut(&user) {
        user.app = true;
    }
    for team in teams {
        if let Some(team) = state.teams.get_mut(&team) {
            team.members.insert(user);
        }
    }
    let client = new.client_id.unwrap_or_else(|| format!("{:032x}", state.random.next()));
    let secret = new.client_secret.unwrap_or_else(|| format!("{:032x}", state.random.next()));
    let shown = json!({ "client_id": client, "client_secret": secret, "user": user.to_string() });
    state.apps.insert(client.clone(), App { client, secret, user });
    Ok(Reply::json(201, &shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// The token itself; generated if left out.
    token: Option<String>,
    /// The user of the token.
    user: String,
    #[serde(default)]
    kind: TokenKind,
    scopes: Option<Vec<String>>,
    /// Keys of teams; all if left out.
    teams: Option<Vec<String>>,
    /// The `client_id` of the app, for the kind `oauth`. Such a token comes with a refresh token.
    client: Option<String>,
    /// Seconds until it expires.
    expires_in: Option<i64>,
}

/// Creates a key, or the tokens that an app gets when a user consents.
pub(super) fn create_token(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewToken = read(call)?;
    let user = state.user_or_new(&new.user, now);
    let chosen = |names: Vec<String>| names.iter().map(|name| team(state, name)).collect::<Result<_, _>>();
    let teams = new.teams.map(chosen).transpose()?;
    if let Some(client) = new.client.as_ref().filter(|client| !state.apps.contains_key(*client)) {
        return Err(Reply::refused(422, format!("there is no app with the `client_id` {client}")));
    }
    let prefix = if new.kind == TokenKind::Key { "lin_api_" } else { "lin_oauth_" };
    let value = new
        .token
        .unwrap_or_else(|| format!("{prefix}{:016x}{:016x}", state.random.next(), state.random.next()));
    let usual = if new.kind == TokenKind::Oauth { Some(state.behaviour.token_seconds) } else { None };
    let token = Token {
        value: value.clone(),
        kind: new.kind,
        user,
        scopes: new.scopes.unwrap_or_else(|| vec!["read".to_owned(), "write".to_owned()]),
        teams,
        client: new.client,
        expires: new.expires_in.or(usual).map(|seconds| now + seconds * 1_000),
        revoked: false,
    };
    state.tokens.insert(value.clone(), token.clone());
    let mut shown = json!({ "token": value });
    if token.client.is_some() {
        shown["refresh_token"] = json!(state.issue_refresh(token));
    }
    Ok(Reply::json(201, &shown))
}

/// Changes a token: `{"revoked": true}`, `{"expires_in": 0}`, `{"scopes": [...]}`, `{"teams": [...]|null}`. A refresh
/// token can only be revoked.
pub(super) fn update_token(state: &mut State, call: &Call, value: &str, now: i64) -> Done {
    let change: serde_json::Map<String, Value> = read(call)?;
    if let Some(refresh) = state.refreshes.get_mut(value) {
        refresh.revoked = change.get("revoked") == Some(&Value::Bool(true));
        return Ok(Reply::empty(204));
    }
    let mut token =
        state.tokens.get(value).cloned().ok_or_else(|| Reply::refused(404, "there is no such token"))?;
    let wrong = |error: serde_json::Error| Reply::refused(422, error.to_string());
    for (key, value) in change {
        match key.as_str() {
            "revoked" => token.revoked = serde_json::from_value(value).map_err(wrong)?,
            "expires_in" => {
                let seconds: Option<i64> = serde_json::from_value(value).map_err(wrong)?;
                token.expires = seconds.map(|seconds| now + seconds * 1_000);
            }
            "scopes" => token.scopes = serde_json::from_value(value).map_err(wrong)?,
            "teams" => {
                let names: Option<Vec<String>> = serde_json::from_value(value).map_err(wrong)?;
                let ids =
                    |names: Vec<String>| names.iter().map(|name| team(state, name)).collect::<Result<_, _>>();
                token.teams = names.map(ids).transpose()?;
            }
            _ => return Err(Reply::refused(422, format!("a token has no `{key}`"))),
        }
    }
    state.tokens.insert(value.to_owned(), token);
    Ok(Reply::empty(204))
}

/// Returns the keys of teams.
pub(super) fn keys(state: &State, teams: impl Iterator<Item = Id>) -> Vec<String> {
    teams.filter_map(|id| state.teams.get(&id)).map(|team| team.key.clone()).collect()
}
