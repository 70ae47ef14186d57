//! The settings of a command, read from flags, variables and files, and checked before anything is opened.
//!
//! Each file holds the settings of one concern, in a struct whose fields name their flag, variable and default. The
//! values are passed on from here; nothing else in this package reads the environment.

mod accounts;
mod allow;
mod connections;
mod database;
mod database_url;
mod environment;
mod fault_tests;
pub(crate) mod http;
mod listen;
mod person;
mod queue;
mod reader;
mod remote;
mod retention;
mod screen;
mod secret;
mod server;
mod telemetry;
mod worker;

use std::sync::Arc;

use syncline_connectors::http::HttpConfig;
use syncline_service::{Caller, allow::AllowLists};
use syncline_upkeep::purge::Retention;
use syncline_worker::steps::StopAt;
use zeroize::Zeroizing;

pub(crate) use self::{
    database::DatabaseConfig,
    database_url::DatabaseUrl,
    environment::{Environment, Process, not_text},
    listen::Listen,
    person::PersonConfig,
    queue::{QueueConfig, RedisPlace},
    reader::{Origin, Reader, Setting},
    remote::RemoteConfig,
    screen::ScreenConfig,
    server::Reach,
    telemetry::TelemetryConfig,
    worker::{LeaseConfig, WorkerConfig},
};
use crate::{
    cli::{ApiArgs, Cli, ConfigArgs, KeepArgs, MakeArgs, QueueArgs, UpArgs, WaitArgs, WorkerArgs},
    fault::Fault,
};

/// The settings of every command that uses Syncline's database.
pub(crate) struct Config {
    /// The name of the command.
    pub(crate) role: &'static str,
    /// The location of Syncline's own database.
    pub(crate) database: DatabaseConfig,
    /// The location of the queue, and its limit.
    pub(crate) queue: QueueConfig,
    /// How platforms are reached over HTTP. `SYNCLINE_HTTP_*`, `SYNCLINE_ALLOW_PRIVATE_HOSTS`, `SYNCLINE_CA_FILE`.
    pub(crate) http: HttpConfig,
    /// The keys of secrets, and Vault. `SYNCLINE_SECRET_KEY*`, `VAULT_*`.
    pub(crate) accounts: syncline_accounts::Settings,
    /// The user of the program.
    pub(crate) person: PersonConfig,
    /// The width and colours of the screen.
    pub(crate) screen: ScreenConfig,
    /// The step at which a crash test stops the program. `SYNCLINE_TEST_STOP_AT`; default none.
    pub(crate) stop_at: Option<Arc<StopAt>>,
    /// The background task that panics in a test. `SYNCLINE_TEST_PANIC_IN`; default none.
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

    /// Who gives the command, for the audit log.
    pub(crate) fn caller(&self) -> Caller {
        Caller::person(self.person.shown())
    }

    /// Reads the settings of a demo, which creates a database of its own.
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
        let http = http::read(reader)?;
        let accounts = accounts::read(&http, reader)?;
        let person = PersonConfig::read(reader);
        let screen = ScreenConfig::read(reader.environment);
        let stop_at = fault_tests::stop_at(reader)?;
        let panic_in = fault_tests::panic_in(reader)?;
        Ok(Config { role, database, queue, http, accounts, person, screen, stop_at, panic_in })
    }
}

/// The additional settings of `up`, `worker` and `api`.
pub(crate) struct ServerConfig {
    /// The address of the HTTP server.
    pub(crate) listen: Listen,
    /// True if an older schema is upgraded at the start. `--migrate`, `SYNCLINE_MIGRATE`; default `true` for `up`, else
    /// `false`.
    pub(crate) migrate: bool,
    /// True if tables may be created beside other tables. `--among-other-tables`; default no.
    pub(crate) among_other_tables: bool,
    /// Whether a start waits until another process has migrated the schema. `--wait-for-schema`, `SYNCLINE_WAIT_FOR_SCHEMA`;
    /// default `false`.
    pub(crate) wait_for_schema: bool,
    /// The settings of the worker; none for the API alone.
    pub(crate) worker: Option<WorkerConfig>,
    /// How long records are kept. `SYNCLINE_KEEP_*`, `SYNCLINE_PURGE_EVERY`.
    pub(crate) retention: Retention,
    /// What sync documents over HTTP may name. `--allow-*`, `SYNCLINE_ALLOW_*`; default nothing.
    pub(crate) allow: AllowLists,
    /// A token of the API with all permissions. `SYNCLINE_TOKEN`, `SYNCLINE_TOKEN_FILE`; default none.
    pub(crate) token: Option<Zeroizing<String>>,
    /// How it is reached.
    pub(crate) reach: Reach,
}

impl ServerConfig {
    /// Reads the settings of `up`.
    pub(crate) fn up(args: &UpArgs, reader: &mut Reader<'_>) -> Result<ServerConfig, Fault> {
        let listen = Listen::api(args.listen, reader)?;
        let server = ServerConfig::of(listen, args.migrate, args.make, args.wait, reader);
        let allow = allow::read(&args.allow, reader)?;
        let worker = Some(WorkerConfig::read(&args.pool, reader));
        let (token, reach) = (token(reader)?, Reach::api(&args.serve, reader)?);
        let retention = retention(&KeepArgs::default(), reader)?;
        Ok(ServerConfig { worker, retention, allow, token, reach, ..server })
    }

    /// Reads the settings of `worker`.
    pub(crate) fn worker(args: &WorkerArgs, reader: &mut Reader<'_>) -> Result<ServerConfig, Fault> {
        let listen = Listen::worker(args.listen, reader)?;
        let server = ServerConfig::of(listen, args.migrate, args.make, args.wait, reader);
        let worker = Some(WorkerConfig::read(&args.pool, reader));
        let reach = Reach::worker(reader)?;
        Ok(ServerConfig { worker, retention: retention(&KeepArgs::default(), reader)?, reach, ..server })
    }

    /// Reads the settings of `api`, which purges nothing.
    pub(crate) fn api(args: &ApiArgs, reader: &mut Reader<'_>) -> Result<ServerConfig, Fault> {
        let listen = Listen::api(args.listen, reader)?;
        let server = ServerConfig::of(listen, args.migrate, args.make, args.wait, reader);
        let allow = allow::read(&args.allow, reader)?;
        let (token, reach) = (token(reader)?, Reach::api(&args.serve, reader)?);
        Ok(ServerConfig { allow, token, reach, ..server })
    }

    /// API, worker and schedules with the defaults, on an address of this machine.
    pub(crate) fn here(address: std::net::SocketAddr) -> ServerConfig {
        ServerConfig {
            listen: Listen { address, or_next: false },
            migrate: false,
            among_other_tables: false,
            wait_for_schema: false,
            worker: Some(WorkerConfig::USUAL),
            retention: Retention::default(),
            allow: AllowLists::default(),
            token: None,
            reach: Reach::default(),
        }
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
            allow: AllowLists::default(),
            token: None,
            reach: Reach::default(),
        }
    }
}

/// `SYNCLINE_TOKEN`, or the file in `SYNCLINE_TOKEN_FILE`.
fn token(reader: &mut Reader<'_>) -> Result<Option<Zeroizing<String>>, Fault> {
    const NAME: &str = "SYNCLINE_TOKEN";
    let secret = reader.secret(NAME)?;
    let (shown, origin) = match &secret {
        Some(secret) => ("***", secret.origin.clone()),
        None => ("not set", Origin::Default),
    };
    reader.note(NAME, shown, origin);
    Ok(secret.map(|secret| Zeroizing::new(secret.value)))
}

/// Reads the retention, from the flags of `purge` and from variables.
pub(crate) fn retention(args: &KeepArgs, reader: &mut Reader<'_>) -> Result<Retention, Fault> {
    retention::read(args, reader)
}

/// Reads all settings, as `syncline up` would, and the address that only a worker has.
pub(crate) fn all(cli: &Cli, args: &ConfigArgs, mut reader: Reader<'_>) -> Result<Vec<Setting>, Fault> {
    Config::of("up", cli, &mut reader)?;
    ServerConfig::up(&args.servers, &mut reader)?;
    Listen::worker(None, &mut reader)?;
    remote::note(cli, &mut reader);
    TelemetryConfig::read(cli.verbose, true, &mut reader)?;
    ScreenConfig::read(reader.environment).note(cli.color, &mut reader);
    Ok(reader.into_settings())
}
