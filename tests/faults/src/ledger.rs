//! The ledger: what handlers did, written as they did it to a PostgreSQL that no scenario touches.
//!
//! It keeps the one clock of a scenario, and it is also the SQL state that jobs write to: a row per job holds the
//! highest token that was seen, and a write under a lower one is refused and noted. That is the fence.

use std::time::Duration;

use anyhow::Result;
use sqlx::{
    PgPool,
    postgres::PgPoolOptions,
    types::chrono::{DateTime, Utc},
};
use syncline_queue::{LeaseRef, Settled, SourceEvent};
use syncline_support::postgres::Database;
use tokio::sync::OnceCell;
use uuid::Uuid;

static SERVER: OnceCell<Database> = OnceCell::const_new();

const SCHEMA: &str = "
CREATE TABLE starts (n bigserial PRIMARY KEY, job uuid NOT NULL, token bigint NOT NULL, attempt int NOT NULL,
    worker text NOT NULL, order_key text, slot_key text, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE ends (job uuid NOT NULL, token bigint NOT NULL, worker text NOT NULL, accepted boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE states (job uuid PRIMARY KEY, token bigint NOT NULL, writes int NOT NULL DEFAULT 0);
CREATE TABLE refused (job uuid NOT NULL, token bigint NOT NULL, newest bigint NOT NULL, worker text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE events (what text NOT NULL, job uuid NOT NULL, token bigint, worker text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE faults (worker text, what text NOT NULL, began timestamptz NOT NULL, ended timestamptz NOT NULL);
";

/// Raises the fence of a job and notes its start; under a token that is not newer, notes a refusal instead.
const START: &str = "
WITH won AS (INSERT INTO states (job, token) VALUES ($1, $2) ON CONFLICT (job) DO UPDATE SET token = excluded.token
    WHERE states.token < excluded.token RETURNING 1),
noted AS (INSERT INTO starts (job, token, attempt, worker, order_key, slot_key) SELECT $1, $2, $3, $4, $5, $6 FROM won),
late AS (INSERT INTO refused (job, token, newest, worker) SELECT $1, $2, coalesce((SELECT token FROM states
    WHERE job = $1), -1), $4 WHERE NOT EXISTS (SELECT 1 FROM won))
SELECT EXISTS (SELECT 1 FROM won)";

/// Writes under the fence and notes the end; a write under an old token is refused.
const END: &str = "
WITH won AS (UPDATE states SET writes = writes + 1 WHERE job = $1 AND token = $2 RETURNING 1),
late AS (INSERT INTO refused (job, token, newest, worker) SELECT $1, $2, coalesce((SELECT token FROM states
    WHERE job = $1), -1), $3 WHERE NOT EXISTS (SELECT 1 FROM won))
INSERT INTO ends (job, token, worker, accepted) SELECT $1, $2, $3, EXISTS (SELECT 1 FROM won)";

/// A connection to one scenario's ledger.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) pool: PgPool,
}

impl Ledger {
    /// A new one; answers its URL, too.
    pub(crate) async fn create() -> Result<(Ledger, String)> {
        let server = SERVER.get_or_try_init(Database::alone).await?;
        let database = server.beside().await?;
        database.execute(SCHEMA).await?;
        let url = database.url();
        Ok((Ledger::open(&url, 4).await?, url))
    }

    pub(crate) async fn open(url: &str, connections: u32) -> Result<Ledger> {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(30))
            .connect(url)
            .await?;
        Ok(Ledger { pool })
    }

    /// False: another claim has begun this job already.
    pub(crate) async fn start(
        &self,
        claim: LeaseRef,
        attempt: u32,
        worker: &str,
        order_key: Option<&str>,
        slot_key: Option<&str>,
    ) -> Result<bool> {
        let won = sqlx::query_scalar(START)
            .bind(claim.id)
            .bind(claim.token)
            .bind(i32::try_from(attempt)?)
            .bind(worker)
            .bind(order_key)
            .bind(slot_key)
            .fetch_one(&self.pool)
            .await?;
        Ok(won)
    }

    pub(crate) async fn end(&self, claim: LeaseRef, worker: &str) -> Result<()> {
        sqlx::query(END).bind(claim.id).bind(claim.token).bind(worker).execute(&self.pool).await?;
        Ok(())
    }

    /// Notes what a source saw, as far as it matters.
    pub(crate) async fn saw(&self, event: &SourceEvent, worker: &str) -> Result<()> {
        let (what, job, token) = match event {
            SourceEvent::Settled { lease, settled: Settled::Stale, .. } => {
                ("stale", lease.id, Some(lease.token))
            }
            SourceEvent::Rescued(rescued) => ("rescued", rescued.id, None),
            SourceEvent::LeaseLost(lease) => ("lease lost", lease.id, Some(lease.token)),
            _ => return Ok(()),
        };
        sqlx::query("INSERT INTO events (what, job, token, worker) VALUES ($1, $2, $3, $4)")
            .bind(what)
            .bind(job)
            .bind(token)
            .bind(worker)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(crate) async fn now(&self) -> Result<DateTime<Utc>> {
        Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&self.pool).await?)
    }

    /// Notes a fault that began then and ends now, of one worker or of the store that all use.
    pub(crate) async fn fault(&self, worker: Option<&str>, what: &str, began: DateTime<Utc>) -> Result<()> {
        self.fault_of(worker, what, began, Duration::ZERO).await
    }

    /// The same of one whose end lies that far ahead.
    pub(crate) async fn fault_of(
        &self,
        worker: Option<&str>,
        what: &str,
        began: DateTime<Utc>,
        more: Duration,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO faults (worker, what, began, ended) VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 ms')",
        )
        .bind(worker)
        .bind(what)
        .bind(began)
        .bind(f64::from(u32::try_from(more.as_millis())?))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// One number.
    pub(crate) async fn count(&self, sql: &'static str) -> Result<u64> {
        let number: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
        Ok(u64::try_from(number)?)
    }

    /// How often each job was started.
    pub(crate) async fn starts_of(&self, job: Uuid) -> Result<u64> {
        let number: i64 = sqlx::query_scalar("SELECT count(*) FROM starts WHERE job = $1")
            .bind(job)
            .fetch_one(&self.pool)
            .await?;
        Ok(u64::try_from(number)?)
    }
}
