//! `syncline up`, `worker` and `api`: the roles that stay.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sea_orm::DatabaseConnection;
use syncline_api::ApiState;
use syncline_queue::{Health, outbox::RunQueue};
use syncline_worker::{Environment, PoolConfig, dispatcher, purge::Retention};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, Make},
    cli::{ApiArgs, KeepArgs, MakeArgs, UpArgs, WorkerArgs},
    fault::{Exit, Fault},
    retention, settings, shutdown,
};

/// API, worker and schedules in one process; unless told otherwise it migrates its database itself.
pub(crate) async fn up(url: &str, args: &UpArgs) -> Result<Exit, Fault> {
    let retention = retention::read(&KeepArgs::default())?;
    let db = connect(url, args.migrate, args.make).await?;
    serve(db, retention, "up", settings::api_address(args.listen)?, true, Some(app::pool_config(&args.pool)))
        .await
}

/// Jobs and schedules.
pub(crate) async fn worker(url: &str, args: &WorkerArgs) -> Result<Exit, Fault> {
    let retention = retention::read(&KeepArgs::default())?;
    let db = connect(url, args.migrate, args.make).await?;
    serve(
        db,
        retention,
        "worker",
        settings::worker_address(args.listen)?,
        false,
        Some(app::pool_config(&args.pool)),
    )
    .await
}

/// The HTTP API.
pub(crate) async fn api(url: &str, args: &ApiArgs) -> Result<Exit, Fault> {
    let db = connect(url, args.migrate, args.make).await?;
    serve(db, Retention::default(), "api", settings::api_address(args.listen)?, true, None).await
}

/// A role that is told not to migrate makes nothing either.
async fn connect(url: &str, migrate: bool, make: MakeArgs) -> Result<DatabaseConnection, Fault> {
    if !migrate {
        return app::connect(url).await;
    }
    let make = Make { migrate, among_other_tables: make.among_other_tables };
    let (db, made) = app::connect_or_make(url, make).await?;
    if let Some(made) = made {
        tracing::info!("{made}");
    }
    Ok(db)
}

async fn serve(
    db: DatabaseConnection,
    retention: Retention,
    role: &'static str,
    listen: SocketAddr,
    with_api: bool,
    pool: Option<PoolConfig>,
) -> Result<Exit, Fault> {
    syncline_api::check_bind(listen).map_err(Fault::usage)?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Fault::usage(format!("--listen {listen}: {error}")))?;
    let shutdown = shutdown::on_signals()?;
    let environment = Environment { retention, ..app::environment(db.clone())? };
    let health = Arc::new(Mutex::new(None::<Health>));
    let state = state(&db, &environment.queue, role, metrics()?, Arc::clone(&health));
    let router = if with_api { syncline_api::router(state) } else { syncline_api::health_router(state) };
    let queue = settings::queue()?.shown();
    tracing::info!(role, listen = %listener.local_addr()?, queue, version = env!("CARGO_PKG_VERSION"), "serving");
    // The API outlives the worker, so that a draining process still tells how it is.
    let served = CancellationToken::new();
    let api = tokio::spawn(syncline_api::serve(listener, router, served.clone()));
    match pool {
        Some(pool) => {
            let told = move |source| {
                *health.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
            };
            syncline_worker::run(environment, pool, shutdown, told).await?;
        }
        // What it accepts while the queue's store is away has to get there, whether a worker lives or not.
        None => dispatcher::run(environment, shutdown).await,
    }
    served.cancel();
    api.await.map_err(|error| Fault::failed(format!("the API: {error}")))??;
    Ok(Exit::Done)
}

/// The parts that routes ask.
fn state(
    db: &DatabaseConnection,
    queue: &RunQueue,
    role: &'static str,
    metrics: PrometheusHandle,
    health: Arc<Mutex<Option<Health>>>,
) -> ApiState {
    let database = db.clone();
    ApiState {
        db: db.clone(),
        queue: queue.clone(),
        version: env!("CARGO_PKG_VERSION"),
        role,
        metrics: Some(metrics),
        queue_health: Arc::new(move || match &*health.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(health) if !health.is_well() => Err(problems(health)),
            Some(_) | None => Ok(()),
        }),
        ready: Arc::new(move || {
            let database = database.clone();
            Box::pin(async move { app::check_schema(&database).await })
        }),
    }
}

/// What keeps the worker from its queue, in words.
fn problems(health: &Health) -> String {
    let problems = health.problems();
    let told: Vec<String> =
        problems.iter().map(|(part, problem)| format!("{part}: {}", problem.error)).collect();
    told.join("; ")
}

/// Upper bounds of the classes of time that histograms count, in seconds.
const CLASSES: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

/// Collects metrics for `/metrics`.
fn metrics() -> Result<PrometheusHandle, Fault> {
    // Histograms, since summaries of several processes cannot be put together.
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &CLASSES)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| Fault::failed(format!("metrics: {error}")))?;
    syncline_queue::describe_metrics();
    Ok(handle)
}
