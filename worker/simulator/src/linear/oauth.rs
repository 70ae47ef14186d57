//! `/oauth/token` and `/oauth/revoke`: tokens of apps. A refresh token can be used once.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    state::State,
    types::{App, Refresh, Token, TokenKind},
};
use crate::http::{Call, Reply};

/// Returns a refusal in the form of OAuth.
fn refused(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, &json!({ "error": error, "error_description": description }))
}

/// `POST /oauth/token`.
pub(crate) fn token(state: &mut State, call: &Call, now: i64) -> Reply {
    let form = form(call);
    let given = |name: &str| form.get(name).map_or("", String::as_str);
    let app = match app(state, call, &form) {
        Ok(app) => app,
        Err(reply) => return reply,
    };
    match given("grant_type") {
        "refresh_token" => refresh(state, &app, given("refresh_token"), now),
        "client_credentials" => {
            let scopes: Vec<String> = given("scope")
                .split([',', ' '])
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned)
                .collect();
            let token = Token {
                value: String::new(),
                kind: TokenKind::Oauth,
                user: app.user,
                scopes: if scopes.is_empty() { vec!["read".to_owned()] } else { scopes },
                teams: None,
                client: Some(app.client),
                expires: None,
                revoked: false,
            };
            let seconds = state.behaviour.client_token_seconds;
            let value = state.issue_token(token, seconds, now);
            answer(state, &value, None, seconds)
        }
        "authorization_code" => refused(400, "invalid_grant", "The authorization code is invalid or expired"),
        "" => refused(400, "invalid_request", "Missing parameter: `grant_type`"),
        _ => refused(400, "unsupported_grant_type", "Unsupported grant type: `grant_type` is invalid"),
    }
}

/// `POST /oauth/revoke`: an access token, or a refresh token with all tokens derived from it.
pub(crate) fn revoke(state: &mut State, call: &Call) -> Reply {
    let form = form(call);
    let bearer = call.header("authorization").and_then(|given| given.strip_prefix("Bearer "));
    let value = ["token", "access_token", "refresh_token"]
        .into_iter()
        .find_map(|name| form.get(name).map(String::as_str));
    let Some(value) = value.or(bearer).map(str::to_owned) else {
        return refused(400, "invalid_request", "Missing parameter: `token`");
    };
    if let Some(token) = state.tokens.get_mut(&value) {
        token.revoked = true;
    }
    if let Some(refresh) = state.refreshes.get_mut(&value) {
        refresh.revoked = true;
    }
    Reply::json(200, &json!({ "success": true }))
}

fn form(call: &Call) -> BTreeMap<String, String> {
    form_urlencoded::parse(&call.body).into_owned().collect()
}

/// Returns the app of a request, by the id and secret in the form.
fn app(state: &State, call: &Call, form: &BTreeMap<String, String>) -> Result<App, Reply> {
    let media = call.header("content-type").unwrap_or_default();
    if !media.starts_with("application/x-www-form-urlencoded") {
        return Err(refused(
            400,
            "invalid_request",
            "Method must be POST with application/x-www-form-urlencoded",
        ));
    }
    let given = |name: &str| form.get(name).map_or("", String::as_str);
    let app = state.apps.get(given("client_id")).filter(|app| app.secret == given("client_secret"));
    app.cloned()
        .ok_or_else(|| refused(401, "invalid_client", "Client is invalid or its secret does not match"))
}

fn refresh(state: &mut State, app: &App, value: &str, now: i64) -> Reply {
    let invalid = || refused(400, "invalid_grant", "Invalid refresh token");
    let grace = state.behaviour.refresh_grace_seconds * 1_000;
    let seconds = state.behaviour.token_seconds;
    let known = state.refreshes.get(value).filter(|known| known.token.client.as_ref() == Some(&app.client));
    let Some(known) = known.filter(|known| !known.revoked).cloned() else { return invalid() };
    if let Some((at, access, next)) = &known.used {
        // Repeats the response, for a client that has lost it.
        return if *at + grace > now { answer(state, access, Some(next), seconds) } else { invalid() };
    }
    let access = state.issue_token(known.token.clone(), seconds, now);
    let next = state.issue_refresh(known.token);
    if let Some(known) = state.refreshes.get_mut(value) {
        known.used = Some((now, access.clone(), next.clone()));
    }
    answer(state, &access, Some(&next), seconds)
}

fn answer(state: &State, access: &str, refresh: Option<&str>, seconds: i64) -> Reply {
    let scope = state.tokens.get(access).map(|token| token.scopes.join(" ")).unwrap_or_default();
    let mut body =
        json!({ "access_token": access, "token_type": "Bearer", "expires_in": seconds, "scope": scope });
    if let Some(refresh) = refresh {
        body["refresh_token"] = json!(refresh);
    }
    Reply::json(200, &body)
}

impl State {
    /// Issues an access token with the properties of this one.
    pub(crate) fn issue_token(&mut self, like: Token, seconds: i64, now: i64) -> String {
        let value = format!("lin_oauth_{:016x}{:016x}", self.random.next(), self.random.next());
        let token = Token { value: value.clone(), expires: Some(now + seconds * 1_000), ..like };
        self.tokens.insert(value.clone(), token);
        value
    }

    /// Issues a refresh token for tokens with the properties of this one.
    pub(crate) fn issue_refresh(&mut self, like: Token) -> String {
        let value = format!("lin_refresh_{:016x}{:016x}", self.random.next(), self.random.next());
        self.refreshes.insert(value.clone(), Refresh { token: like, used: None, revoked: false });
        value
    }
}
