//! Arguments of `syncs`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SyncsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<SyncsAction>,
    #[command(flatten)]
    pub(crate) list: SyncsListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SyncsAction {
    /// List the stored syncs
    List(SyncsListArgs),
    /// Show one with its document
    Show(SyncNameArgs),
    /// Show what two revisions of one differ in
    Diff(SyncsDiffArgs),
    /// Write the documents of syncs as YAML, for `apply`
    Export(SyncsExportArgs),
    /// Delete one; its links and history stay until they are purged
    Delete(SyncsDeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SyncsListArgs {
    /// Only what this filter says, such as 'platform:jira -enabled:false word'
    ///
    /// Keys: name, project, platform, source, target, entity_type, direction, enabled, managed_by.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) filter: Option<String>,
    /// Syncs listed
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) limit: u64,
}

#[derive(Debug, Args)]
pub(crate) struct SyncNameArgs {
    /// The sync; `PROJECT/NAME` outside the default project
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct SyncsDiffArgs {
    /// The sync; `PROJECT/NAME` outside the default project
    pub(crate) name: String,
    /// The first revision [default: the one before the second]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) from: Option<i64>,
    /// The second revision [default: the latest]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) to: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct SyncsExportArgs {
    /// The syncs; `PROJECT/NAME` outside the default project [default: all]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SyncsDeleteArgs {
    /// The sync; `PROJECT/NAME` outside the default project
    pub(crate) name: String,
    /// Delete it; without this, what would happen is shown
    #[arg(long)]
    pub(crate) yes: bool,
}
