//! The state that handlers share.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use sea_orm::DatabaseConnection;
use syncline_connectors::{Catalogue, Identity};
use syncline_runs::RunQueue;
use syncline_service::{
    accounts::{Broker, KnownAccount},
    allow::AllowLists,
    tokens::Gate,
};

use crate::{
    cursor::Cursors, hosts::Hosts, lately::Answers, live::Live, outage::Probe, rates::Rates,
    routes::overall::Book,
};

/// How parts of the installation were when they were last asked. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Parts(pub(crate) Book);

/// Checks a part of this process; the reason of a failure is for display.
pub type PartHealth = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Checks whether the database's schema lets this process serve; the reason of a failure is for display.
pub type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Asks a platform who an account is; the reason of a failure is for display.
pub type Identify = Arc<dyn Fn(KnownAccount) -> BoxFuture<'static, Result<Identity, String>> + Send + Sync>;

/// Asks a platform what an account can see: its places, or what one of them has.
pub type LookAround =
    Arc<dyn Fn(KnownAccount, Option<String>) -> BoxFuture<'static, Result<Catalogue, String>> + Send + Sync>;

/// How platforms are reached.
#[derive(Clone)]
pub struct Platforms {
    /// Seals and checks the secrets of accounts.
    pub broker: Broker,
    pub identify: Identify,
    pub discover: LookAround,
}

impl Default for Platforms {
    /// Reaches none.
    fn default() -> Self {
        let none = || "this process reaches no platform".to_owned();
        Self {
            broker: Broker::default(),
            identify: Arc::new(move |_| Box::pin(async move { Err(none()) })),
            discover: Arc::new(move |_, _| Box::pin(async move { Err(none()) })),
        }
    }
}

/// The parts that the binary passes to the API. Clones share them.
#[derive(Clone)]
pub struct ApiState {
    /// Syncline's own database.
    pub db: DatabaseConnection,
    /// The queue of runs.
    pub queue: RunQueue,
    /// The version of the binary.
    pub version: &'static str,
    /// The role of this process: api, worker or up.
    pub role: &'static str,
    /// Who may ask.
    pub gate: Gate,
    /// The names under which this server is addressed.
    pub hosts: Arc<Hosts>,
    /// How much a caller may ask.
    pub rates: Rates,
    /// Signs the cursors of lists.
    pub cursors: Cursors,
    /// How the parts of the installation were when last asked.
    pub parts: Parts,
    /// Answers of a moment ago that count many things.
    pub answers: Answers,
    /// True if there are pages about the API.
    pub docs: bool,
    /// The live feed.
    pub live: Live,
    /// What sync documents and accounts in requests may name.
    pub allow: Arc<AllowLists>,
    /// How platforms are reached.
    pub platforms: Platforms,
    /// The recorder of metrics; none: only the queue's gauges are served.
    pub metrics: Option<PrometheusHandle>,
    /// The last known state of the worker's store; `Ok` where there is no worker.
    pub queue_health: PartHealth,
    /// Fails with the background tasks that ended and are being restarted.
    pub task_health: PartHealth,
    /// Opens a connection of its own to the database. True: it was opened.
    pub database_answers: Probe,
    /// Checks the schema.
    pub ready: Readiness,
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState")
            .field("db", &self.db)
            .field("queue", &self.queue)
            .field("version", &self.version)
            .field("role", &self.role)
            .field("gate", &self.gate)
            .field("hosts", &self.hosts)
            .field("docs", &self.docs)
            .field("allow", &self.allow)
            .field("metrics", &self.metrics.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl ApiState {
    /// The state of an API without stores, for routes that ask none.
    pub(crate) fn nowhere() -> ApiState {
        let db = DatabaseConnection::default();
        ApiState {
            db: db.clone(),
            queue: RunQueue::sql(db.clone()),
            version: "1.2.3",
            role: "api",
            gate: Gate::local(),
            hosts: Arc::new(Hosts::local()),
            rates: Rates::new(crate::Limits::NONE),
            cursors: Cursors::default(),
            parts: Parts::default(),
            answers: Answers::default(),
            docs: true,
            live: Live::new(db.clone(), tokio_util::sync::CancellationToken::new()),
            allow: Arc::default(),
            platforms: Platforms::default(),
            metrics: None,
            queue_health: Arc::new(|| Ok(())),
            task_health: Arc::new(|| Ok(())),
            database_answers: Arc::new(|| Box::pin(async { true })),
            ready: Arc::new(|| Box::pin(async { Ok(()) })),
        }
    }
}
