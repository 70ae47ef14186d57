//! The number of jobs that a queue may still take.
//!
//! Waiting jobs are counted up to the limit. The places left by a count are given out for up to a second, so that most
//! pushes need no count; pushes of other processes in that second are not included. Within one process the limit is
//! exact: if no places are left, a push waits for the pushes in progress to end, and counts again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DbErr};
use syncline_sql::Binds;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::{
    backend::{Error, Pushed},
    job::NewJob,
};

/// The default limit of waiting jobs.
pub(super) const USUAL_LIMIT: u64 = 100_000;
/// How long a count is used.
const FRESH: Duration = Duration::from_secs(1);

/// The limit, and the places left in each queue that this process pushes to.
#[derive(Debug)]
pub(super) struct Room {
    limit: u64,
    queues: Mutex<HashMap<String, Arc<Queue>>>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Shared by pushes in progress; exclusive for a push that counts.
    gate: Arc<RwLock<()>>,
    left: Mutex<Left>,
}

#[derive(Debug, Default)]
struct Left {
    jobs: u64,
    counted: Option<Instant>,
}

/// The places given to a push, by queue.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<Given>);

#[derive(Debug)]
struct Given {
    queue: Arc<Queue>,
    name: String,
    places: u64,
    /// Keeps others from counting until the push has ended.
    _gate: Option<OwnedRwLockReadGuard<()>>,
}

impl Room {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, queues: Mutex::default() }
    }

    fn queue(&self, name: &str) -> Arc<Queue> {
        let mut queues = locked(&self.queues);
        if let Some(queue) = queues.get(name) {
            return Arc::clone(queue);
        }
        Arc::clone(queues.entry(name.to_owned()).or_default())
    }

    /// Takes places for the jobs, or fails if there are too few.
    pub(super) async fn take<C: ConnectionTrait>(&self, db: &C, jobs: &[NewJob]) -> Result<Places, Error> {
        let mut places = Places::default();
        if self.limit == u64::MAX {
            return Ok(places);
        }
        // By name, so that two pushes cannot deadlock.
        for (name, wanted) in wanted(jobs) {
            let queue = self.queue(name);
            let mut gate = Arc::clone(&queue.gate).read_owned().await;
            if !queue.give(wanted) {
                drop(gate);
                let alone = Arc::clone(&queue.gate).write_owned().await;
                self.count_unless_given(db, name, &queue, wanted).await?;
                gate = alone.downgrade();
            }
            places.0.push(Given { queue, name: name.to_owned(), places: wanted, _gate: Some(gate) });
        }
        Ok(places)
    }

    /// As [`Room::take`], within the caller's transaction. It does not wait: the transaction may hold a lock that
    /// pushes in progress wait for. Its jobs are counted once it has committed.
    pub(super) async fn take_within<C: ConnectionTrait>(
        &self,
        db: &C,
        jobs: &[NewJob],
    ) -> Result<Places, Error> {
        let mut places = Places::default();
        if self.limit == u64::MAX {
            return Ok(places);
        }
        for (name, wanted) in wanted(jobs) {
            let queue = self.queue(name);
            if !queue.give(wanted) {
                self.count_unless_given(db, name, &queue, wanted).await?;
            }
            places.0.push(Given { queue, name: name.to_owned(), places: wanted, _gate: None });
        }
        Ok(places)
    }

    async fn count_unless_given<C: ConnectionTrait>(
        &self,
        db: &C,
        name: &str,
        queue: &Queue,
        wanted: u64,
    ) -> Result<(), Error> {
        if queue.give(wanted) {
            return Ok(());
        }
        let waiting = count(db, name, self.limit).await?;
        *locked(&queue.left) =
            Left { jobs: self.limit.saturating_sub(waiting), counted: Some(Instant::now()) };
        if queue.give(wanted) {
            return Ok(());
        }
        Err(Error::Full { queue: name.to_owned(), waiting, limit: self.limit })
    }
}

impl Queue {
    fn give(&self, wanted: u64) -> bool {
        let mut left = locked(&self.left);
        let fresh = left.counted.is_some_and(|counted| counted.elapsed() < FRESH);
        if !fresh || left.jobs < wanted {
            return false;
        }
        left.jobs -= wanted;
        true
    }
}

impl Places {
    /// Returns the places of jobs that were not added.
    pub(super) fn count(self, jobs: &[NewJob], pushed: &[Pushed]) {
        for given in self.0 {
            let waits =
                |(job, pushed): &(&NewJob, &Pushed)| job.queue == given.name && **pushed == Pushed::New;
            let new = jobs.iter().zip(pushed).filter(waits).count() as u64;
            locked(&given.queue.left).jobs += given.places.saturating_sub(new);
        }
    }
}

fn wanted(jobs: &[NewJob]) -> BTreeMap<&str, u64> {
    let mut wanted = BTreeMap::new();
    for job in jobs {
        *wanted.entry(job.queue.as_str()).or_default() += 1;
    }
    wanted
}

/// Counts the waiting jobs of a queue, and stops just above the limit.
pub(super) async fn count<C: ConnectionTrait>(db: &C, queue: &str, limit: u64) -> Result<u64, DbErr> {
    let mut binds = Binds::new(db);
    let (queue, enough) =
        (binds.bind(queue), binds.bind(i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)));
    let text = format!(
        "SELECT count(*) AS jobs FROM (SELECT 1 AS one FROM jobs WHERE queue = {queue} AND state = 'waiting' \
         LIMIT {}) AS counted",
        binds.limit(enough)
    );
    let rows = binds.all(db, text).await?;
    let jobs: i64 = rows.first().map_or(Ok(0), |row| row.try_get("", "jobs"))?;
    Ok(jobs.unsigned_abs())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
