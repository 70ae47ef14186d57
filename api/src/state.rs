//! What handlers hold.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use sea_orm::DatabaseConnection;
use syncline_runs::RunQueue;

use crate::outage::Probe;

/// Whether a part of this process works; the reason is for people.
pub type PartHealth = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Whether this process may serve, as far as the database's schema goes; the reason is for people.
pub type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The parts that the binary hands to the API. Clones share them.
#[derive(Clone)]
pub struct ApiState {
    /// The database.
    pub db: DatabaseConnection,
    /// The queue that runs go to.
    pub queue: RunQueue,
    /// The version of the binary.
    pub version: &'static str,
    /// The role of this process: api, worker or up.
    pub role: &'static str,
    /// Where metrics are collected; none: only the queue's gauges are served.
    pub metrics: Option<PrometheusHandle>,
    /// What the worker's source last said of its store; `Ok` where there is no worker.
    pub queue_health: PartHealth,
    /// Background tasks that ended and are started again, in words.
    pub task_health: PartHealth,
    /// Asks whether the database lets anybody in.
    pub database_answers: Probe,
    /// The binary's word on the schema.
    pub ready: Readiness,
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState")
            .field("db", &self.db)
            .field("queue", &self.queue)
            .field("version", &self.version)
            .field("role", &self.role)
            .field("metrics", &self.metrics.is_some())
            .finish_non_exhaustive()
    }
}
