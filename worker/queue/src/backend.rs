//! The contract of a queue's store.
//!
//! A small glossary. A **claim** takes a waiting job and mints a token, larger than any before it for the same job. A
//! **lease** is the time for which a claim holds; **renewing** extends it. To **settle** is to say how the job went.
//! Whoever presents a token that is not the newest, or for a job that no longer runs, is **stale** and changes nothing.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    health::chain,
    job::{ClaimedJob, Ended, Job, NewJob, Priority},
    state::State,
};

/// Why a call to the store failed. What is expected to happen (stale, joined, unknown) is a result, not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be asked, or was too busy; the same call may succeed later.
    #[error("{} cannot be reached", store(&**.0))]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store answered no; the same call will fail again.
    #[error("{} refused the call", store(&**.0))]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Two calls met and neither settled it within a few tries; try again.
    #[error("too many calls at once for {0}")]
    Contended(String),
    /// The queue has no room for the jobs that were pushed, and took none of them.
    #[error(
        "the queue {queue:?} is full ({waiting} waiting, at most {limit}); try again later, run more workers, or raise the \
         limit"
    )]
    Full {
        /// Which queue.
        queue: String,
        /// How many jobs wait.
        waiting: u64,
        /// How many may.
        limit: u64,
    },
}

impl Error {
    /// The store did not answer in time.
    pub fn late() -> Error {
        Error::Unavailable("no answer in time".into())
    }

    /// The error and its causes on one line.
    pub fn told(&self) -> String {
        chain(self)
    }

    /// What is wrong, where no further try helps before somebody has changed the settings or the server.
    #[cfg(feature = "redis")]
    pub fn needs_a_person(&self) -> Option<String> {
        let (Error::Unavailable(cause) | Error::Refused(cause)) = self else { return None };
        let failure = cause.downcast_ref::<crate::redis::RedisFailure>()?;
        failure.needs_a_person().then(|| failure.to_string())
    }

    /// Is it a failure of the database, rather than of a store beside it?
    pub fn is_of_database(&self) -> bool {
        self.is_of(DATABASE)
    }

    /// Is it a failure of Redis?
    pub fn is_of_redis(&self) -> bool {
        self.is_of(REDIS)
    }

    fn is_of(&self, name: &str) -> bool {
        matches!(self, Error::Unavailable(cause) | Error::Refused(cause) if store(&**cause) == name)
    }

    /// Can the same call succeed later?
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Error::Refused(_) | Error::Full { .. })
    }
}

const DATABASE: &str = "the database";
const REDIS: &str = "Redis";

/// Which store an error is of.
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

/// A job and the proof of a claim on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseRef {
    /// The job.
    pub id: Uuid,
    /// The token of the claim.
    pub token: i64,
}

impl fmt::Display for LeaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (claim {})", self.id, self.token)
    }
}

/// What became of a pushed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits now.
    New,
    /// A job of this id was there already; nothing changed.
    Known,
    /// Another job of the same unique key stands for it; nothing changed.
    Joined {
        /// The job that stands for it.
        winner: Uuid,
    },
    /// A job of the same unique key waits, and its payload has taken up this one's.
    Merged {
        /// The job that waits.
        winner: Uuid,
    },
}

impl Pushed {
    /// The job that will do the work; `None`: the one that was pushed.
    pub fn winner(self) -> Option<Uuid> {
        match self {
            Pushed::New | Pushed::Known => None,
            Pushed::Joined { winner } | Pushed::Merged { winner } => Some(winner),
        }
    }
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// From which queue.
    pub queue: String,
    /// Who asks; shown to people, not a proof of anything.
    pub worker_id: String,
    /// At most so many jobs.
    pub limit: usize,
    /// For how long they are held unless renewed.
    pub lease: Duration,
    /// Only jobs of this concurrency key.
    pub concurrency_key: Option<String>,
    /// Only jobs that have been due for so long, the oldest first whatever their priority. This is how a worker keeps
    /// a low priority from waiting for ever.
    pub overdue_by: Option<Duration>,
}

/// What a worker got.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// The jobs: by priority, then due time, then id.
    pub jobs: Vec<ClaimedJob>,
    /// How long until the next delayed job of the queue is due, as far as there is one.
    pub next_due: Option<Duration>,
    /// There may be more to claim right now.
    pub more: bool,
}

/// What a renewal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The lease holds for its length from now.
    Held,
    /// It holds, and somebody asks the job to stop.
    CancelRequested,
    /// The claim is stale.
    Lost,
}

/// How a job went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done and leaves the queue.
    Done,
    /// It is done, and this came of it; kept for as long as the job was pushed to keep it.
    Answered(Value),
    /// It failed and may succeed later: another attempt after a backoff, or dead if there is none left.
    Retry {
        /// What went wrong.
        error: String,
        /// Not before this time has passed, as a platform's Retry-After says.
        at_least: Option<Duration>,
    },
    /// It could not be tried: again after this time, and no attempt is used.
    Snooze {
        /// How long to wait.
        delay: Duration,
    },
    /// It failed and never will succeed.
    Dead {
        /// In a few words, why it is given up.
        reason: String,
        /// What went wrong.
        error: String,
    },
    /// It stopped because somebody asked it to, and leaves the queue.
    Cancelled,
}

/// The outcome of a claimed job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Which job, with the proof.
    pub lease: LeaseRef,
    /// How it went.
    pub outcome: Outcome,
}

/// What became of a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The store has it.
    Applied(Next),
    /// The claim was stale; nothing changed.
    Stale,
}

/// Where a job stands after it left `running`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It has left the queue.
    Gone,
    /// It waits for another attempt, for so long.
    Waiting {
        /// From the moment of the settlement.
        delay: Duration,
    },
    /// It is dead.
    Dead {
        /// Why.
        reason: String,
    },
}

/// A job whose lease ran out, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// The job.
    pub id: Uuid,
    /// Where it stands.
    pub next: Next,
}

/// What became of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It was waiting and is gone.
    Removed,
    /// It is running and will be told at its next renewal.
    Requested,
    /// There is no such job, or it is dead.
    Unknown,
}

/// How many jobs of a queue stand in one state with one priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The state.
    pub state: State,
    /// The priority.
    pub priority: Priority,
    /// How many.
    pub jobs: u64,
    /// How many of them are not due yet.
    pub delayed: u64,
    /// For waiting jobs the longest time any has been due, for others the longest time since any was pushed.
    pub oldest: Duration,
}

/// Which jobs a list should hold.
#[derive(Debug, Clone)]
pub struct JobQuery {
    /// Of which queue.
    pub queue: String,
    /// In which state.
    pub state: State,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this priority.
    pub priority: Option<Priority>,
    /// Only with this unique, concurrency or order key.
    pub key: Option<String>,
    /// Only with this text in the payload, the last error or the reason of death; case matters.
    pub text: Option<String>,
    /// Only pushed at least so long ago.
    pub older_than: Option<Duration>,
    /// At most so many.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<String>,
}

impl JobQuery {
    /// The first hundred jobs of a queue in one state.
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

/// Some jobs, and where to go on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The jobs: waiting and running ones in the order of their push as far as the store knows it, dead ones the latest
    /// first.
    pub jobs: Vec<Job>,
    /// To be asked for as [`JobQuery::after`]; `None` at the end. A store may answer with fewer jobs than it was asked for,
    /// even none, and say where to go on: it looks at no more than a bounded number of jobs per call.
    pub next: Option<String>,
}

/// A store of jobs. Times are the store's own.
///
/// Calls that take several items answer in the order they were asked, one answer each.
#[async_trait]
pub trait Backend: Send + Sync + fmt::Debug + 'static {
    /// Where the store is, for people: never with a password.
    fn place(&self) -> String {
        DATABASE.to_owned()
    }

    /// Puts jobs in line. The same id again is a no-op; where another job of the unique key stands for one, it is named.
    /// A queue that has no room for all of them takes none: [`Error::Full`]. Jobs of one call and one queue that are due
    /// at once are in line in the order of their ids.
    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error>;

    /// The same whether there is room or not, for jobs that were accepted already.
    async fn put_back(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error>;

    /// Which of these jobs the store holds, in whatever state.
    async fn known(&self, ids: &[Uuid]) -> Result<Vec<bool>, Error>;

    /// Takes due jobs: by priority, then in the order in which they came due, then by id. Nothing while the queue is
    /// paused. The attempt counts from here, so a crash uses it. No more jobs of a concurrency key run than its limit,
    /// whoever claims and however many at once, and jobs of a busy key do not hold up the line; of an order key only the
    /// oldest unfinished job is taken, and never beside another.
    async fn claim(&self, request: &ClaimRequest) -> Result<Claimed, Error>;

    /// Waits for work, at most so long, and claims it the moment it is there, without the way there and back that lies between
    /// a wake-up and a claim. `None`: this store cannot, and whoever waits listens for [`Backend::wakeups`].
    ///
    /// What it claims after its caller has dropped it is left to the lease; [`Backend::rouse`] ends it early instead.
    async fn claim_next(&self, _: &ClaimRequest, _wait: Duration) -> Option<Result<Claimed, Error>> {
        None
    }

    /// Ends the waits of [`Backend::claim_next`] on this instance: each claims what is there and answers.
    async fn rouse(&self, _queue: &str) {}

    /// Extends leases, also ones that ran out but were not rescued yet.
    async fn renew(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<Renewal>, Error>;

    /// Stores how jobs went.
    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, Error>;

    /// Puts back jobs that were claimed and never started: same place in line, no attempt used.
    async fn give_back(&self, leases: &[LeaseRef]) -> Result<Vec<Settled>, Error>;

    /// Looks for leases that ran out: the job waits again, its attempt used, or is dead if that was the last.
    /// Bounded; call it again while it returns something.
    async fn rescue(&self) -> Result<Vec<Rescued>, Error>;

    /// Notes how far a running job has come. False: the claim is stale.
    async fn progress(&self, lease: LeaseRef, progress: &Value) -> Result<bool, Error>;

    /// Removes a waiting job, asks a running one to stop.
    async fn cancel(&self, id: Uuid) -> Result<Cancelled, Error>;

    /// One job, unless it has left the queue.
    async fn get(&self, id: Uuid) -> Result<Option<Job>, Error>;

    /// How a job went that has left the queue, as long as that is kept.
    async fn ended(&self, id: Uuid) -> Result<Option<Ended>, Error>;

    /// Jobs of a queue in one state. A cursor that this store did not give is [`Error::Refused`].
    async fn list(&self, query: &JobQuery) -> Result<Page, Error>;

    /// Puts a dead job in line again, its attempts counted from nothing. False: it is not dead.
    async fn replay(&self, id: Uuid) -> Result<bool, Error>;

    /// Removes a dead job. False: it is not dead.
    async fn discard(&self, id: Uuid) -> Result<bool, Error>;

    /// How many jobs there are, by state and priority; what is zero is left out.
    async fn counts(&self, queue: &str) -> Result<Vec<Count>, Error>;

    /// Lets nobody claim from a queue until it is resumed, whichever worker and however often it restarts. Running jobs
    /// go on. False: it was paused already.
    async fn pause(&self, queue: &str) -> Result<bool, Error>;

    /// Lets workers claim again. False: it was not paused.
    async fn resume(&self, queue: &str) -> Result<bool, Error>;

    /// Is the queue paused?
    async fn is_paused(&self, queue: &str) -> Result<bool, Error>;

    /// Feeds [`Backend::wakeups`] and [`Backend::cancellations`] with what other processes do to a queue, until it is
    /// dropped. It reconnects by itself. A store that cannot wake anybody never returns and does nothing.
    async fn listen(&self, queue: &str);

    /// Changes whenever there may be something to claim: a hint, which may come too often, late or never. A store
    /// that can wake other processes (a blocking read, LISTEN and NOTIFY) does so in [`Backend::listen`].
    fn wakeups(&self) -> watch::Receiver<u64>;

    /// Says that there may be something to claim, here and, as far as they have not heard, in other processes; for whoever
    /// wrote jobs in a transaction of their own.
    fn wake(&self);

    /// Changes when a running job was asked to stop: a hint as [`Backend::wakeups`], which spares the job the wait for
    /// its next renewal.
    fn cancellations(&self) -> watch::Receiver<u64>;

    /// The same store through a connection that nobody else uses, opened from the runtime that will use it. Leases are
    /// renewed through it, so that neither a busy pool nor a blocked runtime can starve them. `None`: share this one.
    async fn own_connection(&self) -> Result<Option<Arc<dyn Backend>>, Error> {
        Ok(None)
    }
}
