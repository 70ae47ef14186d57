//! The queue that runs go to, whichever store keeps it.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend};
use syncline_queue::{Backend, Error, NewJob, Pushed, RedisBackend, SqlBackend, State, Together};
use syncline_sql::statement;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

use super::{
    RUN_QUEUE,
    accept_together::{self, AcceptCall},
    run::Accepted,
};

/// Runs that may wait, unless a setting says otherwise.
pub const DEFAULT_LIMIT: u64 = 100_000;

/// How long a count of runs holds. Counting reads all that wait, which must not happen for every run of a burst.
const COUNT_HOLDS: Duration = Duration::from_secs(1);
/// How long one call to a store of its own may take while somebody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a store failed, runs are accepted without it for so long; the dispatcher hands them over.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// The queue that runs go to. Clones share it.
///
/// It is a [`Backend`] by dereference. With a queue in the same database a run's row and its job are one transaction;
/// with any other store the row is committed first and the job follows, at the latest by the dispatcher.
#[derive(Debug, Clone)]
pub struct RunQueue {
    backend: Arc<dyn Backend>,
    sql: Option<SqlBackend>,
    redis: Option<RedisBackend>,
    limit: u64,
    shared: Arc<Shared>,
    /// Whose turn it is to write to SQLite, also beside the queue.
    writer: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Where requests for runs meet.
    accepting: Together<AcceptCall, Result<Accepted, Error>>,
    /// When unfinished runs were counted, and how many there were.
    counted: Mutex<Option<(Instant, u64)>>,
    /// Accepted since.
    since: AtomicU64,
    born: Instant,
    /// Milliseconds after `born` until which the store is left alone.
    away_until: AtomicU64,
}

impl RunQueue {
    /// A queue in the same database as the runs.
    pub fn sql(db: DatabaseConnection) -> Self {
        // How many may wait is decided where runs are accepted; counting twice helps nobody.
        let sql = SqlBackend::new(db).with_limit(u64::MAX);
        let writer = sql.writer();
        Self { sql: Some(sql.clone()), writer, ..Self::foreign(Arc::new(sql)) }
    }

    /// A queue in a store of its own, which no transaction of the database covers.
    pub fn foreign(backend: Arc<dyn Backend>) -> Self {
        let shared = Shared {
            accepting: accept_together::meeting_place(),
            counted: Mutex::default(),
            since: AtomicU64::new(0),
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

    /// A queue in Redis, with the inbox that other services put requests into.
    pub fn redis(redis: RedisBackend) -> Self {
        Self { redis: Some(redis.clone()), ..Self::foreign(Arc::new(redis)) }
    }

    /// The store that has an inbox, if it has one.
    pub fn inbox(&self) -> Option<&RedisBackend> {
        self.redis.as_ref()
    }

    /// No more than so many runs wait.
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// The store of its jobs.
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// How many runs may wait.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The store, where row and job are one transaction.
    pub(super) fn same_database(&self) -> Option<&SqlBackend> {
        self.sql.as_ref()
    }

    pub(super) fn accepting(&self) -> &Together<AcceptCall, Result<Accepted, Error>> {
        &self.shared.accepting
    }

    /// Waits for this process's turn to write to the database, where it has one writer at a time: on SQLite, whoever meets
    /// another writer sleeps for milliseconds. Hold it for a transaction that calls no queue; others need none.
    pub async fn turn(&self, db: &DatabaseConnection) -> Option<OwnedMutexGuard<()>> {
        match db.get_database_backend() {
            DbBackend::Sqlite => Some(Arc::clone(&self.writer).lock_owned().await),
            _ => None,
        }
    }

    /// Pushes jobs that are no runs beside what the transaction writes: within it where that is possible, else at once. Then
    /// they are there even if the transaction fails, so each should have a unique key.
    pub async fn push_beside(&self, tx: &DatabaseTransaction, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        if let Some(sql) = &self.sql {
            return sql.push_in(tx, jobs).await;
        }
        let pushed = timeout(PATIENCE, self.backend.push(jobs)).await;
        pushed.unwrap_or_else(|_| Err(Error::late()))
    }

    /// Does it live in another store than the runs? Then what is accepted and what is queued can differ for a while.
    pub fn is_foreign(&self) -> bool {
        self.sql.is_none()
    }

    /// Refuses a run for which there is no room. Runs count as long as they are not over, wherever they wait: in the queue,
    /// for a store that is away, or for a pause to end.
    pub async fn check_room(&self, db: &DatabaseConnection) -> Result<(), Error> {
        let mut counted = self.shared.counted.lock().await;
        let waiting = match *counted {
            Some((at, waiting)) if at.elapsed() < COUNT_HOLDS => {
                waiting + self.shared.since.load(Ordering::Relaxed)
            }
            _ => {
                self.shared.since.store(0, Ordering::Relaxed);
                let waiting = self.waiting(db).await?;
                *counted = Some((Instant::now(), waiting));
                waiting
            }
        };
        if waiting < self.limit {
            self.shared.since.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        Err(Error::Full { queue: RUN_QUEUE.to_owned(), waiting, limit: self.limit })
    }

    /// How many wait, as the database or as the queue sees it, which may have jobs that are no runs. One that is away does
    /// not count.
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

    /// Runs that are not over; no more are counted than matter.
    async fn unfinished(&self, db: &DatabaseConnection) -> Result<u64, Error> {
        let sql = "SELECT count(*) AS runs FROM (SELECT id FROM sync_history WHERE completed_at IS NULL LIMIT ? + 0) open_runs";
        let limit = i64::try_from(self.limit.saturating_add(1)).unwrap_or(i64::MAX);
        let row = db.query_one_raw(statement(db.get_database_backend(), sql, [limit.into()])).await?;
        let runs: i64 = row.map(|row| row.try_get("", "runs")).transpose()?.unwrap_or(0);
        Ok(runs.unsigned_abs())
    }

    /// Pushes jobs whose runs were accepted to a store that may be away, for as long as somebody can be kept waiting.
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
