//! Arguments of `stats`.

use clap::{Args, Subcommand, ValueEnum};

use super::WatchArgs;

#[derive(Debug, Args, Default)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct StatsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<StatsAction>,
    /// Only this sync
    #[arg(long)]
    pub(crate) sync: Option<String>,
    /// Only syncs with this platform on either side
    #[arg(long)]
    pub(crate) platform: Option<String>,
    /// Only this kind of item
    #[arg(long)]
    pub(crate) entity_type: Option<String>,
    /// How far back: 90m, 24h, 7d, 2w, all
    #[arg(long, default_value = "7d")]
    pub(crate) window: String,
    /// What a line of the table stands for; a sync counts for both its platforms
    #[arg(long, value_enum, default_value_t = StatsBy::Sync)]
    pub(crate) by: StatsBy,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

/// What a line of the table stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsBy {
    #[default]
    Sync,
    Platform,
    EntityType,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StatsAction {
    /// Count anew from history, as far back as it goes. Workers may run meanwhile
    ///
    /// Statistics outlive history: hours of which they know more runs than history still has are left alone.
    Rebuild(RebuildArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RebuildArgs {
    /// Only this sync's
    #[arg(long)]
    pub(crate) sync: Option<String>,
    /// Only so far back (90m, 24h, 7d, 2w), and there believe history even where the statistics know more runs: name a
    /// time within which no run was purged
    #[arg(long, value_name = "WINDOW")]
    pub(crate) since: Option<String>,
}
