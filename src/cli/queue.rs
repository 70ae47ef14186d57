//! Arguments of the commands that show and control the queue.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{
    Args, Subcommand, ValueEnum,
    builder::{PossibleValue, TypedValueParser},
};
use syncline_queue::Priority;
use syncline_runs::listing::Standing;

use super::{DeadGroupsArgs, RunOptions, WatchArgs, look::one_of};

#[derive(Debug, Args)]
pub(crate) struct EnqueueArgs {
    /// The sync; `PROJECT/NAME` outside the default project
    pub(crate) name: String,
    /// Accept it although a pause keeps it from beginning: it begins when that ends
    #[arg(long)]
    pub(crate) wait: bool,
    /// What to do
    #[arg(long, default_value = "sync", value_parser = ["sync", "plan"])]
    pub(crate) kind: String,
    /// How urgent it is; the sync's own priority by default
    #[arg(long, value_parser = one_of::<Priority>(Priority::ALL.map(Priority::as_str)))]
    pub(crate) priority: Option<Priority>,
    /// Not before this time has passed: 90s, 10m, 2h, 1d
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) delay: Option<Duration>,
    /// Not before this time: 2026-12-24T18:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "delay", value_parser = time)]
    pub(crate) at: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<JobsAction>,
    #[command(flatten)]
    pub(crate) list: JobsListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsAction {
    /// List jobs, or search them
    List(JobsListArgs),
    /// Show a job whole: its run, its attempts, and where it stands in the queue
    Show(JobIdArgs),
    /// Cancel jobs: waiting ones end at once, running ones are asked to stop
    Cancel(JobIdsArgs),
    /// The same as `syncline dead`
    #[command(hide = true)]
    Dead(Box<DeadArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct JobIdArgs {
    /// The job's id, which is its run's, or the beginning of it
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct JobIdsArgs {
    /// The jobs' ids, which are their runs', or the beginnings of them
    #[arg(required = true)]
    pub(crate) ids: Vec<String>,
}

/// Which jobs are meant.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct WhichArgs {
    /// Only of this sync; `PROJECT/NAME` outside the default project
    #[arg(long)]
    pub(crate) sync: Option<String>,
    /// Only of this kind: sync, plan, resolve, purge ...
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only with this unique, concurrency or order key
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Only with this text in the arguments, the error or the reason; case matters
    #[arg(long, visible_alias = "reason")]
    pub(crate) text: Option<String>,
    /// Only older than this: 90s, 10m, 2h, 7d
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Option<Duration>,
    /// Only what this filter says, such as 'sync:a,b -error:timeout age:>10m word'
    ///
    /// Keys: sync, project, kind, priority, key, worker, error, reason, age (age:>2h), since (since:<2026-11-01). KEY:* is any
    /// value, a dash before a term negates it, and a word is looked for in all of them.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) filter: Option<String>,
    /// Only of this queue
    #[arg(long, default_value = "default", value_name = "QUEUE")]
    pub(crate) of_queue: String,
}

/// How much of a list is shown.
#[derive(Debug, Args, Clone)]
pub(crate) struct PageArgs {
    /// Jobs listed
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    /// Continue after the cursor that the list before ended with
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
}

/// The names of statuses, with those of earlier versions.
fn statuses() -> impl TypedValueParser<Value = Standing> {
    one_of(Standing::ALL.map(|standing| {
        let name = PossibleValue::new(standing.as_str());
        match standing {
            Standing::InProgress => name.alias("running"),
            Standing::Queued => name.alias("waiting"),
            Standing::Undispatched => name,
            Standing::Dead => name.alias("dead"),
        }
    }))
}

#[derive(Debug, Args)]
pub(crate) struct JobsListArgs {
    /// Only with this status; without it queued and in_progress. Undispatched is a part of queued, and failed are dead letters
    #[arg(long, alias = "state", value_parser = statuses())]
    pub(crate) status: Option<Standing>,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DeadArgs {
    #[command(subcommand)]
    pub(crate) action: Option<DeadAction>,
    #[command(flatten)]
    pub(crate) list: DeadListArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadAction {
    /// List dead letters, the latest first, or search them
    List(DeadListArgs),
    /// List groups of dead letters: those of one sync with one cause
    Groups(DeadGroupsArgs),
    /// Show one with all its attempts
    Show(JobIdArgs),
    /// Put dead letters in line again, their attempts counted from nothing
    Replay(DeadManyArgs),
    /// Take dead letters off the list for good; what is on record of their runs stays
    Discard(DeadManyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DeadListArgs {
    /// Only of this group, as `syncline dead groups` shows it
    #[arg(long)]
    pub(crate) group: Option<String>,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DeadManyArgs {
    /// Their ids, or the beginnings of them
    pub(crate) ids: Vec<String>,
    /// Those of this group, as `syncline dead groups` shows it
    #[arg(long)]
    pub(crate) group: Option<String>,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// Leave it to the workers, as an operation that `syncline operations` shows; for many
    #[arg(long, conflicts_with_all = ["ids", "key", "older_than", "of_queue"])]
    pub(crate) background: bool,
    /// Why; more than 10,000 are discarded in the background with a reason only
    #[arg(long, requires = "background")]
    pub(crate) why: Option<String>,
    /// All there are
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SubjectArgs {
    /// What kind of thing
    #[arg(value_enum)]
    pub(crate) scope: ScopeArg,
    /// Which one, by name; a sync outside the default project is `PROJECT/NAME`
    pub(crate) name: String,
}

/// What can be paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    Queue,
    Sync,
    Account,
    Platform,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) subject: SubjectArgs,
    /// The reason, shown by `syncline pauses`
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// Parses a duration: a number and a unit.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => {
            return Err("no length of time; write a number and s, m, h, d or w, as in 10m".to_owned());
        }
    };
    let number: u64 =
        number.parse().map_err(|_| "it does not begin with a number; write 10m, 2h or 7d".to_owned())?;
    let seconds = number.checked_mul(seconds).filter(|seconds| *seconds <= 10 * 366 * 86_400);
    seconds.map(Duration::from_secs).ok_or_else(|| "more than ten years".to_owned())
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| "no time; write 2026-12-24T18:00:00Z, or +01:00 for Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        assert_eq!(age("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(age("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(age("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for wrong in ["", "10", "m", "10 minutes", "-5m", "99999999999999999999s", "99999d", "1.5h"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
