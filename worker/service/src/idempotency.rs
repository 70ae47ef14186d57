//! Requests that may be repeated: the same key from the same caller gets the stored answer of the first request.
//!
//! Only successes are stored. A key whose request failed is free again at once, and one whose process died is free after
//! a minute; what a request does must then find what the first one has done.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Value};
use serde_json::Value as Json;
use syncline_entity::idempotency_key;
use syncline_sql::statement;

use crate::Caller;

/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// How long a request may be in progress. Nothing that takes longer is repeated before it is over.
const ABANDONED: TimeDelta = TimeDelta::seconds(60);

/// An answer as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAnswer {
    pub status: u16,
    /// Headers by name.
    pub headers: Json,
    pub body: Vec<u8>,
}

/// The right to carry out a request and to store its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    id: i64,
    /// Another request has taken over if the row has another time.
    at: DateTime<Utc>,
}

/// What becomes of a request with a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It is the first one.
    First(Claim),
    /// It was carried out.
    Answered(StoredAnswer),
    /// The first one is being carried out.
    InProgress,
    /// The first one was another request.
    Mismatch,
}

/// Begins a request. `route` is its method and path, `fingerprint` a hash of its body.
pub async fn begin(
    db: &DatabaseConnection,
    caller: &Caller,
    key: &str,
    route: &str,
    fingerprint: &str,
) -> Result<Begun, DbErr> {
    let now = Utc::now().trunc_subsecs(6);
    let key = format!("{route} {key}");
    // The row of a key may go between the two statements: the request failed, or its time was over.
    for _ in 0..3 {
        if let Some(id) = insert(db, caller, &key, fingerprint, now).await? {
            return Ok(Begun::First(Claim { id, at: now }));
        }
        let Some(row) = idempotency_key::of_caller(db, caller.token, &key).await? else { continue };
        if row.expires_at <= now {
            remove(db, row.id, row.created_at).await?;
            continue;
        }
        if row.request_hash != fingerprint {
            return Ok(Begun::Mismatch);
        }
        if let Some(status) = row.response_status {
            return Ok(Begun::Answered(StoredAnswer {
                status: u16::try_from(status).unwrap_or(500),
                headers: row.response_headers.unwrap_or_default(),
                body: row.response_body.unwrap_or_default(),
            }));
        }
        if now - row.created_at < ABANDONED {
            return Ok(Begun::InProgress);
        }
        // Its process has died.
        let sql = "UPDATE idempotency_keys SET created_at = ?, expires_at = ? WHERE id = ? AND created_at = ? \
                   AND response_status IS NULL";
        let values: [Value; 4] = [now.into(), (now + KEPT).into(), row.id.into(), row.created_at.into()];
        if run(db, sql, values).await? > 0 {
            return Ok(Begun::First(Claim { id: row.id, at: now }));
        }
    }
    Ok(Begun::InProgress)
}

/// Stores the answer of a request.
pub async fn finish(db: &DatabaseConnection, claim: &Claim, answer: StoredAnswer) -> Result<(), DbErr> {
    let sql = "UPDATE idempotency_keys SET response_status = ?, response_headers = ?, response_body = ? \
               WHERE id = ? AND created_at = ?";
    let values: [Value; 5] = [
        i16::try_from(answer.status).unwrap_or(500).into(),
        answer.headers.into(),
        answer.body.into(),
        claim.id.into(),
        claim.at.into(),
    ];
    run(db, sql, values).await.map(|_| ())
}

/// Frees the key of a request that changed nothing.
pub async fn forget(db: &DatabaseConnection, claim: &Claim) -> Result<(), DbErr> {
    remove(db, claim.id, claim.at).await
}

async fn insert(
    db: &DatabaseConnection,
    caller: &Caller,
    key: &str,
    fingerprint: &str,
    now: DateTime<Utc>,
) -> Result<Option<i64>, DbErr> {
    let sql = "INSERT INTO idempotency_keys (token_id, key, request_hash, created_at, expires_at) \
               VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id";
    let values: [Value; 5] =
        [caller.token.into(), key.into(), fingerprint.into(), now.into(), (now + KEPT).into()];
    let row = db.query_one_raw(statement(db.get_database_backend(), sql, values)).await?;
    row.map(|row| row.try_get("", "id")).transpose()
}

async fn remove(db: &DatabaseConnection, id: i64, at: DateTime<Utc>) -> Result<(), DbErr> {
    let sql = "DELETE FROM idempotency_keys WHERE id = ? AND created_at = ?";
    run(db, sql, [Value::from(id), at.into()]).await.map(|_| ())
}

async fn run<const N: usize>(db: &DatabaseConnection, sql: &str, values: [Value; N]) -> Result<u64, DbErr> {
    Ok(db.execute_raw(statement(db.get_database_backend(), sql, values)).await?.rows_affected())
}
