//! Controls of accounts, organisations and tokens.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        state::State,
        types::{AccountKind, DataType, FieldOption, IssueField, IssueType, Level, Token, TokenKind},
    },
    Done, account, read, show,
};
use crate::http::{Call, Reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    login: String,
    #[serde(default)]
    kind: AccountKind,
    name: Option<String>,
    email: Option<String>,
}

pub(super) fn create(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewAccount = read(call)?;
    if state.account(&new.login).is_some() {
        return Err(Reply::refused(409, format!("there is an account {} already", new.login)));
    }
    let id = state.account_or_new(&new.login, new.kind, now / 1000);
    if let Some(account) = state.accounts.get_mut(&id) {
        account.name = new.name;
        account.email = new.email;
    }
    Ok(Reply::json(201, &show::account(state, id)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountChange {
    name: Option<String>,
    email: Option<String>,
}

/// Sets the name and the public e-mail address; an empty text clears one.
pub(super) fn update(state: &mut State, call: &Call, login: &str) -> Done {
    let id = account(state, login)?;
    let change: AccountChange = read(call)?;
    let clear = |text: String| Some(text).filter(|text| !text.is_empty());
    if let Some(account) = state.accounts.get_mut(&id) {
        account.name = change.name.map_or(account.name.take(), clear);
        account.email = change.email.map_or(account.email.take(), clear);
    }
    Ok(Reply::json(200, &show::account(state, id)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTypes {
    names: Vec<String>,
}

/// Adds issue types to an organisation.
pub(super) fn add_types(state: &mut State, call: &Call, login: &str, now: i64) -> Done {
    let owner = account(state, login)?;
    let new: NewTypes = read(call)?;
    let mut ids = Vec::new();
    for name in new.names {
        let id = state.fresh_id();
        ids.push(id);
        if let Some(owner) = state.accounts.get_mut(&owner) {
            let color = Some("blue".to_owned());
            owner.types.insert(id, IssueType { id, name, description: None, color, created: now / 1000 });
        }
    }
    Ok(Reply::json(201, &json!({ "ids": ids })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewField {
    name: String,
    data_type: DataType,
    #[serde(default)]
    options: Vec<String>,
}

/// Adds an issue field to an organisation.
pub(super) fn add_field(state: &mut State, call: &Call, login: &str, now: i64) -> Done {
    let owner = account(state, login)?;
    let new: NewField = read(call)?;
    let id = state.fresh_id();
    let options = new.options.into_iter();
    let options =
        options.map(|name| FieldOption { id: state.fresh_id(), name, color: "gray".to_owned() }).collect();
    let field = IssueField { id, name: new.name, data_type: new.data_type, options, created: now / 1000 };
    if let Some(owner) = state.accounts.get_mut(&owner) {
        owner.fields.insert(id, field);
    }
    Ok(Reply::json(201, &json!({ "id": id })))
}

/// Removes the issue fields of this name from an organisation.
pub(super) fn drop_field(state: &mut State, login: &str, name: &str) -> Done {
    let owner = account(state, login)?;
    let fields = state.accounts.get_mut(&owner).map(|owner| &mut owner.fields);
    let count = fields.as_ref().map_or(0, |fields| fields.len());
    let left = fields.map_or(0, |fields| {
        fields.retain(|_, field| field.name != name);
        fields.len()
    });
    if left < count { Ok(Reply::empty(204)) } else { Err(Reply::refused(404, "there is no such field")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// The token itself; generated if left out.
    token: Option<String>,
    /// The account of the token; for the kind `app` the app's own account.
    account: String,
    #[serde(default)]
    kind: TokenKind,
    scopes: Option<Vec<String>>,
    /// `owner/name`; all repositories if left out.
    repositories: Option<Vec<String>>,
    permissions: Option<BTreeMap<String, Level>>,
    /// Seconds until it expires.
    expires_in: Option<i64>,
}

pub(super) fn create_token(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewToken = read(call)?;
    let kind = if new.kind == TokenKind::App { AccountKind::Bot } else { AccountKind::User };
    let account = state.account_or_new(&new.account, kind, now / 1000);
    let repositories = new.repositories.map(|names| chosen(state, &names)).transpose()?;
    let prefix = match new.kind {
        TokenKind::Classic => "ghp_",
        TokenKind::FineGrained => "github_pat_",
        TokenKind::App => "ghs_",
    };
    let value = new.token.unwrap_or_else(|| format!("{prefix}simulator{:016x}", state.random.next()));
    let issues =
        || BTreeMap::from([("issues".to_owned(), Level::Write), ("metadata".to_owned(), Level::Read)]);
    let token = Token {
        value: value.clone(),
        account,
        kind: new.kind,
        scopes: new.scopes.unwrap_or_else(|| vec!["repo".to_owned(), "read:org".to_owned()]),
        repositories,
        permissions: new.permissions.unwrap_or_else(issues),
        expires: new.expires_in.map(|seconds| now / 1000 + seconds),
        revoked: false,
    };
    state.tokens.insert(value.clone(), token);
    Ok(Reply::json(201, &json!({ "token": value })))
}

/// Returns the ids of repositories by their full names.
fn chosen(state: &State, names: &[String]) -> Result<BTreeSet<u64>, Reply> {
    let id = |name: &String| {
        let (owner, name) = name.split_once('/').unwrap_or((name, ""));
        super::named(state, owner, name)
    };
    names.iter().map(id).collect()
}

/// Changes a token: `{"revoked": true}`, `{"expires_in": 0}`, `{"scopes": [...]}`, `{"repositories": [...]|null}`,
/// `{"permissions": {"issues": "read"}}`.
pub(super) fn update_token(state: &mut State, call: &Call, value: &str, now: i64) -> Done {
    let change: serde_json::Map<String, Value> = read(call)?;
    let mut token =
        state.tokens.get(value).cloned().ok_or_else(|| Reply::refused(404, "there is no such token"))?;
    let wrong = |error: serde_json::Error| Reply::refused(422, error.to_string());
    for (key, value) in change {
        match key.as_str() {
            "revoked" => token.revoked = serde_json::from_value(value).map_err(wrong)?,
            "expires_in" => {
                let seconds: Option<i64> = serde_json::from_value(value).map_err(wrong)?;
                token.expires = seconds.map(|seconds| now / 1000 + seconds);
            }
            "scopes" => token.scopes = serde_json::from_value(value).map_err(wrong)?,
            "permissions" => token.permissions = serde_json::from_value(value).map_err(wrong)?,
            "repositories" => {
                let names: Option<Vec<String>> = serde_json::from_value(value).map_err(wrong)?;
                token.repositories = names.map(|names| chosen(state, &names)).transpose()?;
            }
            _ => return Err(Reply::refused(422, format!("a token has no `{key}`"))),
        }
    }
    state.tokens.insert(value.to_owned(), token);
    Ok(Reply::empty(204))
}
