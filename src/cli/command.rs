//! The commands.

use clap::Subcommand;

use super::{
    AccountsAction, AccountsArgs, ApiArgs, ApplyArgs, AuditArgs, BackupArgs, CompletionsArgs, ConfigArgs,
    ConflictsArgs, DeadArgs, DemoArgs, DiscoverArgs, EnqueueArgs, EventsArgs, HistoryArgs, InitArgs,
    JobsArgs, ManArgs, MigrateArgs, OperationsArgs, PauseArgs, PeopleArgs, PlanArgs, ProjectsArgs, PurgeArgs,
    QueuesArgs, RestoredArgs, RestoredShowArgs, RunsArgs, SchedulesArgs, SimulatorArgs, StatsArgs,
    SubjectArgs, SyncArgs, SyncsArgs, TokensArgs, UpArgs, ValidateArgs, VerifyArgs, WorkerArgs, WorkersArgs,
};

/// A command and its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try it: a simulated Jira and GitHub, kept in step
    ///
    /// It shows a first sync, edits on both sides, a conflict, an outage and a loss of access, and then stays, with
    /// addresses to look at. Nothing leaves this machine, and all is gone at the end.
    Demo(DemoArgs),
    /// Run everything in one process: API, worker and schedules
    Up(UpArgs),
    /// Run a worker: jobs from the queue, and schedules
    Worker(WorkerArgs),
    /// Run the HTTP API
    Api(ApiArgs),
    /// Make, list or revoke the tokens of the API
    ///
    /// Without a token, only programs of this machine can use the API. From the first token on, every request needs one.
    Tokens(TokensArgs),
    /// Show who changed what, when and from where
    Audit(AuditArgs),
    /// Show what happened lately, and what happens now
    Events(EventsArgs),
    /// Change the schema of Syncline's database, or show it
    Migrate(MigrateArgs),
    /// Copy Syncline's database into a file while workers run
    Backup(BackupArgs),
    /// Mark Syncline's database as restored from a backup, or show it
    ///
    /// A restore is noticed by itself in most cases; this is for the others. It says what follows, and marks with --yes.
    MarkRestored(RestoredArgs),
    /// The older name of `mark-restored --show`
    #[command(hide = true)]
    Restored(RestoredShowArgs),
    /// Add, list, check, rotate or remove accounts on platforms
    Accounts(AccountsArgs),
    /// List the places of an account, or what one of them has
    Discover(DiscoverArgs),
    /// List people, and say who is who on which platform
    People(PeopleArgs),
    /// List projects, or create one
    Projects(ProjectsArgs),
    /// Write the document of a sync, from what two places look like
    Init(InitArgs),
    /// Store the syncs of YAML files
    Apply(ApplyArgs),
    /// Check the syncs of YAML files without storing them
    Validate(ValidateArgs),
    /// List, show, compare, export or delete stored syncs
    Syncs(SyncsArgs),
    /// Show what a sync would change, without writing
    Plan(PlanArgs),
    /// Run a sync now and wait until it ends
    Sync(SyncArgs),
    /// Put a sync in the queue for a worker and return at once
    Enqueue(EnqueueArgs),
    /// List, search, show or cancel the jobs in the queue
    Jobs(JobsArgs),
    /// List, group, show, replay or discard jobs that were given up
    Dead(DeadArgs),
    /// List, show or cancel changes of many things in the background
    Operations(OperationsArgs),
    /// Count the jobs of each queue, or the slots that they need
    Queues(QueuesArgs),
    /// Keep a queue, sync, account or platform from starting runs
    Pause(PauseArgs),
    /// End a pause
    Resume(SubjectArgs),
    /// List the pauses
    Pauses,
    /// List, run, pause or resume the schedules of the syncs
    Schedules(SchedulesArgs),
    /// List runs, or show one with its changes
    Runs(RunsArgs),
    /// Show what was changed in one item, when and by which run
    History(HistoryArgs),
    /// List conflicts, or resolve one
    Conflicts(ConflictsArgs),
    /// Show numbers of links, runs, durations and API calls
    Stats(StatsArgs),
    /// Check that the audit trail of changes is whole
    Verify(VerifyArgs),
    /// List the worker processes of this database, or ask one to end
    Workers(WorkersArgs),
    /// Show queues, workers, syncs and failures on one screen
    Top,
    /// Remove old runs, changes, conflicts and deleted syncs for good
    ///
    /// It shows what would go, and removes it with --yes. What an open conflict, an open intent or a tombstone needs
    /// stays, however old it is. Batches of at most 1,024 rows; workers and other commands go on meanwhile. Workers do the
    /// same once a day by themselves.
    Purge(PurgeArgs),
    /// Run local stand-ins of GitHub, Jira and Linear to try things on
    ///
    /// It answers like their APIs for issues, and forgets everything when it ends. Nothing is sent to the platforms.
    Simulator(SimulatorArgs),
    /// Show the settings in force, and where each comes from
    Config(Box<ConfigArgs>),
    /// Print the JSON Schema of sync documents, for editors
    Schema,
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
    /// Print the version and what it was built for
    Version,
}

impl Command {
    /// The command's name in `syncline workers` and in the database's list of connections.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Command::Demo(_) => "demo",
            Command::Up(_) => "up",
            Command::Worker(_) => "worker",
            Command::Api(_) => "api",
            Command::Tokens(_) => "tokens",
            Command::Audit(_) => "audit",
            Command::Events(_) => "events",
            Command::Migrate(_) => "migrate",
            Command::Backup(_) => "backup",
            Command::MarkRestored(_) | Command::Restored(_) => "mark-restored",
            Command::Accounts(_) => "accounts",
            Command::Discover(_) => "discover",
            Command::People(_) => "people",
            Command::Apply(_) => "apply",
            Command::Validate(_) => "validate",
            Command::Syncs(_) => "syncs",
            Command::Plan(_) => "plan",
            Command::Sync(_) => "sync",
            Command::Enqueue(_) => "enqueue",
            Command::Jobs(_) => "jobs",
            Command::Dead(_) => "dead",
            Command::Operations(_) => "operations",
            Command::Projects(_) => "projects",
            Command::Queues(_) => "queues",
            Command::Pause(_) => "pause",
            Command::Resume(_) => "resume",
            Command::Pauses => "pauses",
            Command::Schedules(_) => "schedules",
            Command::Runs(_) => "runs",
            Command::History(_) => "history",
            Command::Conflicts(_) => "conflicts",
            Command::Stats(_) => "stats",
            Command::Verify(_) => "verify",
            Command::Workers(_) => "workers",
            Command::Top => "top",
            Command::Purge(_) => "purge",
            Command::Simulator(_) => "simulator",
            Command::Init(_) => "init",
            Command::Config(_) => "config",
            Command::Schema => "schema",
            Command::Openapi => "openapi",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
            Command::Version => "version",
        }
    }

    /// True if the command works on Syncline's database, or against a server in its place.
    pub(crate) fn uses_a_database(&self) -> bool {
        match self {
            Command::Demo(_)
            | Command::Simulator(_)
            | Command::Init(_)
            | Command::Validate(_)
            | Command::Config(_)
            | Command::Schema
            | Command::Openapi
            | Command::Completions(_)
            | Command::Man(_)
            | Command::Version => false,
            Command::Accounts(args) => !matches!(args.action, Some(AccountsAction::Key(_))),
            _ => true,
        }
    }
}
