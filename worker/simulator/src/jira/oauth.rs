//! OAuth 2.0 (3LO): access tokens that expire, refresh tokens that are valid once, and the list of sites.

use serde_json::{Value, json};

use super::{
    error::{Answer, Refusal},
    state::State,
};
use crate::http::{Call, Reply};

/// A user's grant to an app.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) user: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) access: String,
    /// Milliseconds since 1970.
    pub(crate) access_expires: i64,
    /// None without the scope `offline_access`.
    pub(crate) refresh: Option<String>,
    /// Refresh tokens that were used.
    pub(crate) used: Vec<String>,
    pub(crate) revoked: bool,
}

/// All grants.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(crate) list: Vec<Grant>,
}

impl Grants {
    /// Returns the grant of a valid access token.
    pub(crate) fn by_access(&self, token: &str, now: i64) -> Option<&Grant> {
        self.list.iter().find(|grant| grant.access == token && grant.access_expires > now && !grant.revoked)
    }
}

/// Handles requests outside of the API; `None` for any other request.
pub(crate) fn answer(state: &mut State, call: &Call, now: i64) -> Option<Answer> {
    match (call.method.as_str(), call.parts().as_slice()) {
        ("POST", ["oauth", "token"]) => Some(token(state, call, now)),
        ("GET", ["oauth", "token", "accessible-resources"]) => Some(resources(state, call, now)),
        _ => None,
    }
}

fn refused(error: &str, description: &str) -> Refusal {
    Refusal::with_body(403, json!({ "error": error, "error_description": description }))
}

/// `POST /oauth/token`, with JSON or a form.
fn token(state: &mut State, call: &Call, now: i64) -> Answer {
    let body = call.json().unwrap_or_else(|_| {
        let pairs = form_urlencoded::parse(&call.body).into_owned();
        Value::Object(pairs.map(|(key, value)| (key, Value::String(value))).collect())
    });
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    if text("grant_type") != "refresh_token" {
        return Err(refused("unsupported_grant_type", "Unsupported grant type"));
    }
    let wanted = text("refresh_token");
    let own = |grant: &&mut Grant| {
        grant.client_id == text("client_id") && grant.client_secret == text("client_secret")
    };
    let ends = state.behaviour.reuse_ends_grant;
    let seconds = state.behaviour.access_token_seconds;
    let (access, refresh) = (state.random.next(), state.random.next());
    let mut grants = state.grants.list.iter_mut().filter(own).peekable();
    if grants.peek().is_none() {
        return Err(refused("access_denied", "Unauthorized"));
    }
    let invalid = || refused("unauthorized_client", "refresh_token is invalid");
    let known = |grant: &&mut Grant| {
        grant.refresh.as_deref() == Some(wanted) || grant.used.iter().any(|used| used == wanted)
    };
    let grant = grants.find(known).ok_or_else(invalid)?;
    if grant.refresh.as_deref() != Some(wanted) {
        grant.revoked |= ends;
        return Err(invalid());
    }
    if grant.revoked {
        return Err(invalid());
    }
    grant.used.extend(grant.refresh.take());
    grant.access = format!("access-{access:016x}");
    grant.access_expires = now + seconds * 1_000;
    grant.refresh = Some(format!("refresh-{refresh:016x}"));
    Ok(Reply::json(
        200,
        &json!({
            "access_token": grant.access,
            "refresh_token": grant.refresh,
            "expires_in": seconds,
            "token_type": "Bearer",
            "scope": grant.scopes.join(" "),
        }),
    ))
}

/// `GET /oauth/token/accessible-resources`.
fn resources(state: &State, call: &Call, now: i64) -> Answer {
    let token = call.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
    let grant = token.and_then(|token| state.grants.by_access(token.trim(), now));
    let grant = grant.ok_or_else(|| Refusal::gateway(401, "Unauthorized"))?;
    Ok(Reply::json(
        200,
        &json!([{
            "id": state.cloud_id,
            "url": format!("{}/jira", call.root),
            "name": "acme",
            "scopes": grant.scopes,
            "avatarUrl": format!("{}/page/jira/icon", call.root),
        }]),
    ))
}
