//! Arguments of the commands that show runs and changes.

use std::{fmt, str::FromStr, time::Duration};

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use sea_orm::Iterable;
use syncline_entity::types::{RunKind, RunStatus};

use super::{WatchArgs, queue::age};

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// A run's id, or the beginning of one, to show it whole; or a sync's name, to list its runs
    #[arg(value_name = "ID|SYNC")]
    pub(crate) what: Option<String>,
    /// Only runs of this status
    #[arg(long, value_parser = one_of::<RunStatus>(RunStatus::iter().map(RunStatus::as_str)))]
    pub(crate) status: Option<RunStatus>,
    /// Only runs of this kind
    #[arg(long, value_parser = one_of::<RunKind>(RunKind::iter().map(RunKind::as_str)))]
    pub(crate) kind: Option<RunKind>,
    /// Only runs accepted within this time: 90s, 10m, 2h, 7d
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) since: Option<Duration>,
    /// At most so many runs; of one run, so many changes or planned items
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The item: its id or key on either side
    #[arg(value_name = "ITEM", required_unless_present = "item")]
    pub(crate) named: Option<String>,
    /// The item, as an option
    #[arg(long, value_name = "ITEM", conflicts_with = "named")]
    pub(crate) item: Option<String>,
    /// Only of this sync; `PROJECT/NAME` outside the default project
    #[arg(long)]
    pub(crate) sync: Option<String>,
    /// Only changes of the last so many days
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=36_600))]
    pub(crate) days: Option<u32>,
    /// At most so many changes, the oldest first
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) limit: u64,
}

/// Accepts one of these names and lists them in the help.
pub(super) fn one_of<T>(
    names: impl IntoIterator<Item = impl Into<PossibleValue>>,
) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: fmt::Display> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>().map_err(|error| error.to_string()))
}
