//! The scenarios, by what is done to the workers or their store.

mod abort;
mod crowds;
mod flush;
mod freezes;
mod keys;
mod kills;
mod limit;
mod long;
mod outages;
mod redis_errors;
mod sigterm;
mod ticks;

use anyhow::Result;
use futures_util::future::BoxFuture;

use crate::{report::Report, stage::Stage, system::Kind};

/// One scenario.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) backends: &'static [Kind],
    /// The long form is given up after so long.
    pub(crate) minutes: u64,
    pub(crate) run: fn(Stage) -> BoxFuture<'static, Result<Report>>,
}

const ALL: &[Kind] = &Kind::ALL;
const SERVERS: &[Kind] = &[Kind::Redis, Kind::Postgres];
const REDIS: &[Kind] = &[Kind::Redis];

/// Makes an entry of the list below.
macro_rules! scenario {
    ($name:literal, $run:path, $backends:expr, $minutes:literal, $about:literal) => {
        Scenario {
            name: $name,
            about: $about,
            backends: $backends,
            minutes: $minutes,
            run: |stage| Box::pin($run($name, stage)),
        }
    };
}

/// All of them.
pub(crate) fn all() -> Vec<Scenario> {
    vec![
        scenario!(
            "kills",
            kills::one_by_one,
            ALL,
            5,
            "10,000 jobs, 4 workers, a SIGKILL each second for 30 s"
        ),
        scenario!(
            "all-killed",
            kills::all_at_once,
            ALL,
            5,
            "every worker killed at the same moment, three times"
        ),
        scenario!(
            "keys",
            keys::under_kills,
            ALL,
            5,
            "unique, ordered and limited keys while workers are killed"
        ),
        scenario!(
            "store-restarts",
            outages::restarts,
            SERVERS,
            5,
            "the store goes away and comes back 5 times"
        ),
        scenario!("store-pause", outages::pause, ALL, 5, "the store answers nobody for two leases"),
        scenario!(
            "proxy",
            outages::proxy,
            SERVERS,
            5,
            "1 % of replies delayed, cut off, black-holed or dropped"
        ),
        scenario!("long-job", long::alone, ALL, 5, "a job ten times longer than its lease"),
        scenario!(
            "blocked-threads",
            freezes::blocked,
            ALL,
            5,
            "handlers that block every thread for three leases"
        ),
        scenario!("frozen", freezes::frozen, ALL, 5, "SIGSTOP for three leases, then SIGCONT"),
        scenario!("sigterm", sigterm::drain, ALL, 5, "SIGTERM with long and short jobs"),
        scenario!("due-at-once", crowds::due_at_once, ALL, 8, "100,000 delayed jobs due in one second"),
        scenario!("dead-holder", crowds::dead_holder, ALL, 8, "10,000 jobs claimed by one dead worker"),
        scenario!(
            "poison",
            crowds::poison,
            ALL,
            8,
            "6,000 payloads that cannot be read among 10,000 good ones"
        ),
        scenario!(
            "maxmemory",
            redis_errors::out_of_memory,
            REDIS,
            5,
            "Redis has no memory for writes, longer than a lease"
        ),
        scenario!(
            "readonly",
            redis_errors::read_only,
            REDIS,
            5,
            "Redis takes no writes, longer than a lease"
        ),
        scenario!(
            "wrong-type",
            redis_errors::wrong_type,
            REDIS,
            5,
            "somebody else writes to the queue's keys"
        ),
        scenario!("limit", limit::shared, ALL, 5, "100 calls a second, shared by 4 processes"),
        scenario!("ticks", ticks::once_each, SERVERS, 8, "600 cron ticks with 5 replicas, each one run"),
        scenario!("flushall", flush::flushed, REDIS, 5, "Redis flushed, with jobs accepted through the API"),
        scenario!("abort", abort::exactly_its_attempts, ALL, 5, "jobs that end their process"),
    ]
}
