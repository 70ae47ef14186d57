//! The bound of the queue: past it, a job is refused rather than added to a line that never ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use syncline_queue::{Backend, SqlBackend, State, outbox::RUN_QUEUE};
use tokio::sync::Mutex;

use crate::problem::Problem;

/// Waiting jobs from which on no more are taken.
const MAX_WAITING: u64 = 100_000;

/// How long a count holds. Counting reads the whole line, which must not happen for every job of a burst.
const COUNT_HOLDS: Duration = Duration::from_secs(1);

/// Seconds after which a refused caller may try again.
const RETRY_AFTER: u32 = 30;

/// Lets jobs in while the queue has room. Clones share their count.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    queue: SqlBackend,
    counted: Arc<Mutex<Option<(Instant, u64)>>>,
}

impl Gate {
    pub(crate) fn new(queue: SqlBackend) -> Self {
        Self { queue, counted: Arc::default() }
    }

    /// Is there room for another job?
    pub(crate) async fn check(&self) -> Result<(), Problem> {
        let waiting = self.waiting().await?;
        if waiting < MAX_WAITING {
            return Ok(());
        }
        let detail = format!(
            "{waiting} jobs wait, and the queue takes no more than {MAX_WAITING}. Try again later, or run more workers"
        );
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "queue-full", "Queue full", detail)
            .with_retry_after(RETRY_AFTER))
    }

    /// The lock is held while counting, so that a burst counts once.
    async fn waiting(&self) -> Result<u64, Problem> {
        let mut counted = self.counted.lock().await;
        if let Some((at, waiting)) = *counted
            && at.elapsed() < COUNT_HOLDS
        {
            return Ok(waiting);
        }
        let counts = self.queue.counts(RUN_QUEUE).await?;
        let waiting =
            counts.iter().filter(|count| count.state == State::Waiting).map(|count| count.jobs).sum();
        *counted = Some((Instant::now(), waiting));
        Ok(waiting)
    }
}
