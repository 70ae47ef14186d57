//! Lists jobs that wait, run or were given up, with their syncs.
//!
//! Jobs in the queue are read there, jobs that are not there yet from the rows, and dead ones from both: dead runs are
//! rows, while a dead job without a run is only in the queue.

mod standing;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::Value;
use syncline_entity::{sync_history, types::RunStatus};
use syncline_queue::{Error, INBOX_KIND, Job, JobQuery, Priority, State};
use uuid::Uuid;

pub use self::standing::Standing;
use super::{
    RUN_QUEUE,
    dead::{self, DeadQuery, Left, Replayed},
    job::work_key,
    queue::RunQueue,
    row::queue_priority,
};

/// The cursor in a list of dead letters after all runs; the dead jobs without a run follow.
pub const AFTER_RUNS: &str = "job:";

/// Begins the cursors in a list of queued jobs after all that are in the queue.
const NOT_YET: &str = "undispatched:";

/// Rows read together.
const PAGE: usize = 200;

/// The most entries that a page examines where callers wait for it: [`Listing::reads`].
pub const BOUND: usize = 2_000;

/// An entry that is read to be examined here takes as long as so many that the database examines.
const COST: usize = 4;

/// Selects jobs.
#[derive(Debug, Clone)]
pub struct Listing {
    pub queue: String,
    pub standing: Standing,
    pub sync: Option<i64>,
    /// Only runs of syncs of this project.
    pub project: Option<i64>,
    pub kind: Option<String>,
    /// Only with this unique, concurrency or order key.
    pub key: Option<String>,
    /// Only with this text in the arguments, the error or the reason; case-sensitive.
    pub text: Option<String>,
    /// Only accepted, or given up, at least this long ago.
    pub older_than: Option<Duration>,
    /// Only dead letters of this group, by its fingerprint.
    pub group: Option<String>,
    /// A further condition.
    pub also: Option<Also>,
    /// The largest number of jobs in the page.
    pub limit: usize,
    /// About how many entries are examined for the page; with a bound it may have fewer jobs than requested, or none, and
    /// still a cursor.
    pub reads: usize,
    /// [`ListedPage::next`] of the previous page; `None` for the first page.
    pub after: Option<String>,
}

impl Listing {
    /// Selects the first hundred jobs of the queue of runs with one status.
    pub fn new(standing: Standing) -> Self {
        Self {
            queue: RUN_QUEUE.to_owned(),
            standing,
            sync: None,
            project: None,
            kind: None,
            key: None,
            text: None,
            older_than: None,
            group: None,
            also: None,
            limit: 100,
            reads: usize::MAX,
            after: None,
        }
    }

    fn takes(&self, job: &Listed) -> bool {
        self.sync.is_none_or(|sync| job.sync == Some(sync))
            && self.kind.as_ref().is_none_or(|kind| job.kind == *kind)
            && self.also.as_ref().is_none_or(|also| (also.0)(job))
    }
}

/// A condition on a job, for filters that the stores do not support.
#[derive(Clone)]
pub struct Also(pub Arc<dyn Fn(&Listed) -> bool + Send + Sync>);

impl fmt::Debug for Also {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Also")
    }
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The id of the job and of its run.
    pub id: Uuid,
    pub status: RunStatus,
    /// False while a queued job is not in the queue.
    pub dispatched: bool,
    /// Selects the handler.
    pub kind: String,
    /// `None` for a job without a run.
    pub sync: Option<i64>,
    pub priority: Priority,
    /// The number of attempts begun, as far as the queue has it.
    pub attempt: Option<u32>,
    /// The most attempts.
    pub max_attempts: Option<u32>,
    /// The earliest start.
    pub run_at: Option<DateTime<Utc>>,
    /// The time it was accepted, or given up.
    pub since: DateTime<Utc>,
    /// The key that limits how many of its jobs run at once.
    pub key: Option<String>,
    /// The worker that executes it.
    pub worker: Option<String>,
    /// The progress that the handler reported.
    pub progress: Option<Value>,
    /// A cancellation was requested.
    pub cancel_requested: bool,
    /// Why it was given up, in a few words.
    pub reason: Option<String>,
    /// The latest error.
    pub error: Option<String>,
}

/// A page of jobs, and the cursor of the next page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListedPage {
    pub jobs: Vec<Listed>,
    /// The cursor for [`Listing::after`]; `None` at the end.
    pub next: Option<String>,
}

/// Lists the jobs with one status. A cursor that no list created gives [`Error::Refused`].
pub async fn list(db: &DatabaseConnection, queue: &RunQueue, asked: &Listing) -> Result<ListedPage, Error> {
    match asked.standing {
        Standing::Queued => queued(db, queue, asked).await,
        Standing::InProgress => in_queue(db, queue, asked, State::Running).await,
        Standing::Undispatched => undispatched(db, asked).await,
        Standing::Dead => letters(db, queue, asked).await,
    }
}

/// Returns the ids of all selected dead letters, ignoring the limit.
pub async fn dead_ids(
    db: &DatabaseConnection,
    queue: &RunQueue,
    asked: &Listing,
) -> Result<Vec<Uuid>, Error> {
    let mut asked = Listing { standing: Standing::Dead, limit: PAGE, after: None, ..asked.clone() };
    let mut ids = Vec::new();
    loop {
        let page = list(db, queue, &asked).await?;
        ids.extend(page.jobs.iter().map(|job| job.id));
        match page.next {
            Some(next) => asked.after = Some(next),
            None => return Ok(ids),
        }
    }
}

/// Replays a dead letter: a run, or a job without a run.
pub async fn replay(db: &DatabaseConnection, queue: &RunQueue, id: Uuid) -> Result<Replayed, Error> {
    if sync_history::by_run(db, id).await?.is_some() {
        return dead::replay(db, queue, id).await;
    }
    if let Some(accepted) = replay_request(queue, id).await? {
        return Ok(accepted);
    }
    Ok(if queue.replay(id).await? { Replayed::As(id) } else { Replayed::Left(Left::NotDead) })
}

/// Puts a refused request back into the inbox, under the id of its dead letter. `None`: the letter is not a request.
async fn replay_request(queue: &RunQueue, id: Uuid) -> Result<Option<Replayed>, Error> {
    let Some(inbox) = queue.inbox() else { return Ok(None) };
    let letter = queue.get(id).await?.filter(|job| job.state == State::Dead && job.kind == INBOX_KIND);
    let Some(text) = letter.and_then(|job| Some(job.payload["entry"].as_str()?.to_owned())) else {
        return Ok(None);
    };
    let text = match serde_json::from_str(&text) {
        Ok(Value::Object(mut request)) => {
            request.entry("id").or_insert_with(|| id.to_string().into());
            Value::Object(request).to_string()
        }
        _ => text,
    };
    // In this order a crash in between loses nothing; a request that is read twice is one run.
    inbox.put_into_inbox(RUN_QUEUE, text.as_bytes()).await?;
    queue.discard(id).await?;
    Ok(Some(Replayed::As(id)))
}

/// Discards a dead letter: a run, or a job without a run. Returns false if it is not a dead letter.
pub async fn discard(db: &DatabaseConnection, queue: &RunQueue, id: Uuid) -> Result<bool, Error> {
    if sync_history::by_run(db, id).await?.is_some() {
        return dead::discard(db, id).await;
    }
    queue.discard(id).await
}

/// Lists the jobs that wait in the queue, then those that are not there yet.
async fn queued(db: &DatabaseConnection, queue: &RunQueue, asked: &Listing) -> Result<ListedPage, Error> {
    let not_yet = asked.after.as_deref().and_then(|after| after.strip_prefix(NOT_YET));
    let mut page = match not_yet {
        Some(_) => ListedPage::default(),
        None => in_queue(db, queue, asked, State::Waiting).await?,
    };
    if page.next.is_some() {
        return Ok(page);
    }
    let after = not_yet.filter(|after| !after.is_empty()).map(str::to_owned);
    let left = asked.limit - page.jobs.len();
    let found = undispatched(db, &Listing { limit: left.max(1), after, ..asked.clone() }).await?;
    if left == 0 {
        page.next = (!found.jobs.is_empty() || found.next.is_some()).then(|| NOT_YET.to_owned());
        return Ok(page);
    }
    // One may have come into the queue just before its row says so.
    let there: HashSet<Uuid> = page.jobs.iter().map(|job| job.id).collect();
    page.jobs.extend(found.jobs.into_iter().filter(|job| !there.contains(&job.id)));
    page.next = found.next.map(|next| format!("{NOT_YET}{next}"));
    Ok(page)
}

async fn in_queue(
    db: &DatabaseConnection,
    queue: &RunQueue,
    asked: &Listing,
    state: State,
) -> Result<ListedPage, Error> {
    let mut page = ListedPage { jobs: Vec::new(), next: asked.after.clone() };
    // A call with a filter examines so many, one without as many as it returns.
    let filtered =
        asked.kind.is_some() || asked.key.is_some() || asked.text.is_some() || asked.older_than.is_some();
    let mut examined = 0;
    loop {
        let query = JobQuery {
            kind: asked.kind.clone(),
            key: asked.key.clone(),
            text: asked.text.clone(),
            older_than: asked.older_than,
            limit: asked.limit - page.jobs.len(),
            after: page.next.take(),
            ..JobQuery::new(asked.queue.as_str(), state)
        };
        let found = queue.list(&query).await?;
        examined += if filtered { BOUND } else { found.jobs.len() * COST };
        page.next = found.next;
        let syncs = syncs_of(db, &found.jobs, asked.project).await?;
        let listed = found.jobs.into_iter().filter_map(|job| {
            let sync = syncs.get(&job.id).copied();
            // A dead run is listed by its row. A job without a run belongs to no project.
            let listed_here = state != State::Dead || sync.is_none();
            (listed_here && (asked.project.is_none() || sync.is_some())).then(|| listed(job, sync))
        });
        page.jobs.extend(listed.filter(|job| asked.takes(job)));
        if page.next.is_none() || page.jobs.len() >= asked.limit || examined >= asked.reads {
            break;
        }
    }
    Ok(page)
}

async fn syncs_of(
    db: &DatabaseConnection,
    jobs: &[Job],
    project: Option<i64>,
) -> Result<HashMap<Uuid, i64>, Error> {
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let mut query = sync_history::Entity::find();
    if let Some(project) = project {
        query = query.filter(sync_history::Column::ProjectId.eq(project));
    }
    let rows: Vec<(Uuid, i64)> = query
        .select_only()
        .columns([sync_history::Column::RunUid, sync_history::Column::SyncConfigId])
        .filter(sync_history::Column::RunUid.is_in(jobs.iter().map(|job| job.id)))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

fn listed(job: Job, sync: Option<i64>) -> Listed {
    let status = match job.state {
        State::Waiting => RunStatus::Queued,
        State::Running => RunStatus::InProgress,
        State::Dead => RunStatus::Failed,
    };
    Listed {
        id: job.id,
        status,
        dispatched: true,
        kind: job.kind,
        sync,
        priority: job.priority,
        attempt: Some(job.attempt),
        max_attempts: Some(job.max_attempts),
        run_at: Some(job.run_at),
        since: job.finished_at.unwrap_or(job.enqueued_at),
        key: job.concurrency_key.or(job.order_key).or(job.unique_key),
        worker: job.worker_id,
        progress: job.progress,
        cancel_requested: job.cancel_requested,
        reason: job.dead_reason,
        error: job.last_error,
    }
}

/// Lists the runs that are not over and not in the queue, the oldest first.
async fn undispatched(db: &impl ConnectionTrait, asked: &Listing) -> Result<ListedPage, Error> {
    let mut page = ListedPage::default();
    if asked.queue != RUN_QUEUE {
        return Ok(page);
    }
    let mut after: i64 = match &asked.after {
        Some(after) => after.parse().map_err(|_| Error::Refused("no cursor of this list".into()))?,
        None => 0,
    };
    let mut examined = 0;
    loop {
        let mut query = sync_history::Entity::find()
            .filter(sync_history::Column::CompletedAt.is_null())
            .filter(sync_history::Column::DispatchedAt.is_null())
            .filter(sync_history::Column::Id.gt(after))
            .order_by_asc(sync_history::Column::Id)
            .limit(PAGE as u64);
        if let Some(sync) = asked.sync {
            query = query.filter(sync_history::Column::SyncConfigId.eq(sync));
        }
        if let Some(project) = asked.project {
            query = query.filter(sync_history::Column::ProjectId.eq(project));
        }
        if let Some(age) = asked.older_than {
            let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
            let before = Utc::now().checked_sub_signed(age).unwrap_or(DateTime::UNIX_EPOCH).trunc_subsecs(6);
            query = query.filter(sync_history::Column::QueuedAt.lte(before));
        }
        let rows = query.all(db).await?;
        let more = rows.len() == PAGE;
        for row in rows {
            after = row.id;
            let tells = asked.text.as_ref().is_none_or(|text| row.args.to_string().contains(text));
            let job = of_row(&row, RunStatus::Queued);
            let keyed = asked.key.is_none() || asked.key == job.key;
            if tells && keyed && asked.takes(&job) {
                page.jobs.push(job);
            }
            if page.jobs.len() >= asked.limit {
                page.next = Some(after.to_string());
                return Ok(page);
            }
        }
        examined += PAGE * COST;
        if !more {
            return Ok(page);
        }
        if examined >= asked.reads {
            page.next = Some(after.to_string());
            return Ok(page);
        }
    }
}

/// Converts the row of a dead run to a listed job.
pub fn of_letter(row: &sync_history::Model) -> Listed {
    of_row(row, RunStatus::Failed)
}

/// A run whose job is not in the queue, not yet or no more.
fn of_row(row: &sync_history::Model, status: RunStatus) -> Listed {
    Listed {
        id: row.run_uid,
        status,
        dispatched: row.dispatched_at.is_some(),
        kind: row.kind.to_string(),
        sync: Some(row.sync_config_id),
        priority: queue_priority(row.priority),
        attempt: None,
        max_attempts: None,
        run_at: row.not_before,
        since: row.dead_at.unwrap_or(row.queued_at),
        key: Some(work_key(row)),
        worker: None,
        progress: None,
        cancel_requested: row.cancel_requested_at.is_some(),
        reason: row.dead_reason.clone(),
        error: row.error_message.clone(),
    }
}

/// Lists dead runs, then dead jobs without runs; each with the latest first.
async fn letters(db: &DatabaseConnection, queue: &RunQueue, asked: &Listing) -> Result<ListedPage, Error> {
    const RUNS: &str = "run:";
    const JOBS: &str = AFTER_RUNS;
    let (mut runs, jobs) = match asked.after.as_deref() {
        None => (Some(None), None),
        Some(after) => match (after.strip_prefix(RUNS), after.strip_prefix(JOBS)) {
            (Some(runs), _) => (Some(Some(runs.to_owned())), None),
            (_, Some(jobs)) => (None, Some(jobs.to_owned())),
            (None, None) => return Err(Error::Refused("no cursor of this list".into())),
        },
    };
    let mut page = ListedPage::default();
    if asked.queue != RUN_QUEUE {
        runs = None;
    }
    let mut examined = 0;
    while let Some(after) = runs.take() {
        let query = DeadQuery {
            project: asked.project,
            sync: asked.sync,
            text: asked.text.clone(),
            older_than: asked.older_than,
            group: asked.group.clone(),
            kind: asked.kind.clone(),
            until: None,
        };
        // What is not looked for in the database is looked for in larger pages.
        let here = asked.key.is_some() || asked.also.is_some();
        let room = if here { PAGE.max(asked.limit) } else { asked.limit - page.jobs.len() };
        let found = dead::list_within(db, &query, room as u64, after.as_deref(), asked.reads as u64).await?;
        examined += if here { found.examined * COST as u64 } else { found.examined };
        let mut next = found.next;
        for row in &found.runs {
            let job = of_row(row, RunStatus::Failed);
            if asked.key.as_ref().is_none_or(|key| job.key.as_ref() == Some(key)) && asked.takes(&job) {
                page.jobs.push(job);
            }
            if page.jobs.len() >= asked.limit {
                // Rows after this one were read in vain.
                next = dead::cursor(row)
                    .filter(|_| next.is_some() || found.runs.last().is_some_and(|last| last.id != row.id));
                break;
            }
        }
        match next {
            Some(next) if page.jobs.len() >= asked.limit || examined >= asked.reads as u64 => {
                page.next = Some(format!("{RUNS}{next}"));
                return Ok(page);
            }
            Some(next) => runs = Some(Some(next)),
            None => {}
        }
    }
    // A job without a run has no sync, and is in no group.
    if asked.sync.is_some() || asked.project.is_some() || asked.group.is_some() {
        return Ok(page);
    }
    if page.jobs.len() >= asked.limit {
        page.next = Some(JOBS.to_owned());
        return Ok(page);
    }
    let after = jobs.filter(|after| !after.is_empty());
    let rest = Listing { limit: asked.limit - page.jobs.len(), after, ..asked.clone() };
    let found = in_queue(db, queue, &rest, State::Dead).await?;
    page.jobs.extend(found.jobs);
    page.next = found.next.map(|next| format!("{JOBS}{next}"));
    Ok(page)
}
