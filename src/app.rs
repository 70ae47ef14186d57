//! Pools and environments built from settings.

use std::{sync::Arc, time::Duration};

use sea_orm::DatabaseConnection;
use syncline_limits::{BreakerPolicy, Limits, RedisLimits, SqlLimits};
use syncline_migration::{
    Migrator, Until,
    check::{self, Difference, Fit},
    words,
};
use syncline_queue::{RedisBackend, RedisConfig, Tasks};
use syncline_runs::RunQueue;
use syncline_worker::{Environment, PoolConfig, steps::StopAt};

use crate::{
    cli::{LeaseArgs, PoolArgs},
    commands::restored,
    database::{self, Place},
    fault::Fault,
    settings,
};

/// What a command may make or change in its database before it begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Make {
    /// Bring an older schema up; otherwise it is refused, and the command that mends it is named.
    pub(crate) migrate: bool,
    /// Make Syncline's tables where others are, too.
    pub(crate) among_other_tables: bool,
}

/// Connects to Syncline's database, which must be there with a schema that fits this program.
pub(crate) async fn connect(url: &str) -> Result<DatabaseConnection, Fault> {
    ready(look(url).await?).await
}

/// A database whose schema fits this program. A restore of it is noticed.
async fn ready(db: DatabaseConnection) -> Result<DatabaseConnection, Fault> {
    check_schema(&db).await.map_err(Fault::usage)?;
    restored::notice(&db).await?;
    Ok(db)
}

/// Connects to Syncline's database, which must be there, with a schema of any version.
pub(crate) async fn look(url: &str) -> Result<DatabaseConnection, Fault> {
    Place::look(url).await?.open_own().await
}

/// Connects to Syncline's database, and makes it where there is none. Returns also what was made, in words.
pub(crate) async fn connect_or_make(
    url: &str,
    make: Make,
) -> Result<(DatabaseConnection, Option<String>), Fault> {
    let place = Place::look(url).await?;
    let made = place.made();
    let db = place.open_or_make(make.among_other_tables).await?;
    if made.is_some() || make.migrate {
        migrate(&db).await?;
    }
    Ok((ready(db).await?, made))
}

/// Connects to Syncline's database where it is there, else to an empty one in memory: for commands that only read.
pub(crate) async fn connect_or_imagine(url: &str) -> Result<DatabaseConnection, Fault> {
    let place = Place::look(url).await?;
    if place.made().is_none() {
        return ready(place.open_own().await?).await;
    }
    let db = database::in_memory().await?;
    migrate(&db).await?;
    Ok(db)
}

/// Says why the schema does not fit this program, and which command mends it.
pub(crate) async fn check_schema(db: &DatabaseConnection) -> Result<(), String> {
    let difference = check::compare(db)
        .await
        .map_err(|error| format!("the schema could not be read: {}", words(&error)))?;
    fits(&difference)
}

fn fits(difference: &Difference) -> Result<(), String> {
    match difference.fit() {
        Fit::Exact | Fit::Newer => Ok(()),
        Fit::TooOld(lacks) => {
            let migrations = if lacks == 1 { "migration" } else { "migrations" };
            Err(format!("the database's schema lacks {lacks} {migrations}; run `syncline migrate up`"))
        }
        Fit::TooNew { name, compatible_from } => {
            let needs = match compatible_from {
                Some(needed) if needed != name => {
                    format!("{name}, which programs from {needed} on can run with")
                }
                _ => name,
            };
            Err(format!(
                "the database's schema is newer than this program (it has {needs}); run the newer program, or take the \
                 schema back with the newer program's `syncline migrate down --to {}`",
                difference.newest_known
            ))
        }
    }
}

/// The newest migration that the database has.
pub(crate) async fn newest_migration(db: &DatabaseConnection) -> Result<String, Fault> {
    let rows = check::status(db).await?;
    Ok(rows.into_iter().rfind(|row| row.applied).map(|row| row.name).unwrap_or_default())
}

/// The migrations of this program. Crash tests stop in the middle of one, after a statement they name.
pub(crate) fn migrator() -> Result<Migrator, Fault> {
    let Some(stop_at) = stop_at()? else { return Ok(Migrator::new()) };
    Ok(Migrator::new().with_hook(Arc::new(move |_| stop_at.reached_in_place("migration_statement"))))
}

/// Applies all migrations. Of two processes that do so at once, one does it and the other finds it done.
pub(crate) async fn migrate(db: &DatabaseConnection) -> Result<(), Fault> {
    migrator()?.up(db, &Until::End).await?;
    Ok(())
}

fn stop_at() -> Result<Option<StopAt>, Fault> {
    let Ok(step) = std::env::var("SYNCLINE_TEST_STOP_AT") else { return Ok(None) };
    let stop_at = StopAt::parse(&step)
        .ok_or_else(|| Fault::usage(format!("SYNCLINE_TEST_STOP_AT {step:?} is not STEP or STEP:N")))?;
    Ok(Some(stop_at))
}

/// The queue that runs go to, as settings have it. Nothing is opened yet.
pub(crate) fn queue(db: &DatabaseConnection) -> Result<RunQueue, Fault> {
    let settings = settings::queue()?;
    let queue = match &settings.redis {
        Some((url, prefix)) => {
            // How many may wait is decided where runs are accepted, for which the store may be away.
            let config = RedisConfig { prefix: prefix.clone(), limit: None, ..RedisConfig::default() };
            let redis = RedisBackend::new(url, config)
                .map_err(|error| Fault::usage(format!("REDIS_URL: {error}")))?;
            RunQueue::redis(redis)
        }
        None => RunQueue::sql(db.clone()),
    };
    Ok(queue.with_limit(settings.limit))
}

/// Where the limits of accounts are shared: beside the queue.
fn limits(db: &DatabaseConnection) -> Result<Arc<dyn Limits>, Fault> {
    let policy = BreakerPolicy::default();
    let Some((url, prefix)) = &settings::queue()?.redis else {
        return Ok(Arc::new(SqlLimits::new(db.clone(), policy)));
    };
    let config = RedisConfig { prefix: prefix.clone(), ..RedisConfig::default() };
    let redis =
        RedisBackend::new(url, config).map_err(|error| Fault::usage(format!("REDIS_URL: {error}")))?;
    Ok(Arc::new(RedisLimits::new(&redis, policy)))
}

/// The environment of this process's jobs.
pub(crate) fn environment(db: DatabaseConnection) -> Result<Environment, Fault> {
    let queue = queue(&db)?;
    let stop_at = stop_at()?.map(Arc::new);
    let limits = limits(&db)?;
    let tasks = match std::env::var("SYNCLINE_TEST_PANIC_IN") {
        Ok(task) => Tasks::with_panic_in(task),
        Err(_) => Tasks::default(),
    };
    Ok(Environment {
        queue,
        limits,
        stop_at,
        tasks,
        ..Environment::new(db, syncline_worker::local::worker_name())
    })
}

/// The pool that arguments ask for.
pub(crate) fn pool_config(args: &PoolArgs) -> PoolConfig {
    PoolConfig {
        concurrency: usize::from(args.concurrency),
        poll_interval: Duration::from_millis(args.poll_ms),
        overdue: Duration::from_secs(args.overdue),
        grace: Duration::from_secs(args.grace),
        ..own_pool(&args.lease)
    }
}

/// The pool of a command's own worker.
pub(crate) fn own_pool(args: &LeaseArgs) -> PoolConfig {
    let newest = Migrator::new().steps().last().map(|step| step.name().to_owned());
    PoolConfig {
        lease: Duration::from_millis(args.lease_ms),
        heartbeat: Duration::from_millis(args.heartbeat_ms),
        role: settings::role().to_owned(),
        schema_version: newest.unwrap_or_default(),
        ..PoolConfig::default()
    }
}
