//! Decides who a caller of the API is.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{SubsecRound, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseConnection, DbErr, SqlErr};
use serde_json::json;
use subtle::ConstantTimeEq;
use syncline_engine::hash::digest;
use syncline_entity::api_token;

use super::{any, authenticate, scopes_of};
use crate::{Caller, Error, Scope, Scopes};

/// The fewest characters of a token that an operator chooses.
pub const SHORTEST_GIVEN: usize = 32;

/// How long the answer holds whether there is a token at all.
const HOLDS: Duration = Duration::from_secs(1);

/// Who may come in. Clones share what is known.
#[derive(Clone)]
pub struct Gate {
    /// Only this machine can ask.
    local: bool,
    /// The token of `SYNCLINE_TOKEN`: its hash and its row.
    given: Option<Arc<(String, api_token::Model)>>,
    /// When it was last looked for a token, and whether there was one.
    any: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("local", &self.local).field("given", &self.given.is_some()).finish()
    }
}

/// Why somebody may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No token was sent, and one is needed.
    Missing,
    /// It is unknown, expired or revoked; which one is not told.
    Wrong,
}

impl Gate {
    /// A gate for callers of this machine, who need no token until there is one.
    pub fn local() -> Gate {
        Gate { local: true, given: None, any: Arc::default() }
    }

    /// A gate for callers from anywhere, who need a token.
    pub fn public() -> Gate {
        Gate { local: false, ..Gate::local() }
    }

    /// True if only this machine can ask.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Also takes the token of `SYNCLINE_TOKEN`. One that is not stored yet is stored with all permissions.
    pub async fn with_given(self, db: &DatabaseConnection, token: &str) -> Result<Gate, Error> {
        let token = token.trim();
        if token.chars().count() < SHORTEST_GIVEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Invalid(format!(
                "SYNCLINE_TOKEN must have at least {SHORTEST_GIVEN} characters of ASCII without spaces; make one with \
                 `openssl rand -hex 32`"
            )));
        }
        let hash = digest(token.as_bytes());
        let row = match api_token::by_hash(db, &hash).await? {
            Some(row) => row,
            None => store_given(db, &hash).await?,
        };
        Ok(Gate { given: Some(Arc::new((hash, row))), ..self })
    }

    /// The caller with this token, without their address and request.
    pub async fn admit(
        &self,
        db: &DatabaseConnection,
        token: Option<&str>,
    ) -> Result<Result<Caller, Denied>, DbErr> {
        let Some(token) = token else {
            let open = self.local && self.given.is_none() && !self.is_any(db).await?;
            return Ok(if open { Ok(nobody()) } else { Err(Denied::Missing) });
        };
        if let Some(row) = self.is_given(db, token).await? {
            return Ok(Ok(caller(&row)));
        }
        Ok(authenticate(db, token).await?.map(|row| caller(&row)).ok_or(Denied::Wrong))
    }

    /// The row of the given token, which may have been revoked meanwhile.
    async fn is_given(
        &self,
        db: &impl ConnectionTrait,
        token: &str,
    ) -> Result<Option<api_token::Model>, DbErr> {
        let Some(given) = &self.given else { return Ok(None) };
        let (hash, _) = &**given;
        let same: bool = digest(token.as_bytes()).as_bytes().ct_eq(hash.as_bytes()).into();
        if !same {
            return Ok(None);
        }
        let row = api_token::by_hash(db, hash).await?;
        let row = row.filter(|row| row.expires_at.is_none_or(|expires| expires > Utc::now()));
        if let Some(row) = &row {
            super::note_use(db, row, Utc::now()).await?;
        }
        Ok(row)
    }

    async fn is_any(&self, db: &impl ConnectionTrait) -> Result<bool, DbErr> {
        let last = *self.any.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, any)) = last
            && at.elapsed() < HOLDS
        {
            return Ok(any);
        }
        let any = any(db).await?;
        *self.any.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), any));
        Ok(any)
    }
}

/// The name of callers without a token.
const NOBODY: &str = "anyone on this machine";

fn nobody() -> Caller {
    Caller {
        actor: NOBODY.to_owned(),
        from: String::new(),
        request_id: String::new(),
        scopes: Scopes::all(),
        project: None,
        token: None,
    }
}

fn caller(row: &api_token::Model) -> Caller {
    Caller {
        actor: format!("token {}", row.name),
        scopes: scopes_of(row),
        project: row.project_id,
        token: Some(row.id),
        ..nobody()
    }
}

async fn store_given(db: &DatabaseConnection, hash: &str) -> Result<api_token::Model, Error> {
    let row = api_token::ActiveModel {
        hash: Set(hash.to_owned()),
        name: Set("SYNCLINE_TOKEN".to_owned()),
        scopes: Set(json!([Scope::Admin])),
        created_at: Set(Utc::now().trunc_subsecs(6)),
        ..Default::default()
    };
    match row.insert(db).await {
        Ok(row) => Ok(row),
        // Another replica was first, or the token was revoked.
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            api_token::by_hash(db, hash)
                .await?
                .ok_or_else(|| Error::Invalid("SYNCLINE_TOKEN was revoked; set another one".to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}
