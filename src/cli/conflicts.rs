//! Arguments of the commands that show and resolve conflicts.

use clap::{Args, Subcommand};

use super::LeaseArgs;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ConflictsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<ConflictsAction>,
    #[command(flatten)]
    pub(crate) list: ConflictsListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConflictsAction {
    /// List conflicts that wait for a person
    List(ConflictsListArgs),
    /// Show one conflict with its whole values
    Show(ConflictShowArgs),
    /// Say which side is right; a job then carries it out
    Resolve(ResolveArgs),
}

#[derive(Debug, Args, Default)]
pub(crate) struct ConflictsListArgs {
    /// Only this sync's
    #[arg(long)]
    pub(crate) sync: Option<String>,
    /// Resolved ones, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Conflicts listed
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) limit: u64,
}

#[derive(Debug, Args)]
pub(crate) struct ConflictShowArgs {
    /// The conflict's number, from the list
    pub(crate) id: i64,
}

#[derive(Debug, Args)]
#[command(override_usage = "syncline conflicts resolve --side source|target ID...\n       \
                      syncline conflicts resolve --side source|target --sync NAME|--all")]
pub(crate) struct ResolveArgs {
    /// The conflicts' numbers, from the list
    #[arg(required_unless_present_any = ["all", "sync"], conflicts_with_all = ["all", "sync"])]
    pub(crate) ids: Vec<i64>,
    /// Every open conflict
    #[arg(long, conflicts_with = "sync")]
    pub(crate) all: bool,
    /// Every open conflict of this sync
    #[arg(long)]
    pub(crate) sync: Option<String>,
    /// The side whose value stands: source or target
    #[arg(long)]
    pub(crate) side: String,
    /// Leave the job to a running worker instead of waiting for it here
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) lease: LeaseArgs,
}
