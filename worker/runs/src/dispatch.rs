//! Pushes due runs of the database that the queue lacks.
//!
//! A pass searches for two kinds of runs. Runs that were never dispatched, which have their own index, were accepted
//! while the store was down, or parked while their sync was paused. Dispatched runs are looked up in the queue by id,
//! one page per pass plus the newest page, so that the cost of a pass does not grow with the number of waiting runs;
//! once a run is missing, the pages follow each other without a wait.
//!
//! Every process that accepts or executes runs does this, without a leader: pushing a run that the queue already has
//! changes nothing.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, Value};
use syncline_entity::{sync_config, sync_history, types::RunStatus};
use syncline_queue::{Error, NewJob, Pushed};
use syncline_sql::{marks, statement};
use tokio::time::timeout;
use uuid::Uuid;

use super::{UNCOUNTED, cancel::end_cancelled, job::Facts, pause, queue::RunQueue, run::JobSettings};

/// Runs per page.
const PAGE: usize = 500;
/// Younger runs are left to the process that accepted or pushed them.
const OLD_ENOUGH: TimeDelta = TimeDelta::seconds(5);
/// The timeout of one call to the store.
const PATIENCE: Duration = Duration::from_secs(10);

/// The result of a pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Runs dispatched for the first time.
    pub dispatched: usize,
    /// Lost runs that were put back.
    pub put_back: usize,
    /// Runs that ended: cancelled, or another run stands in for them.
    pub ended: usize,
    /// True if there is more to do now.
    pub more: bool,
}

/// Searches for runs that are missing in the queue, one pass at a time.
#[derive(Debug)]
pub struct Dispatcher {
    db: DatabaseConnection,
    queue: RunQueue,
    old_enough: TimeDelta,
    /// The last row id checked in this round.
    after: i64,
}

impl Dispatcher {
    pub fn new(db: DatabaseConnection, queue: RunQueue) -> Self {
        Self { db, queue, old_enough: OLD_ENOUGH, after: 0 }
    }

    /// Sets the age below which runs are left alone.
    #[must_use]
    pub fn with_patience(self, old_enough: Duration) -> Self {
        Self { old_enough: TimeDelta::from_std(old_enough).unwrap_or(OLD_ENOUGH), ..self }
    }

    /// Makes one pass. It fails if the store is down; completed work remains.
    pub async fn look(&mut self) -> Result<Looked, Error> {
        pause::assert(&self.db, &self.queue).await?;
        let mut looked = dispatch_older(&self.db, &self.queue, self.old_enough).await?;
        let page = self.page("h.id > ?", "h.id", self.after).await?;
        let whole = self.after == 0 && page.len() < PAGE;
        self.after = if page.len() < PAGE { 0 } else { page.last().map_or(0, |(id, _)| *id) };
        let mut lost = self.check(&page, &mut looked).await?;
        if !whole {
            // A store that lost its latest writes lost the newest runs.
            let newest = self.page("h.id < ?", "h.id DESC", i64::MAX).await?;
            lost += self.check(&newest, &mut looked).await?;
        }
        looked.more |= lost > 0 && !whole;
        Ok(looked)
    }

    /// Returns the row ids and ids of runs that must be in the queue by now.
    async fn page(&self, bound: &str, order: &str, edge: i64) -> Result<Vec<(i64, Uuid)>, Error> {
        let sql = format!(
            "SELECT h.id, h.run_uid FROM sync_history h WHERE h.completed_at IS NULL AND h.dispatched_at < ? \
             AND (h.not_before IS NULL OR h.not_before < ?) AND {bound} ORDER BY {order} LIMIT {PAGE}"
        );
        let before = (Utc::now() - self.old_enough).trunc_subsecs(6);
        let values = [before.into(), before.into(), edge.into()];
        let rows = self.db.query_all_raw(statement(self.db.get_database_backend(), &sql, values)).await?;
        let read = |row: sea_orm::QueryResult| Ok((row.try_get("", "id")?, row.try_get("", "run_uid")?));
        rows.into_iter().map(read).collect::<Result<_, DbErr>>().map_err(Error::from)
    }

    /// Puts back the runs that the queue lacks. Returns how many it lacked.
    async fn check(&self, page: &[(i64, Uuid)], looked: &mut Looked) -> Result<usize, Error> {
        if page.is_empty() {
            return Ok(0);
        }
        let ids: Vec<Uuid> = page.iter().map(|(_, run)| *run).collect();
        let known = timeout(PATIENCE, self.queue.known(&ids)).await;
        let known = known.map_err(|_| Error::late())??;
        let missing: Vec<Uuid> =
            ids.into_iter().zip(known).filter(|(_, known)| !known).map(|(run, _)| run).collect();
        if missing.is_empty() {
            return Ok(0);
        }
        // A run that has left the queue since the page was read is over by now, or parked.
        let rows = sync_history::Entity::find()
            .filter(sync_history::Column::RunUid.is_in(missing))
            .filter(sync_history::Column::CompletedAt.is_null())
            .filter(sync_history::Column::DispatchedAt.is_not_null())
            .all(&self.db)
            .await?;
        let lost = rows.len();
        let (stop, go_on): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.cancel_requested_at.is_some());
        for row in stop {
            looked.ended += usize::from(end_cancelled(&self.db, row.run_uid, "cancelled").await?);
        }
        let paused = pause::paused_of(&self.db, go_on.iter().map(|row| row.sync_config_id)).await?;
        let (parked, go_on): (Vec<_>, Vec<_>) =
            go_on.into_iter().partition(|row| paused.contains(&row.sync_config_id));
        if !parked.is_empty() {
            let ids = parked.iter().map(|row| row.run_uid);
            pause::park_all(&self.db, ids).await?;
        }
        if !go_on.is_empty() {
            tracing::warn!(runs = go_on.len(), "the queue had lost runs; they are put back");
        }
        for handed in dispatch_rows(&self.db, &self.queue, &go_on).await? {
            match handed {
                Handed::Over => looked.put_back += 1,
                Handed::Joined(_) => looked.ended += 1,
                Handed::Later => {}
            }
        }
        Ok(lost)
    }
}

/// Dispatches all due runs at once; used after the end of a pause.
pub async fn dispatch_due(db: &DatabaseConnection, queue: &RunQueue) -> Result<usize, Error> {
    let mut dispatched = 0;
    loop {
        let looked = dispatch_older(db, queue, TimeDelta::zero()).await?;
        dispatched += looked.dispatched;
        if !looked.more || looked.dispatched + looked.ended == 0 {
            return Ok(dispatched);
        }
    }
}

async fn dispatch_older(
    db: &DatabaseConnection,
    queue: &RunQueue,
    old_enough: TimeDelta,
) -> Result<Looked, Error> {
    let now = Utc::now().trunc_subsecs(6);
    let sql = format!(
        "SELECT h.id FROM sync_history h JOIN sync_configs c ON c.id = h.sync_config_id \
         WHERE h.completed_at IS NULL AND h.dispatched_at IS NULL AND h.queued_at <= ? \
         AND (h.not_before IS NULL OR h.not_before <= ?) AND NOT {} ORDER BY h.id LIMIT {PAGE}",
        pause::condition("c")
    );
    let values = [(now - old_enough).into(), now.into()];
    let found = db.query_all_raw(statement(db.get_database_backend(), &sql, values)).await?;
    let ids: Vec<i64> = found.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?;
    let mut looked = Looked { more: ids.len() == PAGE, ..Looked::default() };
    if ids.is_empty() {
        return Ok(looked);
    }
    let rows = sync_history::Entity::find().filter(sync_history::Column::Id.is_in(ids)).all(db).await?;
    for handed in dispatch_rows(db, queue, &rows).await? {
        match handed {
            Handed::Over => looked.dispatched += 1,
            Handed::Joined(_) => looked.ended += 1,
            Handed::Later => {}
        }
    }
    Ok(looked)
}

/// Dispatches one run that was just committed.
pub(super) async fn dispatch_run(db: &DatabaseConnection, queue: &RunQueue, run: Uuid) -> Result<(), Error> {
    let sql = format!(
        "SELECT h.id FROM sync_history h JOIN sync_configs c ON c.id = h.sync_config_id WHERE h.run_uid = ? \
         AND h.completed_at IS NULL AND h.dispatched_at IS NULL AND NOT {}",
        pause::condition("c")
    );
    let found = db.query_one_raw(statement(db.get_database_backend(), &sql, [run.into()])).await?;
    let Some(found) = found else { return Ok(()) };
    let id: i64 = found.try_get("", "id")?;
    let row = sync_history::Entity::find_by_id(id).one(db).await?;
    dispatch_rows(db, queue, row.as_slice()).await.map(drop)
}

/// The result of dispatching a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handed {
    /// The queue has it.
    Over,
    /// Another run stands in for it; this one has ended.
    Joined(Uuid),
    /// Not dispatched; a later pass tries again.
    Later,
}

async fn dispatch_rows(
    db: &DatabaseConnection,
    queue: &RunQueue,
    rows: &[sync_history::Model],
) -> Result<Vec<Handed>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let settings = settings(db, rows).await?;
    let used = attempts_used(db, rows).await?;
    let now = Utc::now();
    let usual = JobSettings::default();
    let jobs: Vec<NewJob> = rows
        .iter()
        .map(|row| {
            let settings = settings.get(&row.sync_config_id).unwrap_or(&usual);
            Facts::stored(row, settings, used.get(&row.run_uid).copied().unwrap_or(0)).job(now)
        })
        .collect();
    hand_over(db, queue, &jobs).await
}

/// Reads the job settings in the documents of these runs' syncs. An unreadable document gives the defaults: its handler
/// reports the error.
async fn settings(
    db: &DatabaseConnection,
    rows: &[sync_history::Model],
) -> Result<HashMap<i64, JobSettings>, DbErr> {
    let syncs: HashSet<i64> = rows.iter().map(|row| row.sync_config_id).collect();
    let configs = sync_config::Entity::find().filter(sync_config::Column::Id.is_in(syncs)).all(db).await?;
    let read = |config: sync_config::Model| {
        (config.id, serde_json::from_value(config.config_json).unwrap_or_default())
    };
    Ok(configs.into_iter().map(read).collect())
}

/// Counts the used attempts of runs that were begun.
async fn attempts_used(
    db: &DatabaseConnection,
    rows: &[sync_history::Model],
) -> Result<HashMap<Uuid, u32>, DbErr> {
    let begun: Vec<Uuid> = rows.iter().filter(|row| row.fence > 0).map(|row| row.run_uid).collect();
    if begun.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT run_id, count(*) AS used FROM sync_attempts WHERE run_id IN ({}) \
         AND (outcome IS NULL OR outcome NOT IN ('{}', '{}')) GROUP BY run_id",
        marks(begun.len()),
        UNCOUNTED[0],
        UNCOUNTED[1],
    );
    let values = begun.into_iter().map(Value::from);
    let rows = db.query_all_raw(statement(db.get_database_backend(), &sql, values)).await?;
    let read = |row: sea_orm::QueryResult| {
        let used: i64 = row.try_get("", "used")?;
        Ok((row.try_get("", "run_id")?, u32::try_from(used).unwrap_or(u32::MAX)))
    };
    rows.into_iter().map(read).collect()
}

/// Pushes jobs whose rows are committed, and marks the rows as dispatched.
pub(super) async fn hand_over(
    db: &DatabaseConnection,
    queue: &RunQueue,
    jobs: &[NewJob],
) -> Result<Vec<Handed>, Error> {
    let mut pushed = queue.push_within(jobs).await?;
    let winners: HashSet<Uuid> = pushed.iter().filter_map(|pushed| pushed.winner()).collect();
    let live = unfinished_of(db, &winners).await?;
    for (job, pushed) in jobs.iter().zip(&mut pushed) {
        let Some(winner) = pushed.winner().filter(|winner| !live.contains(winner)) else { continue };
        // A job without a run would never end, and equal runs would join it for ever.
        tracing::warn!(job = %winner, run = %job.id, "a job stands for a run and has none itself; it is removed");
        queue.cancel(winner).await?;
        if let Some(again) = queue.push_within(std::slice::from_ref(job)).await?.first() {
            *pushed = *again;
        }
    }
    let over: Vec<Uuid> = jobs
        .iter()
        .zip(&pushed)
        .filter(|(_, pushed)| pushed.winner().is_none())
        .map(|(job, _)| job.id)
        .collect();
    note_dispatched(db, &over).await?;
    let mut handed = Vec::with_capacity(jobs.len());
    for (job, pushed) in jobs.iter().zip(pushed) {
        handed.push(match pushed {
            Pushed::New | Pushed::Known => Handed::Over,
            Pushed::Joined { winner } if live.contains(&winner) => {
                // A caller may know the run's id, so its row stays.
                end_cancelled(db, job.id, &format!("joined run {winner}")).await?;
                Handed::Joined(winner)
            }
            Pushed::Joined { .. } => Handed::Later,
        });
    }
    Ok(handed)
}

async fn unfinished_of(db: &DatabaseConnection, runs: &HashSet<Uuid>) -> Result<HashSet<Uuid>, DbErr> {
    if runs.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = format!(
        "SELECT run_uid FROM sync_history WHERE completed_at IS NULL AND run_uid IN ({})",
        marks(runs.len())
    );
    let values = runs.iter().map(|run| Value::from(*run));
    let rows = db.query_all_raw(statement(db.get_database_backend(), &sql, values)).await?;
    rows.iter().map(|row| row.try_get("", "run_uid")).collect()
}

async fn note_dispatched(db: &DatabaseConnection, runs: &[Uuid]) -> Result<(), DbErr> {
    if runs.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE sync_history SET dispatched_at = ? WHERE run_uid IN ({}) AND completed_at IS NULL",
        marks(runs.len())
    );
    let now: DateTime<Utc> = Utc::now().trunc_subsecs(6);
    let values = std::iter::once(now.into()).chain(runs.iter().map(|run| Value::from(*run)));
    db.execute_raw(statement(db.get_database_backend(), &sql, values)).await?;
    Ok(())
}

/// True if the run is still to be executed, whether or not the queue has it.
pub(super) fn is_waiting(row: &sync_history::Model) -> bool {
    row.completed_at.is_none() && row.status == RunStatus::Queued
}
