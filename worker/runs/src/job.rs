//! Builds the job of a run's row. The same row gives the same job, so pushing it again is a no-op.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use syncline_entity::{sync_history, types::RunKind};
use syncline_queue::{Concurrency, NewJob, Priority, RetryPolicy};
use uuid::Uuid;

use super::{
    row::queue_priority,
    run::{JobSettings, NewRun, RunArgs},
};

/// The queue of runs.
pub const RUN_QUEUE: &str = "default";

/// The version of a run job's payload, `{"run": "<id>"}`, if every worker can carry the run out.
pub const PAYLOAD_VERSION: i32 = 1;

/// The payload version of runs that apply choices of the base or of a value. Older workers do not know such choices and
/// leave the job to newer workers.
pub const CHOICES: i32 = 2;

/// The payload version of runs of single items, which older workers would take for runs of everything.
pub(crate) const ITEMS: i32 = 3;

/// The newest payload version of a run that this program carries out. A run that uses a state, a key or a column that
/// older workers would read wrongly gets the next one, in [`RunArgs::needs`].
pub const NEWEST_PAYLOAD_VERSION: i32 = ITEMS;

/// The prefix of waiting keys of runs with events. A run that waits under such a key collects events in its row, so no
/// job without these events may replace its job.
pub(super) const EVENT_KEY: &str = "event:";

/// The longest key, in bytes, that both databases can index. A run with a longer one gets no key, so two such runs are
/// not merged.
const LONGEST_KEY: usize = 1_000;

/// The coarsest step of a store's clock: SQLite has milliseconds. A delay counted from the start of a step would end up
/// to one step early.
const CLOCK_STEP: Duration = Duration::from_millis(1);

/// Returns the concurrency key of a sync: one of its runs executes at a time.
pub fn sync_key(sync_config_id: i64) -> String {
    format!("sync:{sync_config_id}")
}

/// Returns the key of runs of one item (a link), which execute one after the other.
pub fn link_key(link_id: i64) -> String {
    format!("link:{link_id}")
}

/// Returns the concurrency key for the run of this row: its link's if the run is about one item, otherwise its sync's.
pub fn work_key(row: &sync_history::Model) -> String {
    row.link_id.map_or_else(|| sync_key(row.sync_config_id), link_key)
}

/// The data of a job; from a run's row, or known before there is one.
pub(super) struct Facts<'a> {
    pub(super) id: Uuid,
    pub(super) sync: i64,
    pub(super) kind: RunKind,
    pub(super) priority: Priority,
    pub(super) link: Option<i64>,
    pub(super) max_attempts: u32,
    pub(super) retry_base: Duration,
    pub(super) not_before: Option<DateTime<Utc>>,
    pub(super) attempts_used: u32,
    /// The payload version that the run needs.
    pub(super) needs: Option<i32>,
    /// The waiting key of the row; `None` after a worker has begun the run.
    pub(super) waiting_key: Option<&'a str>,
}

impl<'a> Facts<'a> {
    /// For a run that is being accepted.
    pub(super) fn new(id: Uuid, run: &NewRun, waiting_key: Option<&'a str>) -> Self {
        Facts {
            id,
            sync: run.sync_config_id,
            kind: run.kind,
            priority: run.priority,
            link: link_of(&run.args),
            max_attempts: run.max_attempts,
            retry_base: run.retry_base,
            not_before: run.not_before,
            attempts_used: 0,
            needs: run.args.needs,
            waiting_key,
        }
    }

    /// For a row, with the job settings of its sync's document.
    pub(super) fn stored(
        row: &'a sync_history::Model,
        settings: &JobSettings,
        attempts_used: u32,
    ) -> Facts<'a> {
        Facts {
            id: row.run_uid,
            sync: row.sync_config_id,
            kind: row.kind,
            priority: queue_priority(row.priority),
            link: row.link_id,
            max_attempts: settings.max_attempts(),
            retry_base: settings.retry_base(),
            not_before: row.not_before,
            attempts_used,
            needs: needs(&row.args),
            waiting_key: row.waiting_key.as_deref(),
        }
    }

    pub(super) fn job(&self, now: DateTime<Utc>) -> NewJob {
        let ahead = self.not_before.and_then(|time| (time - now).to_std().ok());
        let delay = ahead.map_or(Duration::ZERO, |ahead| ahead + CLOCK_STEP);
        // Runs of one item may execute beside runs of the whole sync, but one after the other; if two runs reach the
        // same item, the links in the store show which of them must read it again. A command that waits for its own run
        // claims by the concurrency key.
        let key = self.link.map_or_else(|| sync_key(self.sync), link_key);
        NewJob {
            id: self.id,
            queue: RUN_QUEUE.to_owned(),
            payload_version: self.needs.unwrap_or_default().max(PAYLOAD_VERSION),
            priority: self.priority,
            delay,
            max_attempts: self.max_attempts.max(1),
            attempts_used: self.attempts_used,
            retry: RetryPolicy { base: self.retry_base, ..RetryPolicy::default() },
            unique: self.waiting_key.filter(|key| !key.starts_with(EVENT_KEY)).map(str::to_owned),
            concurrency: Some(Concurrency::one(key)),
            order_key: self.link.map(link_key),
            ..NewJob::new(self.kind.as_str(), json!({ "run": self.id }))
        }
    }
}

/// Returns the payload version that a run's stored arguments ask for.
pub fn needs(args: &serde_json::Value) -> Option<i32> {
    args["needs"].as_i64().and_then(|version| i32::try_from(version).ok())
}

/// Returns the link of a run that is about exactly one.
pub(super) fn link_of(args: &RunArgs) -> Option<i64> {
    args.links.as_ref().filter(|links| links.len() == 1).map(|links| links[0])
}

/// Returns the key under which a run waits. Two waiting requests with the same arguments are one run; with other
/// arguments they are two.
pub(super) fn waiting_key(run: &NewRun) -> Result<Option<String>, serde_json::Error> {
    let args = serde_json::to_string(&run.args)?;
    let mut key = format!("{}:{}:{args}", sync_key(run.sync_config_id), run.kind);
    // A delayed run must not absorb one that may begin at once.
    if let Some(time) = run.not_before {
        key += &format!(":{}", time.timestamp());
    }
    Ok(Some(key).filter(|key| key.len() <= LONGEST_KEY))
}
