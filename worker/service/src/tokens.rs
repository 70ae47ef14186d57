//! Tokens of the API: makes, lists, revokes and checks them.
//!
//! Only a hash is stored. The secret in a token has 256 random bits, so a fast hash is enough.

mod gate;
mod text;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait,
    QueryFilter, QueryOrder,
};
use serde_json::json;
use subtle::ConstantTimeEq;
use syncline_engine::{hash::digest, nearest::alternatives};
use syncline_entity::{api_token, project};
use syncline_sql::begin;
use zeroize::Zeroizing;

pub use self::gate::{Denied, Gate, SHORTEST_GIVEN};
use crate::{
    Caller, Error, Refusal, Scope, Scopes, Unknown,
    audit::{self, Entry},
};

/// How often the last use of a token is written.
const NOTE_USE_EVERY: TimeDelta = TimeDelta::minutes(1);

/// The longest name of a token.
const LONGEST_NAME: usize = 100;

/// A token to make.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// The name for people; rows of the audit log have it.
    pub name: &'a str,
    pub scopes: Scopes,
    /// The key of the only project it is valid for.
    pub project: Option<&'a str>,
    pub expires_at: Option<DateTime<Utc>>,
    /// A word in the token that tells people which installation it is for.
    pub environment: &'a str,
}

/// A token as stored, and the key of its project.
#[derive(Debug, Clone)]
pub struct KnownToken {
    pub row: api_token::Model,
    pub project: Option<String>,
}

impl KnownToken {
    pub fn scopes(&self) -> Scopes {
        scopes_of(&self.row)
    }

    /// The standing in a word.
    pub fn standing(&self) -> &'static str {
        match (self.row.revoked_at, self.row.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(expires)) if expires <= Utc::now() => "expired",
            _ => "valid",
        }
    }
}

/// Makes a token. Returns its text, which is shown once and cannot be found again.
pub async fn create(
    db: &DatabaseConnection,
    caller: &Caller,
    new: &NewToken<'_>,
) -> Result<(KnownToken, Zeroizing<String>), Error> {
    check(new)?;
    let tx = begin(db).await?;
    let project = match new.project {
        Some(key) => Some(project_of(&tx, key, caller).await?),
        None => None,
    };
    if caller.project.is_some() && project.is_none() {
        let text = "project: a token of one project makes tokens of that project only; name it";
        return Err(Error::Invalid(text.to_owned()));
    }
    let row = api_token::ActiveModel {
        // Its own id is part of the token, so the hash follows.
        hash: Set(format!("new:{}", text::random()?.as_str())),
        name: Set(new.name.trim().to_owned()),
        project_id: Set(project.as_ref().map(|project| project.id)),
        scopes: Set(json!(new.scopes.names())),
        created_at: Set(Utc::now().trunc_subsecs(6)),
        expires_at: Set(new.expires_at.map(|time| time.trunc_subsecs(6))),
        ..Default::default()
    };
    let row = row.insert(&tx).await?;
    let text = text::make(new.environment, row.id)?;
    let hashed =
        api_token::ActiveModel { id: Set(row.id), hash: Set(digest(text.as_bytes())), ..Default::default() };
    let row = hashed.update(&tx).await?;
    let token = KnownToken { row, project: project.map(|project| project.key) };
    audit::record(&tx, caller, entry("token.create", &token, None)).await?;
    tx.commit().await?;
    Ok((token, text))
}

/// All tokens that a caller may see, the oldest first.
pub async fn list(db: &impl ConnectionTrait, caller: &Caller) -> Result<Vec<KnownToken>, DbErr> {
    let mut query = api_token::Entity::find().order_by_asc(api_token::Column::Id);
    if let Some(project) = caller.project {
        query = query.filter(api_token::Column::ProjectId.eq(project));
    }
    let rows = query.find_also_related(project::Entity).all(db).await?;
    let known = |(row, project): (_, Option<project::Model>)| KnownToken {
        row,
        project: project.map(|project| project.key),
    };
    Ok(rows.into_iter().map(known).collect())
}

/// Ends a token. Returns false if it was revoked before.
pub async fn revoke(db: &DatabaseConnection, caller: &Caller, id: i64) -> Result<(KnownToken, bool), Error> {
    let tx = begin(db).await?;
    let unknown =
        || Error::unknown(Unknown::Token, format!("there is no token {id}; `syncline tokens` lists them"));
    let mut token =
        list(&tx, caller).await?.into_iter().find(|token| token.row.id == id).ok_or_else(unknown)?;
    if token.row.revoked_at.is_some() {
        return Ok((token, false));
    }
    let before = token.clone();
    let revoked = api_token::ActiveModel {
        id: Set(id),
        revoked_at: Set(Some(Utc::now().trunc_subsecs(6))),
        ..Default::default()
    };
    token.row = revoked.update(&tx).await?;
    audit::record(&tx, caller, entry("token.revoke", &token, Some(&before))).await?;
    tx.commit().await?;
    Ok((token, true))
}

fn entry<'a>(action: &'a str, token: &KnownToken, before: Option<&KnownToken>) -> Entry<'a> {
    let shown = |token: &KnownToken| {
        json!({
            "name": token.row.name, "scopes": token.row.scopes, "project": token.project,
            "expires_at": token.row.expires_at, "standing": token.standing(),
        })
    };
    Entry {
        action,
        kind: "token",
        id: Some(token.row.id.to_string()),
        project: token.row.project_id,
        before: before.map(shown).unwrap_or_default(),
        after: shown(token),
    }
}

async fn project_of(db: &impl ConnectionTrait, key: &str, caller: &Caller) -> Result<project::Model, Error> {
    let all = project::Entity::find().order_by_asc(project::Column::Key).all(db).await?;
    let seen: Vec<_> = all.into_iter().filter(|project| caller.sees(project.id)).collect();
    if let Some(project) = seen.iter().find(|project| project.key == key) {
        return Ok(project.clone());
    }
    let known = alternatives(key, seen.iter().map(|project| project.key.as_str()), "the projects are:");
    Err(Error::unknown(Unknown::Project, format!("project: there is no project {key:?}; {known}")))
}

fn check(new: &NewToken<'_>) -> Result<(), Error> {
    let name = new.name.trim();
    let mut wrong = Vec::new();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        wrong.push(format!("name: {name:?} must have 1 to {LONGEST_NAME} characters, without line breaks"));
    }
    if new.scopes.is_empty() {
        wrong.push("scopes: name at least one of read, data:read, enqueue, operate, admin".to_owned());
    }
    if new.expires_at.is_some_and(|time| time <= Utc::now()) {
        wrong.push("expires_at: the time is in the past; name a later one".to_owned());
    }
    wrong.extend(text::check_environment(new.environment).err());
    Error::all(wrong.into_iter().map(|text| Err(Error::Invalid(text))).collect())
}

fn scopes_of(row: &api_token::Model) -> Scopes {
    // A scope that only a newer version knows permits nothing here.
    let names = row.scopes.as_array().into_iter().flatten().filter_map(|name| name.as_str());
    names.filter_map(|name| name.parse::<Scope>().ok()).collect()
}

/// The stored token with this text. Wrong, expired and revoked ones are all none.
async fn authenticate(db: &impl ConnectionTrait, given: &str) -> Result<Option<api_token::Model>, DbErr> {
    let Some(id) = text::id_of(given) else { return Ok(None) };
    let Some(row) = api_token::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
    let same: bool = digest(given.as_bytes()).as_bytes().ct_eq(row.hash.as_bytes()).into();
    let now = Utc::now();
    if !same || row.revoked_at.is_some() || row.expires_at.is_some_and(|expires| expires <= now) {
        return Ok(None);
    }
    note_use(db, &row, now).await?;
    Ok(Some(row))
}

/// Writes that a token was used, at most once a minute.
async fn note_use(
    db: &impl ConnectionTrait,
    row: &api_token::Model,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if row.last_used_at.is_some_and(|last| now - last < NOTE_USE_EVERY) {
        return Ok(());
    }
    api_token::Entity::update_many()
        .col_expr(api_token::Column::LastUsedAt, sea_orm::sea_query::Expr::value(now.trunc_subsecs(6)))
        .filter(api_token::Column::Id.eq(row.id))
        .exec(db)
        .await
        .map(|_| ())
}

/// True if there is a token that is not revoked, expired or not.
pub async fn any(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let one = api_token::Entity::find().filter(api_token::Column::RevokedAt.is_null()).one(db).await?;
    Ok(one.is_some())
}

/// Refuses an address that other machines can reach while there is no token, with the command that makes one.
pub async fn check_public(db: &impl ConnectionTrait, address: &str, given: bool) -> Result<(), Error> {
    if given || any(db).await? {
        return Ok(());
    }
    let text = format!(
        "{address} can be reached by other machines, and there is no token yet. Make one: `syncline tokens create NAME \
         --scope admin`, or set SYNCLINE_TOKEN; or listen on 127.0.0.1"
    );
    Err(Error::refused(Refusal::NoToken, text))
}

#[cfg(test)]
mod tests;
