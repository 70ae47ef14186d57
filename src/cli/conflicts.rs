//! Arguments of the commands that show and resolve conflicts.

use clap::{ArgGroup, Args, Subcommand};

use super::{LeaseArgs, WatchArgs};

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
    /// Say what stands: a side, the base, or a value; a job then carries it out
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
    /// Only what this filter says, such as 'field:title age:>2d -kind:timestamp word'
    ///
    /// Keys: sync, project, field, kind, entity_type, item, resolution, by, seen, age and since.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) filter: Option<String>,
    /// Conflicts listed
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConflictShowArgs {
    /// The conflict's number, from the list
    pub(crate) id: i64,
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("choice").args(["side", "source", "target", "base", "value", "field", "strategy"]).required(true),
    override_usage = "syncline conflicts resolve ID... --source|--target|--base|--value VALUE\n       \
                      syncline conflicts resolve ID --field FIELD=CHOICE...\n       \
                      syncline conflicts resolve --sync NAME|--filter FILTER|--all --source|--target|--base\n       \
                      syncline conflicts resolve --sync NAME|--filter FILTER|--all --background --strategy STRATEGY"
)]
pub(crate) struct ResolveArgs {
    /// The conflicts' numbers, from the list
    #[arg(required_unless_present_any = ["all", "sync", "filter"], conflicts_with_all = ["all", "sync", "filter"])]
    pub(crate) ids: Vec<i64>,
    /// Every open conflict
    #[arg(long, conflicts_with_all = ["sync", "filter"])]
    pub(crate) all: bool,
    /// Every open conflict of this sync
    #[arg(long)]
    pub(crate) sync: Option<String>,
    /// Every open conflict that this filter selects, as in the list
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) filter: Option<String>,
    /// The side whose value stands: source or target
    #[arg(long)]
    pub(crate) side: Option<String>,
    /// The source's value stands on both sides
    #[arg(long)]
    pub(crate) source: bool,
    /// The target's value stands on both sides
    #[arg(long)]
    pub(crate) target: bool,
    /// Both sides go back to what they last agreed on
    #[arg(long)]
    pub(crate) base: bool,
    /// Both sides get this value, which is in the source's terms; an empty one clears the field
    #[arg(long, allow_hyphen_values = true, conflicts_with_all = ["all", "sync", "filter"])]
    pub(crate) value: Option<String>,
    /// A field of the conflict's item with its own choice: source, target, base or value:VALUE; repeatable
    #[arg(long, value_name = "FIELD=CHOICE", conflicts_with_all = ["all", "sync", "filter"])]
    pub(crate) field: Vec<String>,
    /// What this strategy decides of each: source_wins, target_wins or last_write_wins
    #[arg(long, requires = "background")]
    pub(crate) strategy: Option<String>,
    /// Leave all of it to the workers: `syncline operations` shows how far it has come
    ///
    /// More than 1,000 conflicts are resolved so in any case. A conflict that has changed since they were counted is left.
    #[arg(long, conflicts_with_all = ["ids", "value", "field"])]
    pub(crate) background: bool,
    /// Resolve without asking
    #[arg(long, requires = "background")]
    pub(crate) yes: bool,
    /// Leave the job to a running worker instead of waiting for it here
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) lease: LeaseArgs,
}
