//! The settings of a command, read from flags, variables and files and checked before anything is opened.
//!
//! A file per concern, with a struct whose fields name their flag, variable and default. What is read here is passed down
//! as values; nothing else in this package reads the environment.

mod connections;
mod database;
mod database_url;
mod environment;
mod fault_tests;
mod listen;
mod person;
mod queue;
mod reader;
mod retention;
mod screen;
mod secret;
mod telemetry;
mod worker;

use std::sync::Arc;

use syncline_upkeep::purge::Retention;
use syncline_worker::steps::StopAt;

pub(crate) use self::{
    database::DatabaseConfig,
    database_url::DatabaseUrl,
    environment::{Environment, Process, not_text},
    listen::Listen,
    person::PersonConfig,
    queue::{QueueConfig, RedisPlace},
    reader::{Origin, Reader, Setting},
    screen::ScreenConfig,
    telemetry::TelemetryConfig,
    worker::{LeaseConfig, WorkerConfig},
};
use crate::{
    cli::{ApiArgs, Cli, ConfigArgs, KeepArgs, MakeArgs, QueueArgs, UpArgs, WaitArgs, WorkerArgs},
    fault::Fault,
};

/// The settings of every command that works on Syncline's database.
pub(crate) struct Config {
    /// Which command this process is.
    pub(crate) role: &'static str,
    /// Where Syncline's own database is.
    pub(crate) database: DatabaseConfig,
    /// Where jobs wait.
    pub(crate) queue: QueueConfig,
    /// Who uses the program.
    pub(crate) person: PersonConfig,
    /// How wide the screen is.
    pub(crate) screen: ScreenConfig,
    /// Where a crash test stops the program. `SYNCLINE_TEST_STOP_AT`; default nowhere.
    pub(crate) stop_at: Option<Arc<StopAt>>,
    /// The background task in which a test plants a panic. `SYNCLINE_TEST_PANIC_IN`; default none.
    pub(crate) panic_in: Option<String>,
}

impl Config {
    /// Reads the settings of a command.
    pub(crate) fn read(cli: &Cli, reader: &mut Reader<'_>) -> Result<Config, Fault> {
        Config::of(cli.command.name(), cli, reader)
    }

    fn of(role: &'static str, cli: &Cli, reader: &mut Reader<'_>) -> Result<Config, Fault> {
        let database = DatabaseConfig::read(cli.database_url.as_deref(), role, reader)?;
        Config::with(role, database, &cli.queue, reader)
    }

    /// Reads the settings of a demo, which makes a database of its own.
    pub(crate) fn of_demo(queue: &QueueArgs, reader: &mut Reader<'_>) -> Result<Config, Fault> {
        let role = "demo";
        let database = DatabaseConfig::at(DatabaseUrl::embedded(), role, reader)?;
        Config::with(role, database, queue, reader)
    }

    fn with(
        role: &'static str,
        database: DatabaseConfig,
        queue: &QueueArgs,
        reader: &mut Reader<'_>,
    ) -> Result<Config, Fault> {
        let queue = QueueConfig::read(queue, role, reader)?;
        let person = PersonConfig::read(reader);
        let screen = ScreenConfig::read(reader.environment);
        let stop_at = fault_tests::stop_at(reader)?;
        let panic_in = fault_tests::panic_in(reader)?;
        Ok(Config { role, database, queue, person, screen, stop_at, panic_in })
    }
}

/// What `up`, `worker` and `api` need besides.
pub(crate) struct ServerConfig {
    /// Where they listen for HTTP.
    pub(crate) listen: Listen,
    /// Whether an older schema is brought up at the start. `--migrate`, `SYNCLINE_MIGRATE`; default `true` for `up`, else
    /// `false`.
    pub(crate) migrate: bool,
    /// Whether tables may be made where others are. `--among-other-tables`; default no.
    pub(crate) among_other_tables: bool,
    /// Whether a start waits until another process has migrated the schema. `--wait-for-schema`, `SYNCLINE_WAIT_FOR_SCHEMA`;
    /// default `false`.
    pub(crate) wait_for_schema: bool,
    /// How jobs are taken; none for the API alone.
    pub(crate) worker: Option<WorkerConfig>,
    /// How long things are kept. `SYNCLINE_KEEP_*`, `SYNCLINE_PURGE_EVERY`.
    pub(crate) retention: Retention,
}

impl ServerConfig {
    /// Reads the settings of `up`.
    pub(crate) fn up(args: &UpArgs, reader: &mut Reader<'_>) -> Result<ServerConfig, Fault> {
        let listen = Listen::api(args.listen, reader)?;
        let server = ServerConfig::of(listen, args.migrate, args.make, args.wait, reader);
        let worker = Some(WorkerConfig::read(&args.pool, reader));
        Ok(ServerConfig { worker, retention: retention(&KeepArgs::default(), reader)?, ..server })
    }

    /// Reads the settings of `worker`.
    pub(crate) fn worker(args: &WorkerArgs, reader: &mut Reader<'_>) -> Result<ServerConfig, Fault> {
        let listen = Listen::worker(args.listen, reader)?;
        let server = ServerConfig::of(listen, args.migrate, args.make, args.wait, reader);
        let worker = Some(WorkerConfig::read(&args.pool, reader));
        Ok(ServerConfig { worker, retention: retention(&KeepArgs::default(), reader)?, ..server })
    }

    /// Reads the settings of `api`, which purges nothing.
    pub(crate) fn api(args: &ApiArgs, reader: &mut Reader<'_>) -> Result<ServerConfig, Fault> {
        Ok(ServerConfig::of(Listen::api(args.listen, reader)?, args.migrate, args.make, args.wait, reader))
    }

    fn of(
        listen: Listen,
        migrate: bool,
        make: MakeArgs,
        wait: WaitArgs,
        reader: &mut Reader<'_>,
    ) -> ServerConfig {
        let wait_for_schema = wait.wait_for_schema;
        reader.note_argument("wait_for_schema", "SYNCLINE_WAIT_FOR_SCHEMA", wait_for_schema);
        reader.note_argument("migrate", "SYNCLINE_MIGRATE", migrate);
        let among_other_tables = make.among_other_tables;
        ServerConfig {
            listen,
            migrate,
            among_other_tables,
            wait_for_schema,
            worker: None,
            retention: Retention::default(),
        }
    }
}

/// Reads how long things are kept, from the flags of `purge` and from variables.
pub(crate) fn retention(args: &KeepArgs, reader: &mut Reader<'_>) -> Result<Retention, Fault> {
    retention::read(args, reader)
}

/// Reads every setting there is, as `syncline up` would; of a worker, the address that it has for itself.
pub(crate) fn all(cli: &Cli, args: &ConfigArgs, mut reader: Reader<'_>) -> Result<Vec<Setting>, Fault> {
    Config::of("up", cli, &mut reader)?;
    ServerConfig::up(&args.servers, &mut reader)?;
    Listen::worker(None, &mut reader)?;
    TelemetryConfig::read(cli.verbose, true, &mut reader)?;
    ScreenConfig::read(reader.environment).note(cli.color, &mut reader);
    Ok(reader.into_settings())
}
