//! Replays and discards dead letters, many in one transaction.

use std::collections::{HashMap, HashSet};

use chrono::{SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, EntityTrait, FromQueryResult, QueryFilter,
};
use serde_json::json;
use syncline_entity::{audit_log, event::record, sync_config, sync_history, types::EventType};
use syncline_queue::Error;
use syncline_sql::{Binds, Kind, begin};
use uuid::Uuid;

use super::{
    batch::{Asked, Batch, accept_all_in},
    job::waiting_key,
    queue::RunQueue,
    row::queue_priority,
    run::NewRun,
    told::About,
};

/// Letters replayed or discarded in one transaction.
pub const TOGETHER: usize = 500;

/// Why a letter was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The run is not a dead letter, or no longer one.
    NotDead,
    /// Its sync was deleted, so a replay would fail again.
    SyncGone,
    /// This version cannot read its arguments, or the document of its sync.
    Unreadable,
}

/// The replays of a transaction.
#[derive(Debug, Default)]
pub struct Replays {
    /// Each letter with the run that does its work now: a new one, or an equal waiting one.
    pub replayed: Vec<(Uuid, Uuid)>,
    pub left: Vec<(Uuid, Left)>,
    batch: Batch,
}

impl Replays {
    /// Pushes the new jobs, or wakes the queue. Call it after the commit.
    pub async fn committed(&mut self, db: &DatabaseConnection, queue: &RunQueue) {
        self.batch.committed(db, queue).await;
        for (_, run) in &mut self.replayed {
            if let Some(winner) = self.batch.accepted.get(run).and_then(|accepted| accepted.id()) {
                *run = winner;
            }
        }
    }
}

/// Accepts a new run with the kind and arguments of each dead one, which becomes its parent. The same transaction
/// removes the dead runs from the dead letters. Letters outside of `project` are skipped.
pub async fn replay_in(
    tx: &DatabaseTransaction,
    queue: &RunQueue,
    project: Option<i64>,
    letters: &[Uuid],
) -> Result<Replays, Error> {
    let mut replays = Replays::default();
    let rows = locked(tx, project, letters).await?;
    let configs = configs(tx, &rows).await?;
    let mut again: Vec<(&sync_history::Model, NewRun, Option<String>)> = Vec::with_capacity(rows.len());
    let mut left: HashMap<Uuid, Left> = HashMap::new();
    for row in &rows {
        let Some(config) = configs.get(&row.sync_config_id).filter(|config| config.deleted_at.is_none())
        else {
            left.insert(row.run_uid, Left::SyncGone);
            continue;
        };
        match new_run(row, config).and_then(|run| Ok((waiting_key(&run)?, run))) {
            Ok((key, run)) => again.push((row, run, key)),
            Err(_) => drop(left.insert(row.run_uid, Left::Unreadable)),
        }
    }
    cleared(tx, again.iter().map(|(row, ..)| row.id)).await?;
    let all: Vec<Asked<'_>> = again
        .iter()
        .map(|(_, run, key)| Asked { id: run.id.unwrap_or_default(), run, key: key.as_deref() })
        .collect();
    replays.batch = accept_all_in(tx, queue, &all).await?;
    for ((row, ..), one) in again.iter().zip(&all) {
        let run = replays.batch.accepted.get(&one.id).and_then(|accepted| accepted.id()).unwrap_or(one.id);
        replays.replayed.push((row.run_uid, run));
    }
    let events: Vec<_> = again
        .iter()
        .zip(&replays.replayed)
        .map(|((row, ..), (_, run))| About::row(row).event(EventType::JobReplayed, json!({ "as": run })))
        .collect();
    record(tx, Utc::now().trunc_subsecs(6), events).await?;
    let done: HashSet<Uuid> = replays.replayed.iter().map(|(letter, _)| *letter).collect();
    let not = letters.iter().filter(|letter| !done.contains(letter));
    replays.left = not.map(|letter| (*letter, left.remove(letter).unwrap_or(Left::NotDead))).collect();
    Ok(replays)
}

fn new_run(dead: &sync_history::Model, config: &sync_config::Model) -> Result<NewRun, serde_json::Error> {
    Ok(NewRun {
        priority: queue_priority(dead.priority),
        args: serde_json::from_value(dead.args.clone())?,
        parent: Some(dead.run_uid),
        correlation: Some(dead.correlation_id),
        id: Some(Uuid::now_v7()),
        ..NewRun::of(config, dead.kind, dead.sync_type)?
    })
}

/// Returns those of the runs that are dead, locked until the transaction ends.
async fn locked(
    tx: &DatabaseTransaction,
    project: Option<i64>,
    letters: &[Uuid],
) -> Result<Vec<sync_history::Model>, DbErr> {
    let mut binds = Binds::new(tx);
    let rows = letters.iter().map(|letter| json!({ "letter": letter.simple().to_string() })).collect();
    let rows = binds.rows(rows, &[("letter", Kind::Id)]);
    let of_project = match project {
        Some(project) => format!("AND h.project_id = {}", binds.bind(project)),
        None => String::new(),
    };
    let lock = if binds.backend == DbBackend::Postgres { " FOR UPDATE OF h" } else { "" };
    let text = format!(
        "SELECT h.* FROM {rows} AS asked JOIN sync_history h ON h.run_uid = asked.letter \
         WHERE h.dead_at IS NOT NULL {of_project} ORDER BY h.id{lock}"
    );
    let found = binds.all(tx, text).await?;
    found.iter().map(|row| sync_history::Model::from_query_result(row, "")).collect()
}

async fn configs(
    tx: &impl ConnectionTrait,
    rows: &[sync_history::Model],
) -> Result<HashMap<i64, sync_config::Model>, DbErr> {
    let syncs: HashSet<i64> = rows.iter().map(|row| row.sync_config_id).collect();
    let configs = sync_config::Entity::find().filter(sync_config::Column::Id.is_in(syncs)).all(tx).await?;
    Ok(configs.into_iter().map(|config| (config.id, config)).collect())
}

/// Removes locked rows from the dead letters.
async fn cleared(tx: &impl ConnectionTrait, rows: impl Iterator<Item = i64>) -> Result<u64, DbErr> {
    let rows: Vec<_> = rows.map(|id| json!({ "letter": id })).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let mut binds = Binds::new(tx);
    let rows = binds.rows(rows, &[("letter", Kind::Number)]);
    let text = format!(
        "WITH these AS MATERIALIZED {rows} UPDATE sync_history SET dead_at = NULL FROM these \
         WHERE sync_history.id = these.letter AND dead_at IS NOT NULL"
    );
    binds.run(tx, text).await
}

/// Removes runs from the dead letters without replaying them. Returns the removed ones. Letters outside of `project`
/// are skipped.
pub async fn discard_in(
    tx: &DatabaseTransaction,
    project: Option<i64>,
    letters: &[Uuid],
) -> Result<Vec<Uuid>, DbErr> {
    let rows = locked(tx, project, letters).await?;
    cleared(tx, rows.iter().map(|row| row.id)).await?;
    Ok(rows.into_iter().map(|row| row.run_uid).collect())
}

/// Creates the row of the audit log for the letters that one transaction replayed or discarded.
pub type NotingLetters<'a> = &'a (dyn Fn(&[Uuid]) -> audit_log::ActiveModel + Send + Sync);

/// Replays letters, at most [`TOGETHER`] of them, in their own transaction.
pub async fn replay_all(
    db: &DatabaseConnection,
    queue: &RunQueue,
    project: Option<i64>,
    letters: &[Uuid],
    noting: Option<NotingLetters<'_>>,
) -> Result<Replays, Error> {
    queue.check_room_for(db, letters.len() as u64).await?;
    let turn = queue.turn(db).await;
    let tx = begin(db).await?;
    let mut replays = replay_in(&tx, queue, project, letters).await?;
    let done: Vec<Uuid> = replays.replayed.iter().map(|(letter, _)| *letter).collect();
    noted(&tx, noting, &done).await?;
    tx.commit().await?;
    drop(turn);
    replays.committed(db, queue).await;
    Ok(replays)
}

/// Discards letters, at most [`TOGETHER`] of them, in their own transaction. Returns those that were discarded.
pub async fn discard_all(
    db: &DatabaseConnection,
    project: Option<i64>,
    letters: &[Uuid],
    noting: Option<NotingLetters<'_>>,
) -> Result<Vec<Uuid>, Error> {
    let tx = begin(db).await?;
    let done = discard_in(&tx, project, letters).await?;
    noted(&tx, noting, &done).await?;
    tx.commit().await?;
    Ok(done)
}

async fn noted(
    tx: &DatabaseTransaction,
    noting: Option<NotingLetters<'_>>,
    letters: &[Uuid],
) -> Result<(), DbErr> {
    match noting {
        Some(noting) if !letters.is_empty() => noting(letters).insert(tx).await.map(drop),
        _ => Ok(()),
    }
}
