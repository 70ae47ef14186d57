//! Pools and environments built from settings.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::{self, Connection, Executor, PgConnection},
};
use syncline_migration::{
    Migrator, Until,
    check::{self, Difference, Fit},
};
use syncline_worker::{Environment, PoolConfig, steps::StopAt};

use crate::{
    cli::{LeaseArgs, PoolArgs},
    fault::Fault,
    settings::{self, DatabaseUrl},
};

/// Whoever stops in the middle of a transaction, frozen or cut off, would hold its run's row for ever. No transaction of
/// ours waits for anything but the database.
const IDLE_LIMIT: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// What to do with a schema that is older than this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    /// Bring it up: the all-in-one mode.
    Migrate,
    /// Make it where there is none; an older one is refused, and the command that mends it is named.
    CreateOnly,
    /// Look at nothing.
    Any,
}

/// Connects to Syncline's database and sees to its schema.
pub(crate) async fn connect(url: &str, schema: Schema) -> Result<DatabaseConnection, Fault> {
    let url = DatabaseUrl::parse(url)?;
    let mut options = ConnectOptions::new(url.connect_url());
    options
        // At info, so RUST_LOG=sqlx=info shows every statement and nothing does by default.
        .sqlx_logging(true)
        .min_connections(if url.is_sqlite() { 1 } else { 2 })
        .max_connections(10)
        .acquire_timeout(Duration::from_secs(30))
        .connect_timeout(Duration::from_secs(10))
        .idle_timeout(Duration::from_secs(30));
    if url.is_sqlite() {
        options.map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
                .pragma("foreign_keys", "ON")
                .busy_timeout(Duration::from_secs(5))
        });
    }
    if !url.is_sqlite() {
        // Said on the connection and not in its options, which some poolers refuse.
        options.map_sqlx_postgres_pool_opts(|pool| {
            pool.after_connect(|connection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(IDLE_LIMIT)).await.map(|_| ()) })
            })
        });
        probe(&url).await?;
    }
    let db = Database::connect(options).await.map_err(|error| unreachable_database(&url, &error))?;
    match schema {
        Schema::Any => return Ok(db),
        Schema::Migrate => migrate(&db).await?,
        Schema::CreateOnly => {
            let difference = check::compare(&db).await?;
            if difference.pending.len() < Migrator::new().steps().len() {
                fits(&difference).map_err(Fault::usage)?;
                return Ok(db);
            }
            migrate(&db).await?;
        }
    }
    check_schema(&db).await.map_err(Fault::usage)?;
    Ok(db)
}

/// Says why the schema does not fit this program, and which command mends it.
pub(crate) async fn check_schema(db: &DatabaseConnection) -> Result<(), String> {
    let difference =
        check::compare(db).await.map_err(|error| format!("the schema could not be read: {error}"))?;
    fits(&difference)
}

fn fits(difference: &Difference) -> Result<(), String> {
    match difference.fit() {
        Fit::Exact | Fit::Newer => Ok(()),
        Fit::TooOld(lacks) => {
            Err(format!("the database's schema lacks {lacks} migrations; run `syncline migrate up`"))
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

/// A pool keeps trying for half a minute and then says only that time ran out; a first connection of its own tells why.
async fn probe(url: &DatabaseUrl) -> Result<(), Fault> {
    let address = url.connect_url();
    match tokio::time::timeout(Duration::from_secs(10), PgConnection::connect(&address)).await {
        Ok(Ok(connection)) => {
            // It has served its purpose, however it ends.
            let _ = connection.close().await;
            Ok(())
        }
        Ok(Err(error)) => Err(unreachable_database(url, &error)),
        Err(_) => Err(unreachable_database(url, &"no answer within 10 s")),
    }
}

fn unreachable_database(url: &DatabaseUrl, error: &dyn std::fmt::Display) -> Fault {
    // The driver's words may repeat the address as given, password included.
    let text = error.to_string().replace(&url.connect_url(), &url.shown());
    Fault::usage(format!("DATABASE_URL {}: {text}", url.shown()))
}

/// The environment of this process's jobs.
pub(crate) fn environment(db: DatabaseConnection) -> Result<Environment, Fault> {
    let mut environment = Environment::new(db, syncline_worker::local::worker_name());
    environment.stop_at = stop_at()?.map(Arc::new);
    Ok(environment)
}

/// The pool that arguments ask for.
pub(crate) fn pool_config(args: &PoolArgs) -> PoolConfig {
    PoolConfig {
        concurrency: usize::from(args.concurrency),
        poll_interval: Duration::from_millis(args.poll_ms),
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
