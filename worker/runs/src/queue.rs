//! The queue of runs, in any store.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend};
use syncline_queue::{Backend, Count, Error, NewJob, Pushed, RedisBackend, SqlBackend, State, Together};
use syncline_sql::statement;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

use super::{
    RUN_QUEUE,
    accept_together::{self, AcceptCall},
    lately::Lately,
    run::Accepted,
};

/// The default limit of runs that are not over.
pub const DEFAULT_LIMIT: u64 = 100_000;

/// How long a count of runs is used. A count reads all runs that are not over, so a burst must not count for each run.
const COUNT_HOLDS: Duration = Duration::from_secs(1);
/// The timeout of one call to a separate store while a caller waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a failed store is not called; runs accepted meanwhile are left to the dispatcher.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// The queue of runs. Clones share it.
///
/// It dereferences to [`Backend`]. With a queue in the same database a run's row and its job are written in one
/// transaction. With any other store the row is committed first and the job is pushed afterwards, if necessary by the
/// dispatcher.
#[derive(Debug, Clone)]
pub struct RunQueue {
    backend: Arc<dyn Backend>,
    sql: Option<SqlBackend>,
    redis: Option<RedisBackend>,
    limit: u64,
    shared: Arc<Shared>,
    /// Lets one task at a time write to SQLite, also outside the queue.
    writer: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Batches concurrent requests for runs.
    accepting: Together<AcceptCall, Result<Accepted, Error>>,
    /// The time of the latest count of unfinished runs, and its result.
    counted: Mutex<Option<(Instant, u64)>>,
    /// Runs accepted since that count.
    since: AtomicU64,
    /// Counts of long queues.
    lately: Lately<Vec<Count>>,
    /// Keys under which runs may begin, of long queues: how many, and of how many runs.
    free: Lately<(u64, u64)>,
    born: Instant,
    /// Milliseconds after `born` until which the store is not called.
    away_until: AtomicU64,
}

impl RunQueue {
    /// Creates a queue in the same database as the runs.
    pub fn sql(db: DatabaseConnection) -> Self {
        // The limit is checked when runs are accepted, so the store need not count again.
        let sql = SqlBackend::new(db).with_limit(u64::MAX);
        let writer = sql.writer();
        Self { sql: Some(sql.clone()), writer, ..Self::foreign(Arc::new(sql)) }
    }

    /// Creates a queue in a separate store, which no transaction of the database covers.
    pub fn foreign(backend: Arc<dyn Backend>) -> Self {
        let shared = Shared {
            accepting: accept_together::meeting_place(),
            counted: Mutex::default(),
            since: AtomicU64::new(0),
            lately: Lately::default(),
            free: Lately::default(),
            born: Instant::now(),
            away_until: AtomicU64::new(0),
        };
        Self {
            backend,
            sql: None,
            redis: None,
            limit: DEFAULT_LIMIT,
            shared: Arc::new(shared),
            writer: Arc::default(),
        }
    }

    /// Creates a queue in Redis, with the inbox that other services push requests to.
    pub fn redis(redis: RedisBackend) -> Self {
        Self { redis: Some(redis.clone()), ..Self::foreign(Arc::new(redis)) }
    }

    /// Returns the store with the inbox, if there is one.
    pub fn inbox(&self) -> Option<&RedisBackend> {
        self.redis.as_ref()
    }

    /// Sets the limit of runs that are not over.
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Returns the store of the jobs.
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// Returns the limit of runs that are not over.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Returns the store if row and job are written in one transaction.
    pub(super) fn same_database(&self) -> Option<&SqlBackend> {
        self.sql.as_ref()
    }

    pub(super) fn accepting(&self) -> &Together<AcceptCall, Result<Accepted, Error>> {
        &self.shared.accepting
    }

    /// Takes this process's lock for writing to SQLite, which has one writer: a second one would sleep for
    /// milliseconds. Hold it for a transaction that calls no queue; others need no lock.
    pub async fn turn(&self, db: &DatabaseConnection) -> Option<OwnedMutexGuard<()>> {
        match db.get_database_backend() {
            DbBackend::Sqlite => Some(Arc::clone(&self.writer).lock_owned().await),
            _ => None,
        }
    }

    /// Pushes jobs without runs beside the writes of a transaction: within it if possible, otherwise at once. Then the
    /// jobs exist even if the transaction fails, so each needs a unique key.
    pub async fn push_beside(&self, tx: &DatabaseTransaction, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        if let Some(sql) = &self.sql {
            return sql.push_in(tx, jobs).await;
        }
        let pushed = timeout(PATIENCE, self.backend.push(jobs)).await;
        pushed.unwrap_or_else(|_| Err(Error::late()))
    }

    /// The counts of a queue; of a long one a moment old.
    pub async fn counts_lately(&self, queue: &str) -> Result<Vec<Count>, Error> {
        let (backend, name) = (self.backend(), queue.to_owned());
        let size = |counts: &Vec<Count>| counts.iter().map(|count| count.jobs).sum();
        self.shared.lately.get(queue, size, async move { backend.counts(&name).await }).await
    }

    /// Keys under which runs may begin, as the caller counts them.
    pub fn free_keys(&self) -> &Lately<(u64, u64)> {
        &self.shared.free
    }

    /// True if the queue's store is not the runs' database. Accepted and queued runs may then differ for a while.
    pub fn is_foreign(&self) -> bool {
        self.sql.is_none()
    }

    /// Returns an error if there is no room for a run. All runs count that are not over: running, waiting in the queue,
    /// or waiting for a store that is down or for the end of a pause.
    pub async fn check_room(&self, db: &DatabaseConnection) -> Result<(), Error> {
        self.check_room_for(db, 1).await
    }

    /// Returns an error if there is no room for all of several runs.
    pub async fn check_room_for(&self, db: &DatabaseConnection, runs: u64) -> Result<(), Error> {
        let mut counted = self.shared.counted.lock().await;
        let waiting = self.waiting_now(db, &mut counted).await?;
        if waiting.saturating_add(runs) <= self.limit {
            self.shared.since.fetch_add(runs, Ordering::Relaxed);
            return Ok(());
        }
        Err(Error::Full { queue: RUN_QUEUE.to_owned(), waiting, limit: self.limit })
    }

    /// Reserves room for as many runs as possible, up to `most`. Returns the number.
    pub async fn take_room(&self, db: &DatabaseConnection, most: u64) -> Result<u64, Error> {
        let mut counted = self.shared.counted.lock().await;
        let waiting = self.waiting_now(db, &mut counted).await?;
        let room = most.min(self.limit.saturating_sub(waiting));
        self.shared.since.fetch_add(room, Ordering::Relaxed);
        Ok(room)
    }

    /// Returns the latest count plus the runs accepted since, or a new count if it is old.
    async fn waiting_now(
        &self,
        db: &DatabaseConnection,
        counted: &mut Option<(Instant, u64)>,
    ) -> Result<u64, Error> {
        if let Some((at, waiting)) = *counted
            && at.elapsed() < COUNT_HOLDS
        {
            return Ok(waiting + self.shared.since.load(Ordering::Relaxed));
        }
        self.shared.since.store(0, Ordering::Relaxed);
        let waiting = self.waiting(db).await?;
        *counted = Some((Instant::now(), waiting));
        Ok(waiting)
    }

    /// Returns the number of unfinished runs or of waiting jobs, whichever is larger; the queue may have jobs without
    /// runs. A store that is down counts as empty.
    async fn waiting(&self, db: &DatabaseConnection) -> Result<u64, Error> {
        let runs = self.unfinished(db).await?;
        if self.same_database().is_some() {
            return Ok(runs.max(SqlBackend::waiting(db, RUN_QUEUE, self.limit).await?));
        }
        let jobs = match timeout(PATIENCE, self.backend.counts(RUN_QUEUE)).await {
            Ok(Ok(counts)) => {
                let waiting = counts.iter().filter(|count| count.state == State::Waiting);
                waiting.map(|count| count.jobs).sum()
            }
            Ok(Err(_)) | Err(_) => 0,
        };
        Ok(runs.max(jobs))
    }

    /// Counts the runs that are not over, up to just above the limit.
    async fn unfinished(&self, db: &DatabaseConnection) -> Result<u64, Error> {
        let sql = "SELECT count(*) AS runs FROM (SELECT id FROM sync_history WHERE completed_at IS NULL LIMIT ? + 0) open_runs";
        let limit = i64::try_from(self.limit.saturating_add(1)).unwrap_or(i64::MAX);
        let row = db.query_one_raw(statement(db.get_database_backend(), sql, [limit.into()])).await?;
        let runs: i64 = row.map(|row| row.try_get("", "runs")).transpose()?.unwrap_or(0);
        Ok(runs.unsigned_abs())
    }

    /// Pushes jobs of accepted runs to a store that may be down, with a timeout short enough for a waiting caller.
    pub(super) async fn push_within(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let shared = &self.shared;
        let now = u64::try_from(shared.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now < shared.away_until.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("it failed a moment ago".into()));
        }
        let pushed = timeout(PATIENCE, self.backend.put_back(jobs)).await;
        let pushed = pushed.unwrap_or_else(|_| Err(Error::late()));
        if matches!(pushed, Err(Error::Unavailable(_))) {
            let until = now.saturating_add(LEFT_ALONE.as_millis() as u64);
            shared.away_until.store(until, Ordering::Relaxed);
        }
        pushed
    }
}

impl Deref for RunQueue {
    type Target = dyn Backend;

    fn deref(&self) -> &Self::Target {
        &*self.backend
    }
}
