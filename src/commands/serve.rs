//! `syncline up`, `worker` and `api`: the roles that stay.

mod reached;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter};
use syncline_api::{ApiState, Cursors, Hosts, Limits, Live, Parts, Platforms, Rates, Starting};
use syncline_entity::sync_config;
use syncline_queue::{Health, Tasks};
use syncline_runs::RunQueue;
use syncline_service::tokens::Gate;
use syncline_worker::{Environment, dispatcher};
use tokio::{net::TcpListener, task::JoinError, time::timeout};
use tokio_util::sync::CancellationToken;

use self::reached::Ops;
use super::{accounts, discover};
use crate::{
    app::{self, Make},
    config::{Config, Listen, ServerConfig},
    database,
    fault::{Exit, Fault, Passes},
    shutdown,
};

/// The database, and its address for people. A role that is told not to migrate makes nothing either.
async fn connect(config: &Config, server: &ServerConfig) -> Result<(DatabaseConnection, String), Fault> {
    let address = &config.database.url;
    let shown = address.file().map_or_else(|| address.shown(), |file| file.display().to_string());
    if !server.migrate {
        return Ok((app::connect(config).await?, shown));
    }
    let make = Make { migrate: true, among_other_tables: server.among_other_tables };
    let (db, made) = app::connect_or_make(config, make).await?;
    if let Some(made) = made {
        tracing::info!("{made}");
    }
    Ok((db, shown))
}

/// Serves until a signal: `up` is API, worker and schedules in one process, `worker` jobs and schedules, `api` the HTTP
/// API.
pub(crate) async fn run(config: &Config, server: &ServerConfig) -> Result<Exit, Fault> {
    let listener = bind("--listen", server.listen).await?;
    on(config, server, listener).await
}

/// The same, on an address that was taken already.
pub(crate) async fn on(config: &Config, server: &ServerConfig, listener: TcpListener) -> Result<Exit, Fault> {
    let (role, listen) = (config.role, server.listen);
    let listens = listener.local_addr()?;
    if listens.port() != listen.address.port() && listen.address.port() != 0 {
        tracing::info!("{} is in use, so {role} listens on {listens}", listen.address);
    }
    let shutdown = shutdown::on_signals()?;
    let recorder = recorder()?;
    let (with_api, hosts) = (role != "worker", reached::hosts(server, listens)?);
    let started = Starting::new(role, env!("CARGO_PKG_VERSION"), recorder.clone());
    let starting = started.beside(!with_api || hosts.is_local());
    // The API outlives the worker, so that a draining process still tells how it is.
    let served = CancellationToken::new();
    let tls = server.reach.tls.clone();
    let mut api = tokio::spawn(syncline_api::serve(listener, tls, starting.router(), served.clone()));
    let ops = Ops::begin(server, &started, &served).await?;
    let waited = shutdown.run_until_cancelled(wait_for_database(config, server, listens, &starting)).await;
    let Some(found) = waited else {
        served.cancel();
        ended(api.await)?;
        return Ok(Exit::Done);
    };
    let (db, database) = found?;
    let retention = server.retention.clone();
    let environment = Environment { retention, ..app::environment(config, db.clone())? };
    refuse_useless_queue(&environment.queue).await?;
    let health = Arc::new(Mutex::new(None::<Health>));
    let tasks = environment.tasks.clone();
    let live = Live::new(db.clone(), served.clone());
    let mut state = state(config, server, &environment, recorder.clone(), Arc::clone(&health), live.clone());
    if let Some(ops) = &ops {
        ops.ready(server, &state)?;
    }
    if with_api {
        keep_feed(&live, &state.queue, &tasks, &served);
        state.gate = reached::gate(&db, server, &hosts, listens).await?;
    }
    state.hosts = Arc::new(hosts);
    starting.ready(if with_api { syncline_api::router(state) } else { syncline_api::ops_router(state) });
    tracing::info!(
        role,
        listen = %listens,
        ops = ops.as_ref().map(|ops| ops.listens.to_string()),
        database,
        schema = app::newest_migration(&db).await?,
        syncs = sync_config::Entity::find()
            .filter(sync_config::Column::DeletedAt.is_null())
            .count(&db)
            .await?,
        queue = config.queue.shown(),
        concurrency = server.worker.map(|worker| worker.concurrency),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    let (upkeep, over) = (tasks.clone(), served.clone());
    tokio::spawn(async move { upkeep.keep("metrics", &over, || tidy(&recorder, &over)).await });
    let work = async {
        match &server.worker {
            Some(worker) => {
                let pool = app::pool_config(role, worker);
                let told = move |source| {
                    *health.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
                };
                syncline_worker::run(environment, pool, shutdown, told).await?;
            }
            // Runs accepted while the queue's store is away are pushed later, also without a worker.
            None => {
                let work = || dispatcher::run(environment.clone(), shutdown.clone());
                tasks.keep("dispatcher", &shutdown, work).await;
            }
        }
        Ok::<_, Fault>(())
    };
    tokio::select! {
        worked = work => worked?,
        // The server owns its port and cannot be started again.
        gone = &mut api => {
            ended(gone)?;
            return Err(Fault::failed("the API ended by itself; start the process again"));
        }
    }
    served.cancel();
    ended(api.await)?;
    tracing::info!(role, "stopped");
    Ok(Exit::Done)
}

fn ended(api: Result<io::Result<()>, JoinError>) -> Result<(), Fault> {
    Ok(api.map_err(|error| Fault::failed(format!("the API: {error}")))??)
}

/// The shortest and the longest wait between two tries to connect.
const LOOKS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// Connects to the database, and waits for it while it is away, and for its schema where that was asked for.
async fn wait_for_database(
    config: &Config,
    server: &ServerConfig,
    listens: SocketAddr,
    starting: &Starting,
) -> Result<(DatabaseConnection, String), Fault> {
    let [mut wait, longest] = LOOKS;
    let mut told = String::new();
    loop {
        let fault = match connect(config, server).await {
            Err(fault) if may_pass(&fault, server) => fault,
            found => return found,
        };
        if fault.message != told {
            let wanted = match fault.passes {
                Passes::WithAMigration => "the database's schema",
                _ => "the database",
            };
            tracing::warn!(role = config.role, listen = %listens, "waiting for {wanted}: {}", fault.message);
            starting.waits_for(&format!("waiting for {wanted}: {}", fault.message));
            told = fault.message;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(longest);
    }
}

fn may_pass(fault: &Fault, server: &ServerConfig) -> bool {
    match fault.passes {
        Passes::Never => false,
        Passes::WithTheOutage => true,
        Passes::WithAMigration => server.wait_for_schema,
    }
}

/// Ports tried after the default one. More workers on a machine are told where to listen.
const PORTS: u16 = 100;

/// Listens at the address, or at the next free port if the address is the default.
async fn bind(flag: &str, listen: Listen) -> Result<TcpListener, Fault> {
    let mut address = listen.address;
    let last = address.port().saturating_add(if listen.or_next { PORTS } else { 0 });
    loop {
        let error = match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => error,
        };
        let in_use = error.kind() == std::io::ErrorKind::AddrInUse;
        if in_use && address.port() < last {
            address.set_port(address.port() + 1);
            continue;
        }
        let why = if in_use {
            "the port is in use by another program".to_owned()
        } else {
            error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
        };
        return Err(Fault::usage(format!(
            "{flag} {address}: {why}; choose another port, or 127.0.0.1:0 for any free one"
        )));
    }
}

/// Timeout for a first answer of the queue's store. A store that is away is waited for later.
const LOOK: Duration = Duration::from_secs(3);

/// Refuses a store of the queue whose settings are wrong: password, database number, kind of server.
async fn refuse_useless_queue(queue: &RunQueue) -> Result<(), Fault> {
    let Some(redis) = queue.inbox() else { return Ok(()) };
    match timeout(LOOK, redis.check()).await {
        Ok(Err(error)) if error.needs_a_person().is_some() => Err(error.into()),
        // The worker waits for a store that is away.
        _ => Ok(()),
    }
}

/// The parts that routes ask.
fn state(
    config: &Config,
    server: &ServerConfig,
    environment: &Environment,
    metrics: PrometheusHandle,
    health: Arc<Mutex<Option<Health>>>,
    live: Live,
) -> ApiState {
    let (database, tasks) = (environment.db.clone(), environment.tasks.clone());
    let url = config.database.url.clone();
    ApiState {
        db: environment.db.clone(),
        queue: environment.queue.clone(),
        version: env!("CARGO_PKG_VERSION"),
        role: config.role,
        gate: Gate::local(),
        hosts: Arc::new(Hosts::local()),
        rates: Rates::new(server.reach.limits.unwrap_or(Limits::NONE)),
        cursors: Cursors::default(),
        parts: Parts::default(),
        answers: Default::default(),
        docs: !server.reach.without_docs,
        live,
        allow: Arc::new(server.allow.clone()),
        platforms: platforms(environment),
        metrics: Some(metrics),
        queue_health: Arc::new(move || match &*health.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(health) if !health.is_well() => Err(problems(health)),
            Some(_) | None => Ok(()),
        }),
        task_health: Arc::new(move || {
            let down = tasks.down();
            let told: Vec<String> = down.iter().map(|(task, down)| format!("{task}: {down}")).collect();
            if told.is_empty() { Ok(()) } else { Err(told.join("; ")) }
        }),
        database_answers: Arc::new(move || {
            let url = url.clone();
            Box::pin(async move { database::answers(&url).await })
        }),
        ready: Arc::new(move || {
            let database = database.clone();
            Box::pin(async move { app::check_schema(&database).await })
        }),
    }
}

/// How the API reaches platforms: as commands do, within the limits of the account.
fn platforms(environment: &Environment) -> Platforms {
    let [one, other] = [environment.clone(), environment.clone()];
    Platforms {
        broker: environment.broker.clone(),
        identify: Arc::new(move |account| {
            let environment = one.clone();
            Box::pin(async move {
                accounts::identity(&environment, &account).await.map_err(|fault| fault.message)
            })
        }),
        discover: Arc::new(move |account, place| {
            let environment = other.clone();
            Box::pin(async move {
                let found = discover::catalogue(&environment, &account, place.as_deref()).await;
                found.map_err(|fault| fault.message)
            })
        }),
    }
}

/// Reads the events of the live feed until the API ends.
fn keep_feed(live: &Live, queue: &RunQueue, tasks: &Tasks, over: &CancellationToken) {
    for name in ["live feed", "live feed's listener", "progress of runs"] {
        let (feed, tasks, over) = (live.feed.clone(), tasks.clone(), over.clone());
        let queue = queue.clone();
        tokio::spawn(async move {
            let work = || async {
                let forever = async {
                    match name {
                        "live feed" => feed.relay().await,
                        "progress of runs" => feed.watch_runs(&queue).await,
                        _ => feed.listen().await,
                    }
                };
                over.run_until_cancelled(forever).await;
            };
            tasks.keep(name, &over, work).await;
        });
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

/// Interval at which samples of histograms are added up. Without it they accumulate until `/metrics` is read.
const ADD_UP_EVERY: Duration = Duration::from_secs(5);

/// Keeps the memory of metrics bounded, until the process ends.
async fn tidy(recorder: &PrometheusHandle, over: &CancellationToken) {
    while timeout(ADD_UP_EVERY, over.cancelled()).await.is_err() {
        recorder.run_upkeep();
    }
}

/// Collects metrics for `/metrics`.
fn recorder() -> Result<PrometheusHandle, Fault> {
    // Histograms: summaries of several processes cannot be combined.
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &CLASSES)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| Fault::failed(format!("metrics: {error}")))?;
    syncline_queue::describe_metrics();
    syncline_worker::describe_metrics();
    metrics::describe_gauge!("syncline_build_info", "Always 1; the label is the version of the program.");
    metrics::gauge!("syncline_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}
