//! The shared dependencies of handlers: the database, the queue, the limits and the clock.

use std::{sync::Arc, time::Duration};

use sea_orm::DatabaseConnection;
use syncline_accounts::Broker;
use syncline_connectors::http::Http;
use syncline_engine::ports::Clock;
use syncline_limits::{BreakerPolicy, Limits, SqlLimits};
use syncline_queue::Tasks;
use syncline_runs::{Meeting, RunBook, RunQueue};
use syncline_upkeep::purge::Retention;

use crate::{clock::SystemClock, open::Opener, steps::StopAt};

/// The shared dependencies of handlers. Clones share them.
#[derive(Clone)]
pub struct Environment {
    /// Syncline's own database.
    pub db: DatabaseConnection,
    /// The queue of runs.
    pub queue: RunQueue,
    /// Rate limits and circuit breakers of accounts, shared by all replicas.
    pub limits: Arc<dyn Limits>,
    /// The secrets of accounts.
    pub broker: Broker,
    pub clock: Arc<dyn Clock>,
    /// This worker's name, as recorded in attempts.
    pub worker: String,
    /// The HTTP client that all places share; `None` if no platform is reached over HTTP.
    pub http: Option<Http>,
    /// Timeout of one statement in a place.
    pub timeout: Duration,
    /// How long runs, changes and other records are kept.
    pub retention: Retention,
    /// Batches the beginnings and ends of runs.
    pub meeting: Meeting,
    pub tasks: Tasks,
    /// The step to stop at, in crash tests.
    pub stop_at: Option<Arc<StopAt>>,
}

impl Environment {
    /// Creates the default environment over a database, with the queue in the same database.
    pub fn new(db: DatabaseConnection, worker: impl Into<String>) -> Self {
        Self {
            queue: RunQueue::sql(db.clone()),
            limits: Arc::new(SqlLimits::new(db.clone(), BreakerPolicy::default())),
            db,
            broker: Broker::default(),
            clock: Arc::new(SystemClock),
            worker: worker.into(),
            http: None,
            timeout: Duration::from_secs(30),
            retention: Retention::default(),
            meeting: Meeting::default(),
            tasks: Tasks::default(),
            stop_at: None,
        }
    }

    /// Returns the opener of the places of this worker's runs.
    pub fn opener(&self) -> Opener<'_> {
        Opener { db: &self.db, broker: &self.broker, http: self.http.as_ref(), timeout: self.timeout }
    }

    /// Returns the run book of this worker.
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
