//! The command line.

mod about;
mod accounts;
mod allow;
mod command;
mod conflicts;
mod control;
mod data;
mod documents;
pub(crate) mod environment;
mod help;
mod look;
mod people;
mod queue;
mod run;
mod serve;
mod simulator;
mod stats;
mod syncs;
mod tokens;
mod watch;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::{
    about::{CompletionsArgs, ConfigArgs, InitArgs, ManArgs},
    accounts::{
        AccountsAction, AccountsAddArgs, AccountsArgs, AccountsKeyArgs, AccountsLimitsArgs,
        AccountsPauseArgs, AccountsRotateArgs, DiscoverArgs, SecretArgs, Switch,
    },
    allow::AllowArgs,
    command::Command,
    conflicts::{ConflictsAction, ConflictsArgs, ConflictsListArgs, ResolveArgs},
    control::{
        DeadGroupsArgs, OperationsAction, OperationsArgs, OperationsListArgs, ProjectsAction, ProjectsArgs,
        QueuesAction, QueuesArgs, SchedulesAction, SchedulesArgs, WorkersAction, WorkersArgs,
    },
    data::{
        BackupArgs, KeepArgs, MakeArgs, MigrateAction, MigrateAgain, MigrateArgs, MigrateDown, MigrateSteps,
        MigrateUp, PurgeArgs, RestoredArgs, RestoredShowArgs,
    },
    documents::{ApplyArgs, ValidateArgs},
    help::command,
    look::{HistoryArgs, RunsArgs},
    people::{PeopleAction, PeopleArgs, PeopleExportArgs, PeopleFormat, PeopleImportArgs, PeopleSyncArgs},
    queue::{
        DeadAction, DeadArgs, DeadListArgs, DeadManyArgs, EnqueueArgs, JobsAction, JobsArgs, JobsListArgs,
        PageArgs, PauseArgs, ScopeArg, SubjectArgs, WhichArgs,
    },
    run::{RunOptions, SyncArgs},
    serve::ServeArgs,
    simulator::{LimitsChoice, SimulatorArgs},
    stats::{RebuildArgs, StatsAction, StatsArgs, StatsBy},
    syncs::{SyncsAction, SyncsArgs, SyncsDeleteArgs, SyncsDiffArgs, SyncsListArgs},
    tokens::{AuditArgs, EventsArgs, TokensAction, TokensArgs, TokensCreateArgs},
    watch::WatchArgs,
};

/// Options that every command takes.
const GLOBAL: &str = "Global options";
/// Options that few installations need.
const TUNING: &str = "Tuning";

/// Keeps records in step, in both directions, between project-management and data platforms.
#[derive(Debug, Parser)]
#[command(name = "syncline", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 something failed or is in conflict, 2 wrong use or configuration.\n\
                        Start with `syncline demo`."
)]
pub(crate) struct Cli {
    /// Syncline's own database: sqlite://FILE or postgres://USER@HOST/NAME [default: sqlite://syncline.db]
    ///
    /// DATABASE_URL_FILE names a file that holds it. Without it, DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD (or
    /// DB_PASSWORD_FILE) name a PostgreSQL database.
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, help_heading = GLOBAL)]
    pub(crate) database_url: Option<String>,
    #[command(flatten)]
    pub(crate) queue: QueueArgs,
    /// Work against the running server with this URL instead of a database; SYNCLINE_TOKEN has its token
    #[arg(long, global = true, env = "SYNCLINE_SERVER", hide_env_values = true, value_name = "URL", help_heading = GLOBAL)]
    pub(crate) server: Option<String>,
    /// Print JSON for programs instead of tables for people
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, help_heading = GLOBAL)]
    pub(crate) color: ColorChoice,
    /// Log more: -v debug, -vv trace; SYNCLINE_LOG and RUST_LOG choose by part
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where jobs wait.
#[derive(Debug, Args, Clone)]
pub(crate) struct QueueArgs {
    /// Redis or Valkey for the queue: redis://USER:PASSWORD@HOST/DB, rediss://, redis+sentinel://, redis+cluster://
    ///
    /// REDIS_URL_FILE names a file that holds it. Without it, the queue is in Syncline's own database.
    #[arg(long, global = true, env = "REDIS_URL", hide_env_values = true, help_heading = GLOBAL)]
    pub(crate) redis_url: Option<String>,
    /// Where the queue is [default: redis if there is a REDIS_URL, else sql]
    #[arg(long, global = true, env = "SYNCLINE_QUEUE", value_enum, help_heading = GLOBAL)]
    pub(crate) queue: Option<QueueChoice>,
    /// What the names of the queue's keys in Redis begin with; each database needs its own
    #[arg(long, global = true, env = "SYNCLINE_QUEUE_PREFIX", default_value = "syncline", hide_short_help = true, help_heading = GLOBAL)]
    pub(crate) queue_prefix: String,
    /// Runs that may wait; more are refused
    #[arg(long, global = true, env = "SYNCLINE_QUEUE_LIMIT", default_value_t = 100_000, hide_short_help = true, help_heading = GLOBAL, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) queue_limit: u64,
}

/// Where the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueueChoice {
    /// In Redis or Valkey, which REDIS_URL names.
    Redis,
    /// In Syncline's own database.
    Sql,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set and not empty.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DemoArgs {
    #[command(subcommand)]
    pub(crate) action: Option<DemoAction>,
    /// End when all is shown, and leave nothing behind
    #[arg(long)]
    pub(crate) exit: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DemoAction {
    /// See it work on a CSV file and a SQLite table in a temporary folder, which stays
    Files(DemoFilesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DemoFilesArgs {
    /// Keep the demo's files in this folder, which must be empty or missing
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct PoolArgs {
    /// Jobs at once
    #[arg(long, env = "SYNCLINE_CONCURRENCY", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) concurrency: u16,
    /// Milliseconds before looking for jobs again when nothing woke the worker
    #[arg(long, env = "SYNCLINE_POLL_MS", default_value_t = 1000, hide_short_help = true, help_heading = TUNING, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pub(crate) poll_ms: u64,
    /// Seconds after which a job that is due goes first, whatever its priority
    #[arg(long, env = "SYNCLINE_QUEUE_OVERDUE", default_value_t = 60, hide_short_help = true, help_heading = TUNING, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) overdue: u64,
    /// Seconds that running jobs may take to finish when the worker is told to stop; then they are given back
    #[arg(long, env = "SYNCLINE_GRACE", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) grace: u64,
    #[command(flatten)]
    pub(crate) lease: LeaseArgs,
}

/// The lease of a command's own worker, which runs one job at a time.
#[derive(Debug, Args, Clone)]
pub(crate) struct LeaseArgs {
    /// Milliseconds that a claimed job holds without renewal; a crashed worker's jobs go to others after this
    #[arg(long, env = "SYNCLINE_LEASE_MS", default_value_t = 30_000, hide_short_help = true, help_heading = TUNING, value_parser = clap::value_parser!(u64).range(200..=3_600_000))]
    pub(crate) lease_ms: u64,
    /// Milliseconds between two signs of life in `syncline workers`
    #[arg(long, env = "SYNCLINE_HEARTBEAT_MS", default_value_t = 10_000, hide_short_help = true, help_heading = TUNING, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    pub(crate) heartbeat_ms: u64,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Address of the API; others than this machine need a token [default: 127.0.0.1:8080, or the port in SYNC_PORT]
    #[arg(long, env = "SYNCLINE_API_ADDR", value_parser = environment::listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// Bring an older schema up at the start
    #[arg(
        long,
        env = "SYNCLINE_MIGRATE",
        value_name = "true|false",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_missing_value = "true",
        default_value_t = true
    )]
    pub(crate) migrate: bool,
    #[command(flatten)]
    pub(crate) make: MakeArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(flatten)]
    pub(crate) allow: AllowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Address of /healthz, /readyz and /metrics [default: 127.0.0.1:8000, or the port in MONITOR_PORT]
    #[arg(long, env = "SYNCLINE_WORKER_ADDR", value_parser = environment::listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// Bring an older schema up at the start; replicas leave it to `syncline migrate up`
    #[arg(
        long,
        env = "SYNCLINE_MIGRATE",
        value_name = "true|false",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_missing_value = "true",
        default_value_t = false
    )]
    pub(crate) migrate: bool,
    #[command(flatten)]
    pub(crate) make: MakeArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// Address of the API; others than this machine need a token [default: 127.0.0.1:8080, or the port in SYNC_PORT]
    #[arg(long, env = "SYNCLINE_API_ADDR", value_parser = environment::listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// Bring an older schema up at the start; replicas leave it to `syncline migrate up`
    #[arg(
        long,
        env = "SYNCLINE_MIGRATE",
        value_name = "true|false",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_missing_value = "true",
        default_value_t = false
    )]
    pub(crate) migrate: bool,
    #[command(flatten)]
    pub(crate) make: MakeArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(flatten)]
    pub(crate) allow: AllowArgs,
}

/// Whether a server that starts waits for another process.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WaitArgs {
    /// Wait until another process has brought the schema up to this version
    #[arg(
        long,
        env = "SYNCLINE_WAIT_FOR_SCHEMA",
        value_name = "true|false",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_missing_value = "true",
        default_value_t = false
    )]
    pub(crate) wait_for_schema: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// A stored sync; `PROJECT/NAME` outside the default project
    pub(crate) name: Option<String>,
    /// Plan the syncs of a YAML file as they stand there, stored or not
    #[arg(short, long, value_name = "FILE", conflicts_with = "name")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunOptions,
    /// Items shown; the counts cover all
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Only this sync's changes; `PROJECT/NAME` outside the default project
    #[arg(long)]
    pub(crate) sync: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
