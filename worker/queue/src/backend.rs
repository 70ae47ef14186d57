//! The contract of a queue's store.
//!
//! Terms: A **claim** takes a waiting job and issues a token, larger than every earlier token of that job. A **lease**
//! is the time for which a claim holds; **renewing** extends it. To **settle** a job is to store its outcome. A call is
//! **stale**, and changes nothing, if its token is not the newest or the job no longer runs.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    health::chain,
    job::{ClaimedJob, Job, NewJob, Priority},
    state::State,
};

/// Why a call to the store failed. Expected cases (stale, joined, unknown) are results, not errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be reached or was too busy; the same call may succeed later.
    #[error("{} cannot be reached", store(&**.0))]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store refused the call; the same call will fail again.
    #[error("{} refused the call", store(&**.0))]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Two calls collided in each of a few tries; the same call may succeed later.
    #[error("too many calls at once for {0}")]
    Contended(String),
    /// The queue has no room for the pushed jobs and took none of them.
    #[error(
        "the queue {queue:?} is full ({waiting} waiting, at most {limit}); try again later, run more workers, or raise the \
         limit"
    )]
    Full {
        /// The name of the queue.
        queue: String,
        /// The number of waiting jobs.
        waiting: u64,
        /// The largest number of waiting jobs.
        limit: u64,
    },
}

impl Error {
    /// Returns the error for a store that did not answer in time.
    pub fn late() -> Error {
        Error::Unavailable("no answer in time".into())
    }

    /// Returns the error and its causes on one line.
    pub fn told(&self) -> String {
        chain(self)
    }

    /// Returns the error's text if retrying cannot help until a person changes the settings or the server.
    #[cfg(feature = "redis")]
    pub fn needs_a_person(&self) -> Option<String> {
        let (Error::Unavailable(cause) | Error::Refused(cause)) = self else { return None };
        let failure = cause.downcast_ref::<crate::redis::RedisFailure>()?;
        failure.needs_a_person().then(|| failure.to_string())
    }

    /// True if the database failed, rather than another store.
    pub fn is_of_database(&self) -> bool {
        self.is_of(DATABASE)
    }

    /// True if Redis failed.
    pub fn is_of_redis(&self) -> bool {
        self.is_of(REDIS)
    }

    fn is_of(&self, name: &str) -> bool {
        matches!(self, Error::Unavailable(cause) | Error::Refused(cause) if store(&**cause) == name)
    }

    /// True if the same call can succeed later.
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Error::Refused(_) | Error::Full { .. })
    }
}

const DATABASE: &str = "the database";
const REDIS: &str = "Redis";

/// Returns the name of the store that the error comes from.
fn store(cause: &(dyn std::error::Error + 'static)) -> &'static str {
    #[cfg(feature = "redis")]
    if cause.is::<crate::redis::RedisFailure>() {
        return REDIS;
    }
    #[cfg(feature = "sql")]
    if cause.is::<sea_orm::DbErr>() {
        return DATABASE;
    }
    let _ = cause;
    "the queue's store"
}

/// A job and the token of a claim on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseRef {
    /// The job's id.
    pub id: Uuid,
    /// The token of the claim.
    pub token: i64,
}

impl fmt::Display for LeaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (claim {})", self.id, self.token)
    }
}

/// The result of pushing one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The job was added to the queue.
    New,
    /// The queue has a job with this id already; nothing changed.
    Known,
    /// A waiting job has the same unique key and stands in for it; nothing changed.
    Joined {
        /// The id of the waiting job.
        winner: Uuid,
    },
}

impl Pushed {
    /// Returns the job that does the work instead of the pushed one; `None` if that is the pushed job itself.
    pub fn winner(self) -> Option<Uuid> {
        match self {
            Pushed::New | Pushed::Known => None,
            Pushed::Joined { winner } => Some(winner),
        }
    }
}

/// A worker's request for jobs.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The queue to claim from.
    pub queue: String,
    /// The worker's name; for display only.
    pub worker_id: String,
    /// The largest number of jobs to claim.
    pub limit: usize,
    /// The length of the lease, from the claim or from its latest renewal.
    pub lease: Duration,
    /// Only jobs of this concurrency key.
    pub concurrency_key: Option<String>,
    /// Only jobs that have been due for at least this long, the oldest first, whatever their priority. Workers use it
    /// to keep jobs of low priority from starving.
    pub overdue_by: Option<Duration>,
}

/// The result of a claim.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// The jobs, ordered by priority, then due time, then id.
    pub jobs: Vec<ClaimedJob>,
    /// The time until the queue's next delayed job is due; `None` if the store knows of none.
    pub next_due: Option<Duration>,
    /// True if there may be more jobs to claim now.
    pub more: bool,
}

/// The result of renewing one lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The lease now lasts for its full length from this moment.
    Held,
    /// The lease was renewed; a cancellation of the job was requested.
    CancelRequested,
    /// The claim is stale.
    Lost,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The job is done and leaves the queue.
    Done,
    /// The attempt failed and a later one may succeed: the job waits for a backoff, or is dead if this was the last
    /// attempt.
    Retry {
        /// The error's text.
        error: String,
        /// The shortest wait, as from a platform's Retry-After.
        at_least: Option<Duration>,
    },
    /// The job could not be tried: it waits again, and no attempt is used.
    Snooze {
        /// How long to wait.
        delay: Duration,
    },
    /// The job failed and can never succeed.
    Dead {
        /// Why it is given up, in a few words.
        reason: String,
        /// The error's text.
        error: String,
    },
    /// The job stopped because its cancellation was requested, and leaves the queue.
    Cancelled,
}

/// An outcome to store for a claimed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The job and the token of its claim.
    pub lease: LeaseRef,
    /// The outcome to store.
    pub outcome: Outcome,
}

/// The result of one settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The store has the outcome.
    Applied(Next),
    /// The claim was stale; nothing changed.
    Stale,
}

/// The state of a job after it left `running`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It has left the queue.
    Gone,
    /// It waits for another attempt.
    Waiting {
        /// The wait, from the moment of the settlement.
        delay: Duration,
    },
    /// It is dead.
    Dead {
        /// Why it was given up, in a few words.
        reason: String,
    },
}

/// A job whose lease had run out, and its new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// The job's id.
    pub id: Uuid,
    /// The job's state after the rescue.
    pub next: Next,
}

/// The result of a request to cancel a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The job was waiting and has been removed.
    Removed,
    /// The job is running; its worker learns of the request at the next renewal.
    Requested,
    /// The queue has no such job, or the job is dead.
    Unknown,
}

/// The number of jobs in a queue with one state and one priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The state of the counted jobs.
    pub state: State,
    /// The priority of the counted jobs.
    pub priority: Priority,
    /// The number of jobs, above zero.
    pub jobs: u64,
    /// How many of these jobs are not due yet.
    pub delayed: u64,
    /// For waiting jobs the longest time since one was due, for others the longest time since one was pushed.
    pub oldest: Duration,
}

/// Selects jobs for a list.
#[derive(Debug, Clone)]
pub struct JobQuery {
    /// The queue to list.
    pub queue: String,
    /// Only jobs in this state.
    pub state: State,
    /// Only jobs of this kind.
    pub kind: Option<String>,
    /// Only jobs of this priority.
    pub priority: Option<Priority>,
    /// Only jobs with this unique, concurrency or order key.
    pub key: Option<String>,
    /// Only jobs whose payload, last error or reason of death contains this text; case-sensitive.
    pub text: Option<String>,
    /// Only jobs pushed at least this long ago.
    pub older_than: Option<Duration>,
    /// The largest number of jobs in the page.
    pub limit: usize,
    /// [`Page::next`] of the previous page; `None` for the first page.
    pub after: Option<String>,
}

impl JobQuery {
    /// Queries the first hundred jobs of a queue in one state.
    pub fn new(queue: impl Into<String>, state: State) -> Self {
        Self {
            queue: queue.into(),
            state,
            kind: None,
            priority: None,
            key: None,
            text: None,
            older_than: None,
            limit: 100,
            after: None,
        }
    }
}

/// A page of jobs, and the cursor of the next page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Waiting and running jobs in the order of their push, as far as the store knows it; dead jobs with the latest
    /// first.
    pub jobs: Vec<Job>,
    /// The cursor for [`JobQuery::after`]; `None` at the end. A page may have fewer jobs than requested, even none, and
    /// still have a cursor: a store examines a bounded number of jobs per call.
    pub next: Option<String>,
}

/// A store of jobs. All times are by the store's clock.
///
/// Calls that take several items return one result per item, in the same order.
#[async_trait]
pub trait Backend: Send + Sync + fmt::Debug + 'static {
    /// Returns a description of the store for display, without passwords.
    fn place(&self) -> String {
        DATABASE.to_owned()
    }

    /// Adds jobs to the queue. A job whose id is in the queue already is a no-op; if a waiting job with the unique key
    /// stands in for a job, the result names it. If a queue has no room for all of the jobs, it takes none:
    /// [`Error::Full`]. Jobs of one call that are due at once are in line by id within each queue.
    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error>;

    /// As [`Backend::push`], but ignores the limit; for jobs that were accepted before.
    async fn put_back(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error>;

    /// Returns for each id whether the store has a job with it, in any state.
    async fn known(&self, ids: &[Uuid]) -> Result<Vec<bool>, Error>;

    /// Claims due jobs: by priority, then by due time, then by id; none while the queue is paused. The claim counts the
    /// attempt, so a crash uses it up. The number of running jobs of a concurrency key stays within its limit, even
    /// with concurrent claims, and jobs of a busy key do not block others. Of an order key only the oldest unfinished
    /// job is claimed, and only while no other job of the key runs.
    async fn claim(&self, request: &ClaimRequest) -> Result<Claimed, Error>;

    /// Waits up to `wait` for work and claims it as soon as it arrives, which saves the round trip between a wake-up
    /// and a claim. `None`: this store does not support it; the caller uses [`Backend::wakeups`].
    ///
    /// If the caller drops the future, jobs that it claims are left to their leases; [`Backend::rouse`] ends the wait
    /// early instead.
    async fn claim_next(&self, _: &ClaimRequest, _wait: Duration) -> Option<Result<Claimed, Error>> {
        None
    }

    /// Ends the waits of [`Backend::claim_next`] on this instance: each claims the jobs that are due and returns.
    async fn rouse(&self, _queue: &str) {}

    /// Extends leases, also expired ones that were not rescued yet.
    async fn renew(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<Renewal>, Error>;

    /// Stores the outcomes of jobs.
    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, Error>;

    /// Puts back jobs that were claimed but never started: they keep their place in line, and no attempt is used.
    async fn give_back(&self, leases: &[LeaseRef]) -> Result<Vec<Settled>, Error>;

    /// Finds expired leases: each job waits again with its attempt used, or is dead if that was the last attempt. The
    /// number per call is bounded; repeat the call while it returns jobs.
    async fn rescue(&self) -> Result<Vec<Rescued>, Error>;

    /// Stores the progress of a running job. Returns false if the claim is stale.
    async fn progress(&self, lease: LeaseRef, progress: &Value) -> Result<bool, Error>;

    /// Removes a waiting job, or requests a running one to stop.
    async fn cancel(&self, id: Uuid) -> Result<Cancelled, Error>;

    /// Returns a job, or `None` if it is not in the queue.
    async fn get(&self, id: Uuid) -> Result<Option<Job>, Error>;

    /// Lists jobs of a queue in one state. A cursor that this store did not create gives [`Error::Refused`].
    async fn list(&self, query: &JobQuery) -> Result<Page, Error>;

    /// Returns a dead job to the queue with its attempts reset to zero. Returns false if the job is not dead.
    async fn replay(&self, id: Uuid) -> Result<bool, Error>;

    /// Removes a dead job. Returns false if the job is not dead.
    async fn discard(&self, id: Uuid) -> Result<bool, Error>;

    /// Changes the priority of a waiting job, which keeps its due time. Returns false if the job is not waiting.
    async fn set_priority(&self, id: Uuid, priority: Priority) -> Result<bool, Error>;

    /// Counts the jobs by state and priority, leaving out zero counts.
    async fn counts(&self, queue: &str) -> Result<Vec<Count>, Error>;

    /// Stops all claims from a queue until it is resumed; restarts of workers do not end the pause. Running jobs
    /// continue. Returns false if the queue was paused already.
    async fn pause(&self, queue: &str) -> Result<bool, Error>;

    /// Allows claims again. Returns false if the queue was not paused.
    async fn resume(&self, queue: &str) -> Result<bool, Error>;

    /// True if the queue is paused.
    async fn is_paused(&self, queue: &str) -> Result<bool, Error>;

    /// Feeds [`Backend::wakeups`] and [`Backend::cancellations`] with changes that other processes make to a queue,
    /// until the future is dropped. Reconnects by itself. For a store that cannot notify other processes it does
    /// nothing and never returns.
    async fn listen(&self, queue: &str);

    /// Changes when there may be jobs to claim. It is a hint: it may come too often, late or never. A store that can
    /// notify other processes (a blocking read, LISTEN and NOTIFY) does so in [`Backend::listen`].
    fn wakeups(&self) -> watch::Receiver<u64>;

    /// Signals that there may be jobs to claim, to this process and, where not notified yet, to other processes. For
    /// callers that wrote jobs in a transaction of their own.
    fn wake(&self);

    /// Changes when a cancellation of a running job was requested. It is a hint like [`Backend::wakeups`]; without it a
    /// job would learn of the request only at its next renewal.
    fn cancellations(&self) -> watch::Receiver<u64>;

    /// Returns the same store on a connection of its own, opened from the runtime that will use it. Leases are renewed
    /// on it, so that neither a busy pool nor a blocked runtime delays them. `None`: share this instance.
    async fn own_connection(&self) -> Result<Option<Arc<dyn Backend>>, Error> {
        Ok(None)
    }
}
