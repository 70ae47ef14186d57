//! Arguments of the commands that control queues, schedules, workers, operations and projects.

use clap::{Args, Subcommand};
use syncline_runs::{dead::GroupOrder, kinds};

use super::{WatchArgs, look::one_of};

#[derive(Debug, Args)]
pub(crate) struct QueuesArgs {
    #[command(subcommand)]
    pub(crate) action: Option<QueuesAction>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueuesAction {
    /// Count the jobs of each queue and priority
    List,
    /// Tell how many jobs could run now, and how many slots workers need for them
    Scale(QueueNameArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QueueNameArgs {
    /// The queue
    #[arg(default_value = "default")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct SchedulesArgs {
    #[command(subcommand)]
    pub(crate) action: Option<SchedulesAction>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesAction {
    /// List the schedules of the syncs and their next runs
    List,
    /// Put the run of a schedule in the queue now; its next tick comes all the same
    Run(ScheduleArgs),
    /// Let no tick of a schedule start a run; the sync can be run by hand all the same
    Pause(ScheduleArgs),
    /// Let ticks start runs again
    Resume(ScheduleArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// The sync of the schedule; `PROJECT/NAME` outside the default project
    pub(crate) sync: String,
}

#[derive(Debug, Args)]
pub(crate) struct WorkersArgs {
    #[command(subcommand)]
    pub(crate) action: Option<WorkersAction>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkersAction {
    /// List the worker processes of this database
    List,
    /// Ask a worker to take no more jobs, and to end when its present ones have ended
    ///
    /// It hears of this with its next heartbeat, and ends as on a SIGTERM, with its process: of `syncline up` the API ends, too.
    Drain(DrainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// The worker: its name, its id, or its process id if only one has it
    pub(crate) worker: String,
}

#[derive(Debug, Args)]
pub(crate) struct OperationsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<OperationsAction>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OperationsAction {
    /// List operations, the latest first
    List(OperationsListArgs),
    /// Show an operation and how far it has come
    Show(OperationArgs),
    /// Ask an operation to stop; what it did stays done
    Cancel(OperationArgs),
}

#[derive(Debug, Args)]
pub(crate) struct OperationsListArgs {
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = OperationsListArgs::USUAL, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) limit: u64,
}

impl OperationsListArgs {
    /// Operations listed without `--limit`.
    pub(crate) const USUAL: u64 = 20;
}

#[derive(Debug, Args)]
pub(crate) struct OperationArgs {
    /// The operation's id
    pub(crate) id: uuid::Uuid,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<ProjectsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectsAction {
    /// List the projects
    List,
    /// Create a project; applying a sync of a new project creates it, too
    Create(ProjectsCreateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ProjectsCreateArgs {
    /// The key, as documents and commands name it
    pub(crate) key: String,
    /// The name for people; the key by default
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// Which groups of dead letters are listed.
#[derive(Debug, Args)]
pub(crate) struct DeadGroupsArgs {
    /// Only of this sync; `PROJECT/NAME` outside the default project
    #[arg(long)]
    pub(crate) sync: Option<String>,
    /// Only of this kind of error
    #[arg(long, value_parser = kinds::ALL)]
    pub(crate) error_kind: Option<String>,
    /// Only with this text in the latest error, in upper or lower case
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Which come first
    #[arg(long, default_value = "newest", value_parser = one_of::<GroupOrder>(GroupOrder::ALL.map(GroupOrder::as_str)))]
    pub(crate) sort: GroupOrder,
    /// Groups listed
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) limit: u64,
    /// Leave out so many at the beginning
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) skip: u64,
}

impl DeadGroupsArgs {
    /// The latest groups.
    pub(crate) fn latest(limit: u64) -> DeadGroupsArgs {
        DeadGroupsArgs { sync: None, error_kind: None, text: None, sort: GroupOrder::Newest, limit, skip: 0 }
    }
}
