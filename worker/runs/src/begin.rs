//! Begins runs.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult};
use serde_json::json;
use syncline_entity::{event::record, sync_config, sync_history, types::EventType};
use syncline_sql::{Binds, Kind, begin};
use uuid::Uuid;

use super::{
    RunBook,
    book::{are_distinct, cut_short},
    cancel::end_if_asked,
    pause,
    row::not_over,
    statistics::of_syncs,
    told::About,
};

/// A run that this worker has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    pub row: sync_history::Model,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// Its sync, as of the beginning.
    pub config: Option<sync_config::Model>,
    /// Links of its sync with an open intent: a write that was begun and whose outcome is not recorded. Read at the
    /// same moment as `config`.
    pub open_intents: Vec<i64>,
}

/// The result of an attempt to begin a run.
#[derive(Debug, Clone)]
pub enum Begin {
    /// This worker has the run.
    Begun(Box<Begun>),
    /// The run's sync is paused: its row waits for the end of the pause, and its job may be removed.
    Parked,
    /// The run is over, or its cancellation was requested.
    Over,
}

impl Begin {
    /// Returns the run, if this worker has it.
    pub fn begun(self) -> Option<Begun> {
        match self {
            Begin::Begun(begun) => Some(*begun),
            Begin::Parked | Begin::Over => None,
        }
    }
}

impl RunBook {
    /// Begins a run: raises its fence, so that an earlier worker can write no more, and notes the attempt. After this
    /// an equal run may be accepted, and events go to a later run.
    pub async fn begin(&self, run: Uuid, attempt: u32) -> Result<Begin, DbErr> {
        let asked = BeginCall { book: self.clone(), run, attempt };
        if let Some(begun) = self.meeting.begin.call(asked).await.map_err(cut_short)?? {
            return Ok(Begin::Begun(Box::new(begun)));
        }
        if pause::park(&self.db, run).await? {
            return Ok(Begin::Parked);
        }
        end_if_asked(&self.db, run).await?;
        Ok(Begin::Over)
    }
}

pub(super) struct BeginCall {
    book: RunBook,
    run: Uuid,
    attempt: u32,
}

pub(super) async fn begin_together(asked: Vec<BeginCall>) -> Vec<Result<Option<Begun>, DbErr>> {
    // Two concurrent claims of one run are handled one after the other, so that the later one wins.
    if are_distinct(asked.iter().map(|one| one.run))
        && let Some(BeginCall { book, .. }) = asked.first()
    {
        match begin_in_one(book, &asked).await {
            Ok(mut begun) => return asked.iter().map(|one| Ok(begun.remove(&one.run))).collect(),
            Err(error) if asked.len() == 1 => return vec![Err(error)],
            Err(error) => tracing::debug!(%error, runs = asked.len(), "runs could not begin together"),
        }
    }
    join_all(
        asked.iter().map(|one| async {
            Ok(begin_in_one(&one.book, std::slice::from_ref(one)).await?.remove(&one.run))
        }),
    )
    .await
}

/// Ends attempts that were left open: their worker is lost.
const LOSE: &str = "UPDATE sync_attempts SET outcome = 'lost'";
/// An attempt that was given back is not used up, so the next worker reuses its row; `error` keeps the name of the
/// earlier worker.
const AGAIN: &str = "ON CONFLICT (run_id, attempt) DO UPDATE SET worker = excluded.worker, \
                     started_at = excluded.started_at, ended_at = NULL, outcome = NULL, \
                     error = CASE WHEN sync_attempts.outcome = 'returned' \
                     AND LENGTH(COALESCE(sync_attempts.error, '')) < 2000 \
                     THEN COALESCE(sync_attempts.error || '; ', '') || 'given back by ' || sync_attempts.worker \
                     WHEN sync_attempts.outcome = 'returned' THEN sync_attempts.error END";

async fn begin_in_one(book: &RunBook, asked: &[BeginCall]) -> Result<HashMap<Uuid, Begun>, DbErr> {
    let now = book.clock.now();
    let _turn = book.queue.turn(&book.db).await;
    let tx = begin(&book.db).await?;
    let rows = match tx.get_database_backend() {
        DbBackend::Postgres => raise_on_postgres(&tx, book, asked, now).await?,
        _ => raise_on_sqlite(&tx, book, asked, now).await?,
    };
    if rows.is_empty() {
        tx.rollback().await?;
        return Ok(HashMap::new());
    }
    let attempts: HashMap<Uuid, u32> = asked.iter().map(|one| (one.run, one.attempt)).collect();
    let started = |row: &sync_history::Model| {
        let facts = json!({ "kind": row.kind, "attempt": attempts.get(&row.run_uid), "worker": book.worker });
        About::row(row).event(EventType::RunStarted, facts)
    };
    let events: Vec<_> = rows.iter().map(started).collect();
    record(&tx, now, events).await?;
    let syncs: BTreeSet<i64> = rows.iter().map(|row| row.sync_config_id).collect();
    let configs = configs(&tx, &syncs).await?;
    let intents = open_intents(&tx, &syncs).await?;
    tx.commit().await?;
    let begun = |row: sync_history::Model| {
        let begun = Begun {
            attempt: attempts.get(&row.run_uid).copied().unwrap_or(1),
            config: configs.get(&row.sync_config_id).cloned(),
            open_intents: intents.get(&row.sync_config_id).cloned().unwrap_or_default(),
            row,
        };
        (begun.row.run_uid, begun)
    };
    Ok(rows.into_iter().map(begun).collect())
}

/// Returns the table `asked` for `FROM`.
fn table<'a>(binds: &mut Binds, asked: impl IntoIterator<Item = &'a BeginCall>) -> String {
    let row = |one: &BeginCall| json!({ "run": one.run.simple().to_string(), "attempt": one.attempt });
    binds.rows(asked.into_iter().map(row).collect(), &[("run", Kind::Id), ("attempt", Kind::Number)])
}

/// Raises the fences of the runs that may begin.
fn raising(binds: &Binds, asked: &str, now: impl std::fmt::Display) -> String {
    let returning = match binds.backend {
        DbBackend::Postgres => "sync_history.*",
        _ => "*",
    };
    format!(
        "UPDATE sync_history SET fence = fence + 1, status = 'in_progress', waiting_key = NULL, \
         started_at = COALESCE(started_at, {now}) FROM {asked} WHERE sync_history.run_uid = asked.run \
         AND {not_over} AND cancel_requested_at IS NULL AND NOT EXISTS (SELECT 1 FROM sync_configs c \
         WHERE c.id = sync_history.sync_config_id AND {paused}) RETURNING {returning}",
        not_over = not_over(binds.backend),
        paused = pause::condition("c"),
    )
}

async fn raise_on_sqlite(
    tx: &impl ConnectionTrait,
    book: &RunBook,
    asked: &[BeginCall],
    now: DateTime<Utc>,
) -> Result<Vec<sync_history::Model>, DbErr> {
    let mut binds = Binds::new(tx);
    let (rows, at) = (table(&mut binds, asked), binds.bind(now));
    let text = raising(&binds, &format!("{rows} AS asked"), at);
    let rows = read(binds.all(tx, text).await?)?;
    let raised = || asked.iter().filter(|one| rows.iter().any(|row| row.run_uid == one.run));
    if raised().any(|one| one.attempt > 1) {
        let mut binds = Binds::new(tx);
        let (again, at) = (table(&mut binds, raised()), binds.bind(now));
        let text = format!(
            "{LOSE}, ended_at = {at} FROM {again} AS asked WHERE sync_attempts.run_id = asked.run \
             AND sync_attempts.attempt < asked.attempt AND ended_at IS NULL"
        );
        binds.run(tx, text).await?;
    }
    if !rows.is_empty() {
        let mut binds = Binds::new(tx);
        let noted = table(&mut binds, raised());
        let (worker, at) = (binds.bind(&*book.worker), binds.bind(now));
        let text = format!(
            "INSERT INTO sync_attempts (run_id, attempt, worker, started_at) \
             SELECT asked.run, asked.attempt, {worker}, {at} FROM {noted} AS asked WHERE TRUE {AGAIN}"
        );
        binds.run(tx, text).await?;
    }
    Ok(rows)
}

/// As [`raise_on_sqlite`], but in one statement, since round trips dominate the cost.
async fn raise_on_postgres(
    tx: &impl ConnectionTrait,
    book: &RunBook,
    asked: &[BeginCall],
    now: DateTime<Utc>,
) -> Result<Vec<sync_history::Model>, DbErr> {
    let mut binds = Binds::new(tx);
    let rows = table(&mut binds, asked);
    let (now, worker) = (binds.bind(now), binds.bind(&*book.worker));
    let mut lost = String::new();
    if asked.iter().any(|one| one.attempt > 1) {
        lost = format!(
            ", lost AS ({LOSE}, ended_at = {now} FROM asked JOIN raised ON raised.run_uid = asked.run \
             WHERE sync_attempts.run_id = asked.run AND sync_attempts.attempt < asked.attempt AND ended_at IS NULL)"
        );
    }
    let text = format!(
        "WITH asked AS MATERIALIZED {rows}, raised AS ({raising}){lost}, \
         noted AS (INSERT INTO sync_attempts (run_id, attempt, worker, started_at) \
         SELECT asked.run, asked.attempt, {worker}, {now} FROM asked JOIN raised ON raised.run_uid = asked.run {AGAIN}) \
         SELECT * FROM raised",
        raising = raising(&binds, "asked", now),
    );
    read(binds.all(tx, text).await?)
}

fn read(rows: Vec<sea_orm::QueryResult>) -> Result<Vec<sync_history::Model>, DbErr> {
    rows.iter().map(|row| sync_history::Model::from_query_result(row, "")).collect()
}

async fn configs(
    tx: &impl ConnectionTrait,
    syncs: &BTreeSet<i64>,
) -> Result<HashMap<i64, sync_config::Model>, DbErr> {
    let mut binds = Binds::new(tx);
    let text = format!("SELECT * FROM sync_configs WHERE {}", of_syncs(&mut binds, syncs, "id"));
    let read = |row: &sea_orm::QueryResult| {
        let config = sync_config::Model::from_query_result(row, "")?;
        Ok((config.id, config))
    };
    binds.all(tx, text).await?.iter().map(read).collect()
}

async fn open_intents(
    tx: &impl ConnectionTrait,
    syncs: &BTreeSet<i64>,
) -> Result<HashMap<i64, Vec<i64>>, DbErr> {
    let mut binds = Binds::new(tx);
    let text = format!(
        "SELECT sync_config_id, id FROM sync_metadata WHERE intent_deadline IS NOT NULL AND {} ORDER BY id",
        of_syncs(&mut binds, syncs, "sync_config_id")
    );
    let mut intents: HashMap<i64, Vec<i64>> = HashMap::new();
    for row in binds.all(tx, text).await? {
        intents.entry(row.try_get("", "sync_config_id")?).or_default().push(row.try_get("", "id")?);
    }
    Ok(intents)
}
