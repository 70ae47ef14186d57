//! `--watch` of the commands that list something.

use std::time::Duration;

use clap::Args;

use super::{Command, ConflictsAction, DeadAction, JobsAction};

#[derive(Debug, Args, Clone, Copy, Default)]
pub(crate) struct WatchArgs {
    /// Show it anew every so many seconds, until Ctrl-C [default: 2]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) watch: Option<u16>,
}

impl Command {
    /// How long to wait between two rounds; none if the command runs once.
    pub(crate) fn watch(&self) -> Option<Duration> {
        let args = match self {
            Command::Queues(args) if args.action.is_none() => args.watch,
            Command::Workers(args) if args.action.is_none() => args.watch,
            Command::Schedules(args) if args.action.is_none() => args.watch,
            Command::Operations(args) if args.action.is_none() => args.watch,
            Command::Runs(args) => args.watch,
            Command::Stats(args) if args.action.is_none() => args.watch,
            Command::Jobs(args) => match &args.action {
                None => args.list.watch,
                Some(JobsAction::List(list)) => list.watch,
                Some(_) => return None,
            },
            Command::Dead(args) => match &args.action {
                None => args.list.watch,
                Some(DeadAction::List(list)) => list.watch,
                Some(_) => return None,
            },
            Command::Conflicts(args) => match &args.action {
                None => args.list.watch,
                Some(ConflictsAction::List(list)) => list.watch,
                Some(_) => return None,
            },
            _ => return None,
        };
        args.watch.map(|seconds| Duration::from_secs(seconds.into()))
    }
}
