//! Everything a handler may touch.

use std::{sync::Arc, time::Duration};

use sea_orm::DatabaseConnection;
use syncline_engine::ports::Clock;
use syncline_limits::{BreakerPolicy, Limits, SqlLimits};
use syncline_queue::Tasks;
use syncline_runs::{Meeting, RunBook, RunQueue};
use syncline_upkeep::purge::Retention;

use crate::{clock::SystemClock, steps::StopAt};

/// Everything a handler may touch. Clones share it.
#[derive(Clone)]
pub struct Environment {
    /// Syncline's database.
    pub db: DatabaseConnection,
    /// The queue that runs go to.
    pub queue: RunQueue,
    /// Rate limits and circuit breakers of accounts, which all replicas share.
    pub limits: Arc<dyn Limits>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This worker's name, as attempts note it.
    pub worker: String,
    /// How long one call to a platform may take.
    pub timeout: Duration,
    /// What is kept, and for how long.
    pub retention: Retention,
    /// Where runs meet to begin and to end.
    pub meeting: Meeting,
    /// The background tasks of this process.
    pub tasks: Tasks,
    /// Where to stop, in crash tests.
    pub stop_at: Option<Arc<StopAt>>,
}

impl Environment {
    /// The usual environment over a database, with the queue in it.
    pub fn new(db: DatabaseConnection, worker: impl Into<String>) -> Self {
        Self {
            queue: RunQueue::sql(db.clone()),
            limits: Arc::new(SqlLimits::new(db.clone(), BreakerPolicy::default())),
            db,
            clock: Arc::new(SystemClock),
            worker: worker.into(),
            timeout: Duration::from_secs(30),
            retention: Retention::default(),
            meeting: Meeting::default(),
            tasks: Tasks::default(),
            stop_at: None,
        }
    }

    /// Begins and ends this worker's runs.
    pub fn run_book(&self) -> RunBook {
        RunBook {
            db: self.db.clone(),
            queue: self.queue.clone(),
            clock: Arc::clone(&self.clock),
            worker: self.worker.clone(),
            meeting: self.meeting.clone(),
        }
    }
}
