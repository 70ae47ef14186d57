//! Ends runs and attempts.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult};
use serde_json::{Value as Json, json};
use syncline_engine::run::{Counts, Report};
use syncline_entity::{
    event::record,
    types::{RunKind, RunStatus},
};
use syncline_sql::{Binds, Kind, begin, statement};
use uuid::Uuid;

use super::{
    Begun, RunBook,
    book::{are_distinct, cut_short},
    cause, details, letters, restored,
    row::not_over,
    statistics::{self, ENDED},
    told::{self, About, TOLD},
};

/// How a run, or one of its attempts, ended.
#[derive(Debug, Clone)]
pub struct Ending<'a> {
    /// The run's new status; `queued` for a retry.
    pub status: RunStatus,
    /// The value for `sync_attempts.outcome`.
    pub outcome: &'static str,
    /// The text of the failure.
    pub error: Option<String>,
    /// Why it is given up; makes the run a dead letter.
    pub dead: Option<GivenUp>,
    pub report: Option<&'a Report>,
    /// Requests that this attempt made to the platforms; added to those of the attempts before it.
    pub calls: u64,
    /// The plan for display.
    pub plan: Option<Json>,
    /// The time of a restore: the sync ran on the restored database, and has now read both sides completely.
    pub restore_over: Option<DateTime<Utc>>,
}

/// Why a run is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// In a few words.
    pub reason: String,
    /// One of [`kinds`](super::kinds).
    pub kind: &'static str,
}

impl RunBook {
    /// Ends a run or an attempt. Returns false if another worker has taken the run over.
    pub async fn end(&self, begun: &Begun, ending: Ending<'_>) -> Result<bool, DbErr> {
        let asked = EndCall {
            book: self.clone(),
            run: begun.row.run_uid,
            fence: begun.row.fence,
            attempt: begun.attempt,
            sync: begun.row.sync_config_id,
            about: About::row(&begun.row),
            counted: begun.row.kind != RunKind::Plan,
            whole: begun.row.kind == RunKind::Sync && begun.row.link_id.is_none(),
            scheduled: begun.row.schedule_id.is_some(),
            started: begun.row.started_at,
            report: ending.report.cloned(),
            ending: Ending { report: None, ..ending },
        };
        self.meeting.end.call(asked).await.map_err(cut_short)?
    }
}

pub(super) struct EndCall {
    book: RunBook,
    run: Uuid,
    fence: i64,
    attempt: u32,
    sync: i64,
    about: About,
    /// The run counts in the statistics.
    counted: bool,
    /// It is a run of the whole sync.
    whole: bool,
    /// A schedule started it.
    scheduled: bool,
    started: Option<DateTime<Utc>>,
    ending: Ending<'static>,
    report: Option<Report>,
}

impl EndCall {
    fn over(&self) -> bool {
        self.ending.status != RunStatus::Queued
    }

    /// Returns the new values of the run's row.
    fn row(&self, counts: Counts, now: DateTime<Utc>) -> Json {
        let over = self.over();
        let success = self.ending.status == RunStatus::Completed && counts.failed == 0;
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let dead = self.ending.dead.as_ref();
        let error = |dead: &GivenUp| self.ending.error.clone().unwrap_or_else(|| dead.reason.clone());
        json!({
            "run": self.run.simple().to_string(),
            "token": self.fence,
            "status": self.ending.status.as_str(),
            "done": i64::from(over),
            "good": over.then_some(i64::from(success)),
            "error": self.ending.error,
            "took": self.started.map(|started| (now - started).num_milliseconds().max(0)),
            "synced": number(counts.synced),
            "failed": number(counts.failed),
            "skipped": number(counts.skipped + counts.unchanged),
            "created": number(counts.created),
            "updated": number(counts.updated),
            "deleted": number(counts.deleted),
            "conflicts": number(counts.conflicts),
            "calls": number(self.ending.calls),
            "details": self.details(counts).map(|details| details.to_string()),
            "reason": dead.map(|dead| &dead.reason),
            "cause": dead.map(|dead| dead.kind),
            "mark": dead.map(|dead| cause::fingerprint(dead.kind, &error(dead))),
        })
    }

    fn details(&self, counts: Counts) -> Option<Json> {
        let report = self.report.as_ref()?;
        let mut details = json!({
            "read": report.read,
            "complete": report.complete,
            "links": report.links,
            "skipped": counts.skipped,
            "missing": counts.missing,
            "ended": counts.ended,
            "both_gone": counts.both_gone,
            "unchanged": counts.unchanged,
            "unlinked": counts.unlinked,
            "resolved": counts.resolved,
            "errors": report.errors,
            "notes": report.notes,
        });
        if report.after_restore {
            details["after_restore"] = json!(true);
        }
        if let Some(held) = &report.held {
            details["held"] = json!(held);
        }
        if let Some(plan) = &self.ending.plan {
            details["plan"] = plan.clone();
        }
        Some(details::stored(details))
    }
}

pub(super) async fn end_together(asked: Vec<EndCall>) -> Vec<Result<bool, DbErr>> {
    // Two claims of one run that end together differ by their fences, so they are ended one after the other.
    if are_distinct(asked.iter().map(|one| one.run))
        && let Some(EndCall { book, .. }) = asked.first()
    {
        match end_in_one(book, &asked).await {
            Ok(ended) => return asked.iter().map(|one| Ok(ended.contains_key(&one.run))).collect(),
            Err(error) if asked.len() == 1 => return vec![Err(error)],
            Err(error) => tracing::debug!(%error, runs = asked.len(), "runs could not end together"),
        }
    }
    join_all(asked.iter().map(|one| async {
        Ok(end_in_one(&one.book, std::slice::from_ref(one)).await?.contains_key(&one.run))
    }))
    .await
}

async fn end_in_one(book: &RunBook, asked: &[EndCall]) -> Result<HashMap<Uuid, QueryResult>, DbErr> {
    let now = book.clock.now();
    let _turn = book.queue.turn(&book.db).await;
    let tx = begin(&book.db).await?;
    let mut rows = Vec::with_capacity(asked.len());
    for one in asked {
        let mut counts = one.report.as_ref().map(|report| report.counts).unwrap_or_default();
        if one.over() && one.attempt > 1 {
            add_earlier_attempts(&tx, one.run, &mut counts).await?;
        }
        rows.push(one.row(counts, now));
    }
    let ended = write(&tx, rows, now).await?;
    if ended.is_empty() {
        tx.rollback().await?;
        return Ok(ended);
    }
    let asked: Vec<&EndCall> = asked.iter().filter(|one| ended.contains_key(&one.run)).collect();
    end_attempts(&tx, &asked, now).await?;
    tell(&tx, &asked, &ended, now).await?;
    let counted: Vec<&EndCall> = asked.iter().copied().filter(|one| one.over() && one.counted).collect();
    if !counted.is_empty() {
        // From here on the rows of the syncs are locked, and so are their statistics.
        let kinds = note_synced(&tx, counted.iter().map(|one| one.sync).collect(), now).await?;
        let runs = counted.iter().filter_map(|one| Some((ended.get(&one.run)?, kinds.get(&one.sync)?)));
        let runs: Vec<_> =
            runs.map(|(row, kind)| statistics::of_ended(row, kind)).collect::<Result<_, _>>()?;
        statistics::add(&tx, &runs).await?;
    }
    let works = |one: &&&EndCall| one.whole && one.ending.status == RunStatus::Completed;
    letters::resolve(&tx, &asked.iter().filter(works).map(|one| one.sync).collect()).await?;
    for one in asked.iter().filter(|one| one.scheduled && one.ending.dead.is_some()) {
        letters::merge(&tx, one.run).await?;
    }
    for one in asked.iter().filter(|one| one.over()) {
        if let Some(since) = one.ending.restore_over {
            restored::forget(&tx, one.sync, since).await?;
        }
    }
    tx.commit().await?;
    Ok(ended)
}

/// Writes the events of the runs.
async fn tell(
    tx: &DatabaseTransaction,
    asked: &[&EndCall],
    ended: &HashMap<Uuid, QueryResult>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut events = Vec::with_capacity(asked.len());
    for one in asked {
        let Some(row) = ended.get(&one.run).filter(|_| one.over()) else {
            events.push(told::moved(one.about, one.ending.outcome));
            continue;
        };
        events.push(told::over(one.run, row, one.ending.error.as_deref())?);
        if one.ending.dead.is_some() {
            events.push(told::dead(one.about));
        }
    }
    record(tx, now, events).await
}

/// Writes the rows of the runs. Returns those that no other worker has taken over.
async fn write(
    tx: &DatabaseTransaction,
    rows: Vec<Json>,
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, QueryResult>, DbErr> {
    let mut binds = Binds::new(tx);
    let number = |name| (name, Kind::Number);
    let text = |name| (name, Kind::Text);
    let columns = [
        ("run", Kind::Id),
        number("token"),
        text("status"),
        number("done"),
        number("good"),
        text("error"),
        number("took"),
        number("synced"),
        number("failed"),
        number("skipped"),
        number("created"),
        number("updated"),
        number("deleted"),
        number("conflicts"),
        number("calls"),
        text("details"),
        text("reason"),
        text("cause"),
        text("mark"),
    ];
    let (rows, now) = (binds.rows(rows, &columns), binds.bind(now));
    let columns = format!("{ENDED}, {TOLD}");
    let text = format!(
        "WITH ended AS MATERIALIZED {rows} \
         UPDATE sync_history SET status = ended.status, completed_at = CASE WHEN ended.done = 1 THEN {now} END, \
         success = ended.good = 1, error_message = ended.error, duration_ms = ended.took, \
         items_synced = ended.synced, items_failed = ended.failed, items_skipped = ended.skipped, \
         created = ended.created, updated = ended.updated, deleted = ended.deleted, conflicts = ended.conflicts, \
         api_calls = sync_history.api_calls + ended.calls, sync_metadata = {details}, rolled_up = ended.done = 1, \
         dead_at = CASE WHEN ended.reason IS NOT NULL THEN {now} END, dead_reason = ended.reason, \
         error_kind = ended.cause, error_fingerprint = ended.mark \
         FROM ended WHERE sync_history.run_uid = ended.run AND sync_history.fence = ended.token \
         AND {not_over} RETURNING run_uid, {of_row}",
        details = binds.json("ended.details"),
        not_over = not_over(binds.backend),
        of_row = match binds.backend {
            // Some columns of `ended` have the same names.
            DbBackend::Postgres => columns
                .split(", ")
                .map(|column| format!("sync_history.{}", column.trim()))
                .collect::<Vec<_>>()
                .join(", "),
            _ => columns,
        },
    );
    let ended = binds.all(tx, text).await?.into_iter();
    ended.map(|row| Ok((row.try_get("", "run_uid")?, row))).collect()
}

/// Keeps the text in an attempt's row: it names the workers that gave the attempt back.
async fn end_attempts(tx: &DatabaseTransaction, asked: &[&EndCall], now: DateTime<Utc>) -> Result<(), DbErr> {
    let mut binds = Binds::new(tx);
    let row = |one: &&EndCall| {
        json!({
            "run": one.run.simple().to_string(),
            "number": one.attempt,
            "how": one.ending.outcome,
            "why": one.ending.error,
        })
    };
    let columns = [("run", Kind::Id), ("number", Kind::Number), ("how", Kind::Text), ("why", Kind::Text)];
    let rows = binds.rows(asked.iter().map(row).collect(), &columns);
    let now = binds.bind(now);
    let text = format!(
        "WITH ended AS MATERIALIZED {rows} UPDATE sync_attempts SET ended_at = {now}, outcome = ended.how, \
         error = CASE WHEN ended.why IS NULL THEN error ELSE COALESCE(error || '; ', '') || ended.why END \
         FROM ended WHERE run_id = ended.run AND attempt = ended.number"
    );
    binds.run(tx, text).await.map(drop)
}

/// Sets `last_sync_at` of the syncs. Returns the entity type of each.
async fn note_synced(
    tx: &DatabaseTransaction,
    syncs: BTreeSet<i64>,
    now: DateTime<Utc>,
) -> Result<HashMap<i64, String>, DbErr> {
    let locked = statistics::lock_syncs(tx, &syncs).await?;
    let mut binds = Binds::new(tx);
    let (these, now) = (statistics::of_syncs(&mut binds, &syncs, "id"), binds.bind(now));
    let text = format!("UPDATE sync_configs SET last_sync_at = {now} WHERE {these}");
    binds.run(tx, text).await?;
    Ok(locked)
}

/// Adds the writes of killed attempts, which could not report them; the audit trail has them.
async fn add_earlier_attempts(
    db: &impl ConnectionTrait,
    run: Uuid,
    counts: &mut Counts,
) -> Result<(), DbErr> {
    let sql = "SELECT COUNT(DISTINCT CASE WHEN field IS NULL AND before IS NULL THEN link_id END) AS created, \
               COUNT(DISTINCT CASE WHEN field IS NULL AND after IS NULL THEN link_id END) AS deleted, \
               COUNT(DISTINCT CASE WHEN field IS NOT NULL THEN link_id END) AS updated, \
               COUNT(DISTINCT link_id) AS links FROM sync_changes WHERE run_id = ? AND state = 'confirmed'";
    let Some(row) = db.query_one_raw(statement(db.get_database_backend(), sql, [run.into()])).await? else {
        return Ok(());
    };
    let number =
        |name: &str| -> Result<u64, DbErr> { Ok(u64::try_from(row.try_get::<i64>("", name)?).unwrap_or(0)) };
    counts.created = counts.created.max(number("created")?);
    counts.deleted = counts.deleted.max(number("deleted")?);
    counts.updated = counts.updated.max(number("updated")?);
    let written = number("links")?.saturating_sub(counts.failed);
    counts.unchanged = counts.unchanged.saturating_sub(written.saturating_sub(counts.synced));
    counts.synced = counts.synced.max(written);
    Ok(())
}
