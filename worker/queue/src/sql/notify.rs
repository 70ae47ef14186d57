//! What other processes are told, and how: a column of the very statement that makes the news, so that PostgreSQL
//! delivers it with that statement's transaction, or never if that is rolled back.
//!
//! A notice says what may be done and who says it: `due QUEUE ORIGIN` (there may be something to claim) or
//! `stop QUEUE ORIGIN` (a running job was asked to stop). Rows of one transaction say the same, and PostgreSQL delivers
//! what is said twice once. Whoever said it has told its own workers already and passes over its own notices.
//!
//! The channel is named for the schema that holds the table: installations that share a database do not wake each other.

use std::fmt;

use sea_orm::DbBackend;
use uuid::Uuid;

/// The channel of the `jobs` that this connection's statements mean.
pub(super) const CHANNEL: &str =
    "(SELECT 'syncline_jobs_' || relnamespace::text FROM pg_class WHERE oid = to_regclass('jobs'))";

/// Names may be of any length, a notice may not: 8000 bytes, of which a character takes up to four.
const LONGEST_QUEUE: usize = 500;

/// What is due within so many microseconds is told; a look of an idle worker comes sooner than what is due later.
pub(super) const SOON: i64 = 10_000_000;

/// Whose notices they are: one queue in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin(Uuid);

impl Origin {
    pub(super) fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// A further column of `RETURNING` by which each row of `jobs` says that there may be something to claim.
    pub(super) fn due(self, backend: DbBackend) -> String {
        self.column(backend, "due", "TRUE")
    }

    /// The same for those rows only for which the condition holds.
    pub(super) fn due_if(self, backend: DbBackend, condition: &str) -> String {
        self.column(backend, "due", condition)
    }

    /// The same for those rows only that are due soon. The others are found by the looks of workers, which come more
    /// often than that.
    pub(super) fn due_soon(self, backend: DbBackend) -> String {
        self.column(backend, "due", &format!("jobs.run_at - jobs.enqueued_at <= {SOON}"))
    }

    /// A further column of `RETURNING` by which each row of `pauses` says that its queue goes on.
    pub(super) fn resumed(self, backend: DbBackend) -> String {
        self.column_of(backend, "due", "TRUE", "pauses.subject")
    }

    /// A further column of `RETURNING` by which each row of `jobs` says that its job should stop.
    pub(super) fn stop(self, backend: DbBackend) -> String {
        self.column(backend, "stop", "TRUE")
    }

    fn column(self, backend: DbBackend, what: &str, condition: &str) -> String {
        self.column_of(backend, what, condition, "jobs.queue")
    }

    /// Nothing on SQLite, where nobody listens.
    fn column_of(self, backend: DbBackend, what: &str, condition: &str, queue: &str) -> String {
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
        self.0.simple().fmt(f)
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
    pub(super) fn read(payload: &str, own: Origin) -> Notice {
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
        let read = |what: &str, from: Origin| Notice::read(&format!("{what} some queue {from}"), own);
        assert_eq!([read("due", other), read("stop", other)], [Notice::Due, Notice::Stop]);
        assert_eq!([read("due", own), read("stop", own), read("hello", other)], [Notice::Nothing; 3]);
        assert_eq!(read("hello", own), Notice::Hello);
        assert_eq!([Notice::read("", own), read("dues", other)], [Notice::Nothing; 2]);
    }
}
