//! What other processes are told, and how: a column of the very statement that makes the news, so that PostgreSQL
//! delivers it with that statement's transaction, or never if that is rolled back.
//!
//! A notice says what may be done and who says it: `due QUEUE ORIGIN` (there may be something to claim) or
//! `stop QUEUE ORIGIN` (a running job was asked to stop). Rows of one transaction say the same, and PostgreSQL delivers
//! what is said twice once. Whoever said it has told its own workers already and passes over its own notices.
//!
//! PostgreSQL commits transactions with a notice one after the other. So a process says that something is due in its
//! statements a few hundred times a second at most; for what it left unsaid it says so once more, after the commit.
//!
//! The channel is named for the schema that holds the table: installations that share a database do not wake each other.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    DatabaseConnection, DbBackend,
    sqlx::{self, AssertSqlSafe},
};
use tokio::{runtime::Handle, time};
use uuid::Uuid;

/// The channel of the `jobs` that this connection's statements mean.
pub(super) const CHANNEL: &str =
    "(SELECT 'syncline_jobs_' || relnamespace::text FROM pg_class WHERE oid = to_regclass('jobs'))";

/// Names may be of any length, a notice may not: 8000 bytes, of which a character takes up to four.
const LONGEST_QUEUE: usize = 500;

/// What is due within so many microseconds is told; a look of an idle worker comes sooner than what is due later.
pub(super) const SOON: i64 = 10_000_000;

/// From one statement that tells of due jobs to the next.
const GAP: Duration = Duration::from_millis(5);
/// A statement that left something unsaid is committed by then, or its news waits for a worker's next look.
const UNSAID_FOR: Duration = Duration::from_secs(10);

/// Whose notices they are: one queue in one process. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    id: Uuid,
    pace: Arc<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    told: Mutex<Option<Instant>>,
    left_unsaid: Mutex<Option<Instant>>,
    /// A notice is on its way.
    coming: AtomicBool,
}

impl Pace {
    /// May a statement tell now? If not, it is noted that something stays unsaid.
    fn allows(&self) -> bool {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| now - told >= GAP) {
            *told = Some(now);
            return true;
        }
        *self.left_unsaid.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        false
    }

    fn owes(&self) -> bool {
        let left_unsaid = self.left_unsaid.lock().unwrap_or_else(PoisonError::into_inner);
        left_unsaid.is_some_and(|at| at.elapsed() < UNSAID_FOR)
    }
}

impl Origin {
    pub(super) fn new() -> Self {
        Self { id: Uuid::now_v7(), pace: Arc::default() }
    }

    /// After a commit: tells what statements left unsaid, soon and once for many.
    pub(super) fn make_up(&self, db: &DatabaseConnection) {
        if db.get_database_backend() != DbBackend::Postgres || !self.pace.owes() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        if self.pace.coming.swap(true, Ordering::AcqRel) {
            return;
        }
        let (origin, db) = (self.clone(), db.clone());
        runtime.spawn(async move {
            time::sleep(GAP).await;
            // From here on news needs a notice of its own.
            origin.pace.coming.store(false, Ordering::Release);
            let sql = format!("SELECT pg_notify({CHANNEL}, $1) IS NULL");
            let notice = format!("due - {origin}");
            let told = sqlx::query(AssertSqlSafe(sql)).bind(notice).execute(db.get_postgres_connection_pool());
            if let Err(error) = told.await {
                tracing::debug!(%error, "other processes were not told of due jobs; they look for themselves");
            }
        });
    }

    /// A further column of `RETURNING` by which each row of `jobs` says that there may be something to claim.
    pub(super) fn due(&self, backend: DbBackend) -> String {
        self.due_if(backend, "TRUE")
    }

    /// The same for those rows only for which the condition holds.
    pub(super) fn due_if(&self, backend: DbBackend, condition: &str) -> String {
        if backend == DbBackend::Postgres && !self.pace.allows() {
            return String::new();
        }
        self.column(backend, "due", condition)
    }

    /// The same for those rows only that are due soon. The others are found by the looks of workers, which come more
    /// often than that.
    pub(super) fn due_soon(&self, backend: DbBackend) -> String {
        self.due_if(backend, &format!("jobs.run_at - jobs.enqueued_at <= {SOON}"))
    }

    /// A further column of `RETURNING` by which each row of `pauses` says that its queue goes on.
    pub(super) fn resumed(&self, backend: DbBackend) -> String {
        self.column_of(backend, "due", "TRUE", "pauses.subject")
    }

    /// A further column of `RETURNING` by which each row of `jobs` says that its job should stop.
    pub(super) fn stop(&self, backend: DbBackend) -> String {
        self.column(backend, "stop", "TRUE")
    }

    fn column(&self, backend: DbBackend, what: &str, condition: &str) -> String {
        self.column_of(backend, what, condition, "jobs.queue")
    }

    /// Nothing on SQLite, where nobody listens.
    fn column_of(&self, backend: DbBackend, what: &str, condition: &str, queue: &str) -> String {
        if backend != DbBackend::Postgres {
            return String::new();
        }
        format!(
            ", CASE WHEN {condition} THEN pg_notify({CHANNEL}, \
             '{what} ' || left({queue}, {LONGEST_QUEUE}) || ' {self}') IS NULL END AS told"
        )
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.simple().fmt(f)
    }
}

/// A notice as it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// There may be something to claim.
    Due,
    /// A running job was asked to stop.
    Stop,
    /// A listener hears itself.
    Hello,
    /// Not for this process.
    Nothing,
}

impl Notice {
    /// Reads a payload. What a later version says in other words is not understood, and costs at most a poll interval.
    pub(super) fn read(payload: &str, own: &Origin) -> Notice {
        let is_own = payload.ends_with(&own.to_string());
        match payload.split(' ').next() {
            Some("hello") if is_own => Notice::Hello,
            Some("due") if !is_own => Notice::Due,
            Some("stop") if !is_own => Notice::Stop,
            Some(_) | None => Notice::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_for_everybody_else_and_a_hello_for_oneself() {
        let (own, other) = (Origin::new(), Origin::new());
        let read = |what: &str, from: &Origin| Notice::read(&format!("{what} some queue {from}"), &own);
        assert_eq!([read("due", &other), read("stop", &other)], [Notice::Due, Notice::Stop]);
        assert_eq!([read("due", &own), read("stop", &own), read("hello", &other)], [Notice::Nothing; 3]);
        assert_eq!(read("hello", &own), Notice::Hello);
        assert_eq!([Notice::read("", &own), read("dues", &other)], [Notice::Nothing; 2]);
    }

    #[test]
    fn a_burst_is_told_once_and_made_up_for() {
        let origin = Origin::new();
        assert!(origin.due(DbBackend::Postgres).contains("pg_notify") && !origin.pace.owes());
        assert!(origin.due_soon(DbBackend::Postgres).is_empty() && origin.pace.owes());
        assert!(origin.stop(DbBackend::Postgres).contains("pg_notify"), "who is waited for is told at once");
    }
}
