//! Exchanges refresh tokens for access tokens: at most one process at a time for an account.
//!
//! A process claims the exchange in the account's row, for a time. It stores what the platform answered before anybody
//! uses it, and only if the stored secret is still the one it sent. A process that dies in between leaves a refresh token
//! that was used up: if the platform has a time of grace, the next exchange gets the same tokens again; otherwise it is
//! refused, and a person has to set the secret anew.

use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::Value as Json;
use syncline_connectors::{
    Token,
    http::{Auth, Class, Client, Dialect, Head, Told},
    platform,
};
use syncline_engine::ports::{ConnectorError, Meter};
use syncline_entity::{account, secret::Sealed};

use crate::{
    AccountError, Broker, Cause, Grant,
    broker::owner,
    grant::Access,
    seal,
    vault::{call, passing},
};

/// How long an exchange is claimed for: longer than its request may take.
const CLAIM: TimeDelta = TimeDelta::seconds(120);

/// How often a process looks whether another one has finished.
const LOOK: Duration = Duration::from_millis(250);

/// How often the new tokens are tried to be stored. Without them the account needs a person.
const TRIES: u32 = 6;

/// An access token that lasts so long if the platform does not tell.
const USUAL: i64 = 3_600;

/// What became of an exchange.
enum Exchanged {
    /// New tokens are stored.
    Stored(Token),
    /// The platform does not answer, and the access token at hand has not ended.
    Kept(Token),
    /// The stored secret is another one than was sent.
    Superseded,
}

impl Broker {
    /// An access token of an account whose secret is a grant. Exchanges the refresh token if the one at hand ends soon.
    pub(crate) async fn access(
        &self,
        db: &DatabaseConnection,
        row: &account::Model,
    ) -> Result<Token, AccountError> {
        let failed = |cause, message: String| AccountError::new(&row.name, cause, message);
        let database = |error: DbErr| {
            failed(Cause::Passing, format!("it cannot be read from Syncline's database: {error}"))
        };
        let began = Instant::now();
        let mut row = row.clone();
        loop {
            let (grant, sealed) = self.grant(&row).await?;
            let now = Utc::now();
            if let Some(token) = grant.fresh(now) {
                return Ok(token);
            }
            if let Some(claimed) = claim(db, &row, &sealed).await.map_err(database)? {
                let exchanged = self.exchange(db, &row, &grant, &sealed).await;
                if !matches!(exchanged, Ok(Exchanged::Stored(_))) {
                    release(db, &row, claimed).await;
                }
                match exchanged? {
                    Exchanged::Stored(token) | Exchanged::Kept(token) => return Ok(token),
                    Exchanged::Superseded => {}
                }
            } else if let Some(token) = grant.valid(now) {
                // Another process is about to replace it.
                return Ok(token);
            } else if began.elapsed() > CLAIM.to_std().unwrap_or_default() * 2 {
                let text = "another process has been getting an access token for it for minutes";
                return Err(failed(Cause::Passing, text.to_owned()));
            } else {
                tokio::time::sleep(LOOK).await;
            }
            let id = row.id;
            row = account::Entity::find_by_id(id)
                .one(db)
                .await
                .map_err(database)?
                .ok_or_else(|| failed(Cause::Account, "it was removed".to_owned()))?;
        }
    }

    /// The grant of a row, and the form in which it is stored.
    async fn grant(&self, row: &account::Model) -> Result<(Grant, Sealed), AccountError> {
        let failed = |cause, message: String| AccountError::new(&row.name, cause, message);
        let secret = self.secret(row).await?;
        let Some(sealed) = row.secret_enc.clone() else {
            let text = "a grant of OAuth changes with each use, so that it cannot stand elsewhere; pipe it into \
                        `syncline accounts rotate`, which stores it encrypted";
            return Err(failed(Cause::Secret, text.to_owned()));
        };
        let grant = Grant::read(&secret).map_err(|error| failed(Cause::Secret, error))?;
        Ok((grant, sealed))
    }

    async fn exchange(
        &self,
        db: &DatabaseConnection,
        row: &account::Model,
        grant: &Grant,
        sealed: &Sealed,
    ) -> Result<Exchanged, AccountError> {
        let failed = |cause, message: String| AccountError::new(&row.name, cause, message);
        let next = match self.ask(row, grant).await {
            Ok(next) => next,
            Err(error) => {
                // Somebody may have stored another one before the claim, or set it by hand.
                let now = account::Entity::find_by_id(row.id).one(db).await;
                if now.is_ok_and(|now| now.is_some_and(|now| now.secret_enc.as_ref() != Some(sealed))) {
                    return Ok(Exchanged::Superseded);
                }
                return match grant.valid(Utc::now()).filter(|_| error.cause == Cause::Passing) {
                    Some(token) => {
                        tracing::warn!(%error, "the access token at hand is used until it ends");
                        Ok(Exchanged::Kept(token))
                    }
                    None => Err(error),
                };
            }
        };
        let key = self.keys().current.as_ref();
        let key = key.ok_or_else(|| {
            let text = "no key is set to store its new tokens with; set SYNCLINE_SECRET_KEY or SYNCLINE_SECRET_KEY_FILE";
            failed(Cause::Process, text.to_owned())
        })?;
        let text = next.write().map_err(|error| failed(Cause::Secret, error))?;
        let stored = seal::seal(key, owner(row), &text).map_err(|error| failed(Cause::Process, error))?;
        for attempt in 1.. {
            match store(db, row, sealed, &stored, &key.id()).await {
                Ok(true) => break,
                Ok(false) => return Ok(Exchanged::Superseded),
                Err(error) if attempt >= TRIES => {
                    let text = format!("its new tokens cannot be stored in Syncline's database: {error}");
                    return Err(failed(Cause::Passing, text));
                }
                Err(_) => tokio::time::sleep(LOOK * 2_u32.saturating_pow(attempt)).await,
            }
        }
        let token = next.valid(Utc::now());
        token.map(Exchanged::Stored).ok_or_else(|| {
            failed(Cause::Passing, "the access token that it was given has ended already".to_owned())
        })
    }

    /// Asks the platform for the next tokens.
    async fn ask(&self, row: &account::Model, grant: &Grant) -> Result<Grant, AccountError> {
        let failed = |cause, message: String| AccountError::new(&row.name, cause, message);
        let endpoint = platform(&row.platform).and_then(|platform| platform.token_endpoint());
        let endpoint = endpoint.ok_or_else(|| {
            let text = format!("{} has no access tokens of OAuth; set another secret", row.platform);
            failed(Cause::Secret, text)
        })?;
        if self.keys().current.is_none() {
            let text = "no key is set to store its new tokens with; set SYNCLINE_SECRET_KEY or SYNCLINE_SECRET_KEY_FILE";
            return Err(failed(Cause::Process, text.to_owned()));
        }
        let http = self.http().map_err(|error| failed(Cause::Account, error))?;
        let base = row.base_url.as_deref().unwrap_or(endpoint.base);
        let client = Client::new(&http, &OauthDialect, base, &row.name, Auth::None);
        let client = client.map_err(|error| failed(Cause::Account, error.message))?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &grant.refresh_token),
            ("client_id", &grant.client_id),
            ("client_secret", &grant.client_secret),
        ];
        let meter = Meter::default();
        let began = Utc::now();
        let reply = client.post(endpoint.path).reads().form(&form).send(&call(&meter)).await;
        let reply = reply.map_err(|error| refused(&row.name, &ConnectorError::from(error)))?;
        // Read without types: the error of a typed reader could quote a secret in a trace.
        let body: Json = serde_json::from_slice(reply.body()).unwrap_or_default();
        let text = |key: &str| body[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let token = text("access_token").ok_or_else(|| {
            failed(
                Cause::Passing,
                "the answer to the exchange of its refresh token has no access token".to_owned(),
            )
        })?;
        let lasts = body["expires_in"].as_i64().filter(|seconds| *seconds > 0).unwrap_or(USUAL);
        let until = began + TimeDelta::try_seconds(lasts).unwrap_or(MONTH).min(MONTH);
        Ok(Grant {
            client_id: grant.client_id.clone(),
            client_secret: grant.client_secret.clone(),
            refresh_token: text("refresh_token").unwrap_or_else(|| grant.refresh_token.clone()),
            access: Some(Access { token, from: began, until }),
        })
    }
}

/// No access token is taken for longer, whatever the platform says.
const MONTH: TimeDelta = TimeDelta::days(30);

/// Claims the exchange for this process, and returns until when. None if another one has it, or the secret is not this one
/// any more.
async fn claim(
    db: &DatabaseConnection,
    row: &account::Model,
    sealed: &Sealed,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let now = Utc::now();
    // Whole seconds are the same in every database.
    let until = (now + CLAIM).trunc_subsecs(0);
    let is_free = Condition::any()
        .add(account::Column::RefreshUntil.is_null())
        .add(account::Column::RefreshUntil.lt(now));
    let claimed = account::Entity::update_many()
        .col_expr(account::Column::RefreshUntil, Expr::value(Some(until)))
        .filter(account::Column::Id.eq(row.id))
        .filter(account::Column::SecretEnc.eq(sealed.clone()))
        .filter(is_free)
        .exec(db)
        .await?;
    Ok((claimed.rows_affected == 1).then_some(until))
}

/// Ends a claim of this process.
async fn release(db: &DatabaseConnection, row: &account::Model, claimed: DateTime<Utc>) {
    let released = account::Entity::update_many()
        .col_expr(account::Column::RefreshUntil, Expr::value(Option::<DateTime<Utc>>::None))
        .filter(account::Column::Id.eq(row.id))
        .filter(account::Column::RefreshUntil.eq(claimed))
        .exec(db)
        .await;
    if let Err(error) = released {
        tracing::warn!(account = row.name, %error, "the claim of an exchange ends by itself");
    }
}

/// Stores new tokens in place of those that they were exchanged for, and ends the claim. False if others are stored.
async fn store(
    db: &DatabaseConnection,
    row: &account::Model,
    sealed: &Sealed,
    next: &Sealed,
    key: &str,
) -> Result<bool, DbErr> {
    let stored = account::Entity::update_many()
        .col_expr(account::Column::SecretEnc, Expr::value(next.clone()))
        .col_expr(account::Column::KeyId, Expr::value(key))
        .col_expr(account::Column::RefreshUntil, Expr::value(Option::<DateTime<Utc>>::None))
        .filter(account::Column::Id.eq(row.id))
        .filter(account::Column::SecretEnc.eq(sealed.clone()))
        .exec(db)
        .await?;
    Ok(stored.rows_affected == 1)
}

/// The error of an exchange. What passes by itself does not make the secret a wrong one.
fn refused(account: &str, error: &ConnectorError) -> AccountError {
    let code = error.answer.as_ref().and_then(|answer| answer.code.as_deref());
    let (cause, text) = match code {
        _ if passing(error) => {
            (Cause::Passing, format!("its refresh token could not be exchanged: {}", error.message))
        }
        Some("invalid_grant") => {
            let text = "its refresh token is not accepted any more: it was revoked, or used elsewhere; authorize the \
                        application again, and set the secret anew with `syncline accounts rotate`";
            (Cause::Secret, text.to_owned())
        }
        Some("invalid_client" | "unauthorized_client") => {
            let text = "the application's client_id or client_secret is not accepted; set the secret anew with \
                        `syncline accounts rotate`";
            (Cause::Secret, text.to_owned())
        }
        _ => (Cause::Secret, format!("its refresh token could not be exchanged: {}", error.message)),
    };
    AccountError::new(account, cause, text)
}

/// The answers of token endpoints, as RFC 6749 has them.
struct OauthDialect;

impl Dialect for OauthDialect {
    fn platform(&self) -> &'static str {
        "oauth"
    }

    fn told(&self, head: &Head<'_>, body: &[u8]) -> Told {
        let body: Json = serde_json::from_slice(body).unwrap_or_default();
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        let class = match (head.status, body["error"].as_str()) {
            (_, Some("temporarily_unavailable" | "server_error")) => Some(Class::Transient),
            (400..=403, Some("invalid_grant" | "invalid_client" | "unauthorized_client")) => {
                Some(Class::Auth)
            }
            _ => None,
        };
        Told { class, code: text("error"), ..Told::default() }
    }
}
