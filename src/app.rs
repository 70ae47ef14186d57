//! Pools and environments built from settings.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::{self, Connection, Executor, PgConnection},
};
use syncline_migration::{
    Migrator, MigratorTrait,
    check::{self, Difference},
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
    let whole = Migrator::migrations().len();
    match schema {
        Schema::Any => return Ok(db),
        Schema::Migrate => migrate(&db).await?,
        Schema::CreateOnly => {
            let difference = check::compare(&db).await?;
            if difference.pending.len() < whole {
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
    let Difference { pending, unknown } = difference;
    if let Some(last) = unknown.last() {
        return Err(format!(
            "the database's schema is newer than this program (it has {last}); run the newer program, or take the schema \
             back with the newer program's `syncline migrate down --steps {}`",
            unknown.len()
        ));
    }
    if pending.is_empty() {
        return Ok(());
    }
    Err(format!("the database's schema lacks {} migrations; run `syncline migrate up`", pending.len()))
}

/// Applies all migrations. Of two processes that do so at once, one does it and the other finds it done.
pub(crate) async fn migrate(db: &DatabaseConnection) -> Result<(), Fault> {
    let mut tries = 0;
    loop {
        match Migrator::up(db, None).await {
            Ok(()) => return Ok(()),
            Err(error) => {
                tries += 1;
                if check::pending(db).await.is_ok_and(|pending| pending.is_empty()) {
                    return Ok(());
                }
                if tries == 20 {
                    return Err(Fault::failed(format!("the schema could not be brought up: {error}")));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
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
    if let Ok(step) = std::env::var("SYNCLINE_TEST_STOP_AT") {
        let stop_at = StopAt::parse(&step)
            .ok_or_else(|| Fault::usage(format!("SYNCLINE_TEST_STOP_AT {step:?} is not STEP or STEP:N")))?;
        environment.stop_at = Some(std::sync::Arc::new(stop_at));
    }
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
    let newest = Migrator::migrations().last().map(|migration| migration.name().to_owned());
    PoolConfig {
        lease: Duration::from_millis(args.lease_ms),
        heartbeat: Duration::from_millis(args.heartbeat_ms),
        role: settings::role().to_owned(),
        schema_version: newest.unwrap_or_default(),
        ..PoolConfig::default()
    }
}
