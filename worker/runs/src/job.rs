//! The job that a run's row stands for: the same row gives the same job, so pushing it again is a no-op.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use syncline_entity::{sync_history, types::RunKind};
use syncline_queue::{Concurrency, NewJob, Priority, RetryPolicy, Unique, UniqueRule};
use uuid::Uuid;

use super::{
    row::queue_priority,
    run::{JobSettings, NewRun, RunArgs},
};

/// The queue that runs go to.
pub const RUN_QUEUE: &str = "default";

/// The version of a run job's payload: `{"run": "<id>"}`.
pub const PAYLOAD_VERSION: i32 = 1;

/// How the keys begin under which runs of events wait. What waits under one takes up events in its row, and no job may
/// stand for it that does not have them.
pub(super) const EVENT_KEY: &str = "event:";

/// The longest key that both databases can index; what would be longer is not looked for, and two of it are two runs.
const LONGEST_KEY: usize = 1_000;

/// The coarsest step of a store's clock: SQLite tells milliseconds. A delay that is counted from the beginning of one would
/// end that much before its time.
const CLOCK_STEP: Duration = Duration::from_millis(1);

/// The key of which one run at a time executes: the sync.
pub fn sync_key(sync_config_id: i64) -> String {
    format!("sync:{sync_config_id}")
}

/// The key of runs of one item, which execute one after the other: its link.
pub fn link_key(link_id: i64) -> String {
    format!("link:{link_id}")
}

/// The key of which one run at a time executes, for a run of this row: its link's where it is about one item, else its
/// sync's.
pub fn work_key(row: &sync_history::Model) -> String {
    row.link_id.map_or_else(|| sync_key(row.sync_config_id), link_key)
}

/// What a job is made of; found on a run's row, or known before there is one.
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
    /// The key of its waiting twin; none once a worker has begun it.
    pub(super) waiting_key: Option<&'a str>,
}

impl<'a> Facts<'a> {
    /// Of a run that is being accepted.
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
            waiting_key,
        }
    }

    /// Of a row, with what its sync's document says.
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
            waiting_key: row.waiting_key.as_deref(),
        }
    }

    /// The job.
    pub(super) fn job(&self, now: DateTime<Utc>) -> NewJob {
        let ahead = self.not_before.and_then(|time| (time - now).to_std().ok());
        let delay = ahead.map_or(Duration::ZERO, |ahead| ahead + CLOCK_STEP);
        // Runs of one item go beside those of the whole sync, one after the other; the store's links tell which of two
        // that meet at one item has to look again. The second key is that by which a command waits for its own run.
        let key = self.link.map_or_else(|| sync_key(self.sync), link_key);
        NewJob {
            id: self.id,
            queue: RUN_QUEUE.to_owned(),
            payload_version: PAYLOAD_VERSION,
            priority: self.priority,
            delay,
            max_attempts: self.max_attempts.max(1),
            attempts_used: self.attempts_used,
            retry: RetryPolicy { base: self.retry_base, ..RetryPolicy::default() },
            unique: self
                .waiting_key
                .filter(|key| !key.starts_with(EVENT_KEY))
                .map(|key| Unique { key: key.to_owned(), rule: UniqueRule::WhileWaiting }),
            concurrency: Some(Concurrency::one(key)),
            order_key: self.link.map(link_key),
            ..NewJob::new(self.kind.as_str(), json!({ "run": self.id }))
        }
    }
}

/// The link of a run that is about one.
pub(super) fn link_of(args: &RunArgs) -> Option<i64> {
    args.links.as_ref().filter(|links| links.len() == 1).map(|links| links[0])
}

/// The key under which a run waits. Two requests for the same, both waiting, are one; with other arguments they are two.
pub(super) fn waiting_key(run: &NewRun) -> Result<Option<String>, serde_json::Error> {
    let args = serde_json::to_string(&run.args)?;
    let mut key = format!("{}:{}:{args}", sync_key(run.sync_config_id), run.kind);
    // One that is to wait for its time must not hold up one that may begin at once.
    if let Some(time) = run.not_before {
        key += &format!(":{}", time.timestamp());
    }
    Ok(Some(key).filter(|key| key.len() <= LONGEST_KEY))
}
