//! Controls of people, tokens and grants.

use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::json;

use super::{
    super::{
        oauth::Grant,
        state::State,
        types::{Token, User},
    },
    Done, read, show, user,
};
use crate::http::{Call, Reply};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NewUser {
    pub(crate) handle: Option<String>,
    pub(crate) account_id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) shows_email: Option<bool>,
    pub(crate) active: Option<bool>,
    pub(crate) app: Option<bool>,
    pub(crate) admin: Option<bool>,
    pub(crate) time_zone: Option<String>,
    pub(crate) locale: Option<String>,
}

fn zone(name: &str) -> Result<Tz, Reply> {
    name.parse().map_err(|_| Reply::refused(422, format!("`time_zone`: there is no zone {name}")))
}

pub(super) fn create(state: &mut State, call: &Call) -> Done {
    let new: NewUser = read(call)?;
    let Some(handle) = new.handle.clone() else { return Err(Reply::refused(422, "a user needs a `handle`")) };
    if state.user(&handle).is_some() {
        return Err(Reply::refused(409, format!("there is a user {handle} already")));
    }
    let id = new.account_id.clone().unwrap_or_else(|| state.account_id(&handle));
    let mut made = User {
        id: id.clone(),
        name: handle.clone(),
        email: Some(format!("{handle}@acme.example")),
        handle,
        shows_email: true,
        active: true,
        app: false,
        zone: Tz::UTC,
        locale: "en_US".to_owned(),
        admin: false,
    };
    change(&mut made, new)?;
    state.users.insert(id.clone(), made);
    Ok(Reply::json(201, &show::user(state, &id)))
}

fn change(made: &mut User, new: NewUser) -> Result<(), Reply> {
    if let Some(name) = new.time_zone {
        made.zone = zone(&name)?;
    }
    made.name = new.name.unwrap_or_else(|| made.name.clone());
    made.email = new.email.map_or(made.email.take(), |email| Some(email).filter(|email| !email.is_empty()));
    made.shows_email = new.shows_email.unwrap_or(made.shows_email);
    made.active = new.active.unwrap_or(made.active);
    made.app = new.app.unwrap_or(made.app);
    made.admin = new.admin.unwrap_or(made.admin);
    made.locale = new.locale.unwrap_or_else(|| made.locale.clone());
    Ok(())
}

pub(super) fn update(state: &mut State, call: &Call, name: &str) -> Done {
    let id = user(state, name)?;
    if let Some(made) = state.users.get_mut(&id) {
        change(made, read(call)?)?;
    }
    Ok(Reply::json(200, &show::user(state, &id)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    user: String,
    token: Option<String>,
    /// Seconds until it expires.
    expires_in: Option<i64>,
    scopes: Option<Vec<String>>,
}

pub(super) fn create_token(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewToken = read(call)?;
    let account = user(state, &new.user)?;
    let value = new.token.unwrap_or_else(|| format!("ATATT-simulator-{:016x}", state.random.next()));
    let expires = new.expires_in.map(|seconds| now + seconds * 1_000);
    let email = state.users.get(&account).and_then(|user| user.email.clone());
    let token =
        Token { value: value.clone(), user: account.clone(), expires, revoked: false, scopes: new.scopes };
    state.tokens.insert(value.clone(), token);
    Ok(Reply::json(201, &json!({ "token": value, "email": email, "account_id": account })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    revoked: Option<bool>,
    expires_in: Option<i64>,
    scopes: Option<Vec<String>>,
}

pub(super) fn update_token(state: &mut State, call: &Call, value: &str, now: i64) -> Done {
    let change: Change = read(call)?;
    let token = state.tokens.get_mut(value).ok_or_else(|| Reply::refused(404, "there is no such token"))?;
    token.revoked = change.revoked.unwrap_or(token.revoked);
    token.expires = change.expires_in.map(|seconds| now + seconds * 1_000).or(token.expires);
    token.scopes = change.scopes.or(token.scopes.take());
    Ok(Reply::empty(204))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGrant {
    user: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    scopes: Option<Vec<String>>,
    expires_in: Option<i64>,
}

/// Creates the grant of a user to an app.
pub(super) fn create_grant(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewGrant = read(call)?;
    let account = user(state, &new.user)?;
    let usual = ["read:jira-work", "write:jira-work", "read:jira-user", "offline_access"];
    let scopes = new.scopes.unwrap_or_else(|| usual.map(str::to_owned).to_vec());
    let lasting = scopes.iter().any(|scope| scope == "offline_access");
    let grant = Grant {
        user: account,
        client_id: new.client_id.unwrap_or_else(|| "client-1".to_owned()),
        client_secret: new.client_secret.unwrap_or_else(|| "secret-1".to_owned()),
        access: format!("access-{:016x}", state.random.next()),
        access_expires: now + new.expires_in.unwrap_or(state.behaviour.access_token_seconds) * 1_000,
        refresh: lasting.then(|| format!("refresh-{:016x}", state.random.next())),
        scopes,
        used: Vec::new(),
        revoked: false,
    };
    let shown = json!({
        "access_token": grant.access,
        "refresh_token": grant.refresh,
        "client_id": grant.client_id,
        "client_secret": grant.client_secret,
        "cloud_id": state.cloud_id,
        "base": format!("/jira/ex/jira/{}", state.cloud_id),
    });
    state.grants.list.push(grant);
    Ok(Reply::json(201, &shown))
}

pub(super) fn update_grant(state: &mut State, call: &Call, access: &str, now: i64) -> Done {
    let change: Change = read(call)?;
    let grant = state.grants.list.iter_mut().find(|grant| grant.access == access);
    let grant = grant.ok_or_else(|| Reply::refused(404, "there is no such access token"))?;
    grant.revoked = change.revoked.unwrap_or(grant.revoked);
    grant.access_expires = change.expires_in.map_or(grant.access_expires, |seconds| now + seconds * 1_000);
    grant.scopes = change.scopes.unwrap_or_else(|| grant.scopes.clone());
    Ok(Reply::empty(204))
}
