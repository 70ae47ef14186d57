//! Notices to other processes. A notice is a column of the statement that causes it, so PostgreSQL delivers it when
//! that statement's transaction commits, and never if it is rolled back.
//!
//! A notice has a kind and an origin: `due QUEUE ORIGIN` (there may be jobs to claim) or `stop QUEUE ORIGIN` (a running
//! job was asked to stop). Rows of one transaction send equal notices, and PostgreSQL delivers equal ones once. A
//! process wakes its own workers directly and skips its own notices.
//!
//! PostgreSQL commits transactions with notices one after the other. So the statements of a process send `due` at most
//! a few hundred times a second; one later notice, after a commit, makes up for those left out.
//!
//! The channel is named after the schema of the table, so installations that share a database do not wake each other.

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

/// The channel for the table `jobs` that this connection sees.
pub(super) const CHANNEL: &str =
    "(SELECT 'syncline_jobs_' || relnamespace::text FROM pg_class WHERE oid = to_regclass('jobs'))";

/// The longest queue name in a notice, in characters of up to four bytes; a notice has at most 8000 bytes.
const LONGEST_QUEUE: usize = 500;

/// Microseconds. Only jobs due within this time cause a notice; idle workers poll before later ones are due.
pub(super) const SOON: i64 = 10_000_000;

/// The shortest time between two statements that send `due`.
const GAP: Duration = Duration::from_millis(5);
/// How long an omitted notice is remembered; its statement must commit within this time, or workers find the job by
/// polling.
const UNSAID_FOR: Duration = Duration::from_secs(10);

/// The origin of notices: one queue backend in one process. Clones are the same origin.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    id: Uuid,
    pace: Arc<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    told: Mutex<Option<Instant>>,
    left_unsaid: Mutex<Option<Instant>>,
    /// A make-up notice is scheduled.
    coming: AtomicBool,
}

impl Pace {
    /// True if a statement may send a notice now; otherwise notes that one was left out.
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

    /// After a commit: sends one notice soon for all those that statements left out.
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
            // From here on new jobs need another notice.
            origin.pace.coming.store(false, Ordering::Release);
            let sql = format!("SELECT pg_notify({CHANNEL}, $1) IS NULL");
            let notice = format!("due - {origin}");
            let told = sqlx::query(AssertSqlSafe(sql)).bind(notice).execute(db.get_postgres_connection_pool());
            if let Err(error) = told.await {
                tracing::debug!(%error, "other processes were not told of due jobs; they look for themselves");
            }
        });
    }

    /// Returns a column for `RETURNING` by which each row of `jobs` sends that there may be jobs to claim.
    pub(super) fn due(&self, backend: DbBackend) -> String {
        self.due_if(backend, "TRUE")
    }

    /// As [`Origin::due`], only for rows that meet the condition.
    pub(super) fn due_if(&self, backend: DbBackend, condition: &str) -> String {
        if backend == DbBackend::Postgres && !self.pace.allows() {
            return String::new();
        }
        self.column(backend, "due", condition)
    }

    /// As [`Origin::due`], only for jobs due soon. Idle workers find the others, as they poll more often.
    pub(super) fn due_soon(&self, backend: DbBackend) -> String {
        self.due_if(backend, &format!("jobs.run_at - jobs.enqueued_at <= {SOON}"))
    }

    /// Returns a column for `RETURNING` by which each row of `pauses` sends that its queue was resumed.
    pub(super) fn resumed(&self, backend: DbBackend) -> String {
        self.column_of(backend, "due", "TRUE", "pauses.subject")
    }

    /// Returns a column for `RETURNING` by which each row of `jobs` sends that the job should stop.
    pub(super) fn stop(&self, backend: DbBackend) -> String {
        self.column(backend, "stop", "TRUE")
    }

    fn column(&self, backend: DbBackend, what: &str, condition: &str) -> String {
        self.column_of(backend, what, condition, "jobs.queue")
    }

    /// Empty on SQLite, where no process listens.
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

/// A received notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// There may be something to claim.
    Due,
    /// A running job was asked to stop.
    Stop,
    /// Not for this process.
    Nothing,
}

impl Notice {
    /// Parses a payload. Notices that only later versions know are ignored, which costs at most a poll interval.
    pub(super) fn read(payload: &str, own: &Origin) -> Notice {
        let is_own = payload.ends_with(&own.to_string());
        match payload.split(' ').next() {
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
    fn a_notice_is_for_everybody_else() {
        let (own, other) = (Origin::new(), Origin::new());
        let read = |what: &str, from: &Origin| Notice::read(&format!("{what} some queue {from}"), &own);
        assert_eq!([read("due", &other), read("stop", &other)], [Notice::Due, Notice::Stop]);
        assert_eq!([read("due", &own), read("stop", &own), read("hello", &other)], [Notice::Nothing; 3]);
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
