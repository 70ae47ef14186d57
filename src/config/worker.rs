//! The worker's concurrency, polling and leases.

use std::time::Duration;

use super::reader::Reader;
use crate::cli::{LeaseArgs, PoolArgs};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerConfig {
    /// Jobs that run at once. `--concurrency`, `SYNCLINE_CONCURRENCY`; default 4.
    pub(crate) concurrency: u16,
    /// Time between two polls when nothing woke the worker. `--poll-ms`, `SYNCLINE_POLL_MS`; default 1000.
    pub(crate) poll: Duration,
    /// A job that has been due for so long goes first, whatever its priority. `--overdue`, `SYNCLINE_QUEUE_OVERDUE`;
    /// default 60 s.
    pub(crate) overdue: Duration,
    /// How long running jobs may take to end after SIGTERM. `--grace`, `SYNCLINE_GRACE`; default 30 s.
    pub(crate) grace: Duration,
    pub(crate) lease: LeaseConfig,
}

/// The leases of jobs and the heartbeats of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseConfig {
    /// The length of a lease without renewal. `--lease-ms`, `SYNCLINE_LEASE_MS`; default 30000.
    pub(crate) lease: Duration,
    /// The interval of heartbeats. `--heartbeat-ms`, `SYNCLINE_HEARTBEAT_MS`; default 10000.
    pub(crate) heartbeat: Duration,
}

impl WorkerConfig {
    /// The defaults, for a command without flags for it.
    pub(crate) const USUAL: WorkerConfig = WorkerConfig {
        concurrency: 4,
        poll: Duration::from_secs(1),
        overdue: Duration::from_secs(60),
        grace: Duration::from_secs(30),
        lease: LeaseConfig::USUAL,
    };

    /// Reads the settings that clap has checked.
    pub(super) fn read(args: &PoolArgs, reader: &mut Reader<'_>) -> WorkerConfig {
        reader.note_argument("concurrency", "SYNCLINE_CONCURRENCY", args.concurrency);
        reader.note_argument("poll_ms", "SYNCLINE_POLL_MS", args.poll_ms);
        reader.note_argument("overdue", "SYNCLINE_QUEUE_OVERDUE", args.overdue);
        reader.note_argument("grace", "SYNCLINE_GRACE", args.grace);
        reader.note_argument("lease_ms", "SYNCLINE_LEASE_MS", args.lease.lease_ms);
        reader.note_argument("heartbeat_ms", "SYNCLINE_HEARTBEAT_MS", args.lease.heartbeat_ms);
        WorkerConfig {
            concurrency: args.concurrency,
            poll: Duration::from_millis(args.poll_ms),
            overdue: Duration::from_secs(args.overdue),
            grace: Duration::from_secs(args.grace),
            lease: LeaseConfig::from(&args.lease),
        }
    }
}

impl LeaseConfig {
    /// The defaults, for commands without flags for it.
    pub(crate) const USUAL: LeaseConfig =
        LeaseConfig { lease: Duration::from_secs(30), heartbeat: Duration::from_secs(10) };
}

impl From<&LeaseArgs> for LeaseConfig {
    fn from(args: &LeaseArgs) -> LeaseConfig {
        LeaseConfig {
            lease: Duration::from_millis(args.lease_ms),
            heartbeat: Duration::from_millis(args.heartbeat_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };
    use crate::cli::{Cli, Command};

    fn of(arguments: &[&str]) -> WorkerConfig {
        let matches = matches(arguments);
        let Ok(Cli { command: Command::Up(args), .. }) = Cli::from_arg_matches(&matches) else {
            panic!("{arguments:?} is not up")
        };
        WorkerConfig::read(&args.pool, &mut Reader::new(&matches, &Variables(&[])))
    }

    #[test]
    fn a_worker_is_as_documented_unless_told_otherwise() {
        let usual = WorkerConfig {
            concurrency: 4,
            poll: Duration::from_secs(1),
            overdue: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            lease: LeaseConfig::USUAL,
        };
        assert_eq!(of(&["up"]), usual);
        let told = of(&["up", "--concurrency", "9", "--lease-ms", "500", "--grace", "0"]);
        assert_eq!((told.concurrency, told.grace), (9, Duration::ZERO));
        assert_eq!(told.lease, LeaseConfig { lease: Duration::from_millis(500), ..LeaseConfig::USUAL });
    }
}
