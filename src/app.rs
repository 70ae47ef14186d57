//! Pools and environments built from settings.

use std::sync::Arc;

use sea_orm::DatabaseConnection;
use syncline_accounts::Broker;
use syncline_limits::{BreakerPolicy, Limits, RedisLimits, SqlLimits};
use syncline_migration::{
    Migrator, Until,
    check::{self, Difference, Fit},
    words,
};
use syncline_queue::{RedisBackend, RedisConfig, Tasks};
use syncline_runs::RunQueue;
use syncline_worker::{Environment, PoolConfig};

use crate::{
    commands::restored,
    config::{Config, LeaseConfig, RedisPlace, WorkerConfig, http},
    database::{self, Place},
    fault::{Fault, Passes},
};

/// What a command may create or change in its database before it starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Make {
    /// Bring an older schema up; otherwise it is refused, and the command that mends it is named.
    pub(crate) migrate: bool,
    /// Make Syncline's tables where others are, too.
    pub(crate) among_other_tables: bool,
}

/// Connects to Syncline's database, which must be there with a schema that fits this program.
pub(crate) async fn connect(config: &Config) -> Result<DatabaseConnection, Fault> {
    ready(config, look(config).await?).await
}

/// Checks that the schema fits this program, and whether the database was restored.
async fn ready(config: &Config, db: DatabaseConnection) -> Result<DatabaseConnection, Fault> {
    let difference = check::compare(&db).await?;
    let lacks = matches!(difference.fit(), Fit::TooOld(_));
    let passes = if lacks { Passes::WithAMigration } else { Passes::Never };
    fits(&difference).map_err(|text| Fault::usage(text).passing(passes))?;
    restored::notice(config, &db).await?;
    Ok(db)
}

/// Connects to Syncline's database, which must be there, with a schema of any version.
pub(crate) async fn look(config: &Config) -> Result<DatabaseConnection, Fault> {
    Place::look(&config.database).await?.open_own().await
}

/// Connects to Syncline's database, and makes it where there is none. Returns also what was made, in words.
pub(crate) async fn connect_or_make(
    config: &Config,
    make: Make,
) -> Result<(DatabaseConnection, Option<String>), Fault> {
    let place = Place::look(&config.database).await?;
    let made = place.made();
    let db = place.open_or_make(make.among_other_tables).await?;
    let db = if made.is_some() || make.migrate { migrated(config, db).await? } else { db };
    Ok((ready(config, db).await?, made))
}

/// Applies what the schema lacks, and connects anew: a statement that a connection prepared before may not know the new
/// columns.
async fn migrated(config: &Config, db: DatabaseConnection) -> Result<DatabaseConnection, Fault> {
    let before = check::compare(&db).await?;
    migrate(config, &db).await?;
    if before.fit() == Fit::Exact {
        return Ok(db);
    }
    db.close().await?;
    database::open(&config.database).await
}

/// Connects to Syncline's database where it is there, else to an empty one in memory: for commands that only read.
pub(crate) async fn connect_or_imagine(config: &Config) -> Result<DatabaseConnection, Fault> {
    let place = Place::look(&config.database).await?;
    if place.made().is_none() {
        return ready(config, place.open_own().await?).await;
    }
    let db = database::in_memory().await?;
    migrate(config, &db).await?;
    Ok(db)
}

/// Returns why the schema does not fit this program, with the command that fixes it.
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
pub(crate) fn migrator(config: &Config) -> Migrator {
    let Some(stop_at) = config.stop_at.clone() else { return Migrator::new() };
    Migrator::new().with_hook(Arc::new(move |_| stop_at.reached_in_place("migration_statement")))
}

/// Applies all migrations. Of two processes that do so at once, one does it and the other finds it done.
pub(crate) async fn migrate(config: &Config, db: &DatabaseConnection) -> Result<(), Fault> {
    migrator(config).up(db, &Until::End).await?;
    Ok(())
}

/// The queue that runs go to. Nothing is opened yet.
pub(crate) fn queue(config: &Config, db: &DatabaseConnection) -> Result<RunQueue, Fault> {
    let queue = match &config.queue.redis {
        // The limit of waiting runs is checked where runs are accepted, also while the store is away.
        Some(place) => RunQueue::redis(redis(place, None)?),
        None => RunQueue::sql(db.clone()),
    };
    Ok(queue.with_limit(config.queue.limit))
}

/// Where the limits of accounts are shared: beside the queue.
fn limits(config: &Config, db: &DatabaseConnection) -> Result<Arc<dyn Limits>, Fault> {
    let policy = BreakerPolicy::default();
    let Some(place) = &config.queue.redis else {
        return Ok(Arc::new(SqlLimits::new(db.clone(), policy)));
    };
    Ok(Arc::new(RedisLimits::new(&redis(place, RedisConfig::default().limit)?, policy)))
}

fn redis(place: &RedisPlace, limit: Option<u64>) -> Result<RedisBackend, Fault> {
    let config = RedisConfig { prefix: place.prefix.clone(), limit, ..RedisConfig::default() };
    RedisBackend::new(&place.url, config).map_err(|error| Fault::usage(format!("REDIS_URL: {error}")))
}

/// What gets the secrets of accounts. Opens nothing.
pub(crate) fn broker(config: &Config) -> Broker {
    Broker::new(config.accounts.clone())
}

/// The environment of this process's jobs.
pub(crate) fn environment(config: &Config, db: DatabaseConnection) -> Result<Environment, Fault> {
    let queue = queue(config, &db)?;
    let limits = limits(config, &db)?;
    let http = http::client(&config.http)?;
    let stop_at = config.stop_at.clone();
    let tasks = config.panic_in.as_ref().map_or_else(Tasks::default, Tasks::with_panic_in);
    Ok(Environment {
        queue,
        limits,
        broker: broker(config).sharing(http.clone()),
        http: Some(http),
        stop_at,
        tasks,
        ..Environment::new(db, syncline_worker::local::worker_name())
    })
}

/// The pool of a role that serves.
pub(crate) fn pool_config(role: &str, worker: &WorkerConfig) -> PoolConfig {
    PoolConfig {
        concurrency: usize::from(worker.concurrency),
        poll_interval: worker.poll,
        overdue: worker.overdue,
        grace: worker.grace,
        ..own_pool(role, worker.lease)
    }
}

/// The pool of a command's own worker.
pub(crate) fn own_pool(role: &str, lease: LeaseConfig) -> PoolConfig {
    let newest = Migrator::new().steps().last().map(|step| step.name().to_owned());
    PoolConfig {
        lease: lease.lease,
        heartbeat: lease.heartbeat,
        role: role.to_owned(),
        schema_version: newest.unwrap_or_default(),
        ..PoolConfig::default()
    }
}
