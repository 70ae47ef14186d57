//! Arguments of runs.

use clap::{Args, builder::NonEmptyStringValueParser};

use super::LeaseArgs;

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The sync; `PROJECT/NAME` outside the default project
    pub(crate) name: String,
    /// Wait for the end of a pause instead of refusing
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) run: RunOptions,
    #[command(flatten)]
    pub(crate) lease: LeaseArgs,
}

#[derive(Debug, Args, Clone, Default)]
pub(crate) struct RunOptions {
    /// Read both sides whole, also one that would be read from its cursor
    #[arg(long)]
    pub(crate) full: bool,
    /// Act on missing items at once, not only when they are missing a second time
    #[arg(long)]
    pub(crate) confirm_deletes: bool,
    /// Agree to so many deletes, past the sync's delete_guard
    #[arg(long, value_name = "COUNT")]
    pub(crate) allow_deletes: Option<u64>,
    /// Agree to the delete of this item's counterpart only, by either's id; repeat it for more
    #[arg(long = "allow-delete", value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    #[arg(conflicts_with = "allow_deletes")]
    pub(crate) allow_deletes_of: Vec<String>,
    /// Only this item, by its id; repeat it for more. Nothing is listed and nothing deleted
    #[arg(long = "item", value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    #[arg(conflicts_with_all = ["full", "confirm_deletes", "allow_deletes", "allow_deletes_of"])]
    pub(crate) items: Vec<String>,
    /// The side of --item
    #[arg(long, value_name = "SIDE", value_parser = ["source", "target"], requires = "items")]
    pub(crate) side: Option<String>,
}
