//! Runs as they are asked for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use syncline_engine::spec::{self, SyncSpec};
use syncline_entity::{
    sync_config,
    types::{Priority as StoredPriority, RunKind, SyncMethod},
};
use syncline_queue::Priority;
use uuid::Uuid;

use super::row::queue_priority;

/// What a run is asked to do; kept on its row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunArgs {
    /// Read both sides whole.
    #[serde(skip_serializing_if = "is_false")]
    pub full: bool,
    /// Act on absences at once.
    #[serde(skip_serializing_if = "is_false")]
    pub confirm_deletes: bool,
    /// So many deletes are agreed to, past the guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_deletes: Option<u64>,
    /// Only these links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<i64>>,
    /// What platforms told of the item, the first first; a run that waits takes up what comes after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Value>,
    /// Arguments of a newer version, kept as they are for it and ignored here.
    #[serde(flatten)]
    pub newer: Map<String, Value>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A run to accept.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its project.
    pub project_id: i64,
    /// Its sync.
    pub sync_config_id: i64,
    /// What it does.
    pub kind: RunKind,
    /// What set it off.
    pub method: SyncMethod,
    /// How urgent it is.
    pub priority: Priority,
    /// What it is asked to do.
    pub args: RunArgs,
    /// Attempts before it is dead.
    pub max_attempts: u32,
    /// First delay before a retry.
    pub retry_base: Duration,
    /// The run that caused it.
    pub parent: Option<Uuid>,
    /// What one cause set off; its parent or itself unless it is said here.
    pub correlation: Option<Uuid>,
    /// The schedule that fired, and its tick.
    pub tick: Option<(i64, DateTime<Utc>)>,
    /// Not before this time.
    pub not_before: Option<DateTime<Utc>>,
    /// The run's id, where the caller has chosen one; the same id once more is the same run.
    pub id: Option<Uuid>,
}

/// What a sync's document says of its jobs; the rest of it is the engine's business.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(super) struct JobSettings {
    pub(super) priority: StoredPriority,
    max_retries: u32,
    retry_delay: f64,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self { priority: StoredPriority::Normal, max_retries: 3, retry_delay: 1.0 }
    }
}

impl JobSettings {
    pub(super) fn max_attempts(&self) -> u32 {
        self.max_retries.saturating_add(1)
    }

    pub(super) fn retry_base(&self) -> Duration {
        Duration::try_from_secs_f64(self.retry_delay).unwrap_or(Duration::from_secs(1))
    }
}

impl From<&SyncSpec> for JobSettings {
    fn from(spec: &SyncSpec) -> Self {
        let priority = match spec.priority {
            spec::Priority::Critical => StoredPriority::Critical,
            spec::Priority::High => StoredPriority::High,
            spec::Priority::Normal => StoredPriority::Normal,
            spec::Priority::Low => StoredPriority::Low,
        };
        Self { priority, max_retries: spec.max_retries, retry_delay: spec.retry_delay }
    }
}

impl NewRun {
    /// A run of a sync with the sync's own settings. An error: the stored document cannot be read.
    pub fn of(
        config: &sync_config::Model,
        kind: RunKind,
        method: SyncMethod,
    ) -> Result<NewRun, serde_json::Error> {
        let settings = serde_json::from_value(config.config_json.clone())?;
        Ok(Self::with(config, &settings, kind, method))
    }

    /// The same for a caller that has read the whole document.
    pub fn of_spec(
        config: &sync_config::Model,
        spec: &SyncSpec,
        kind: RunKind,
        method: SyncMethod,
    ) -> NewRun {
        Self::with(config, &spec.into(), kind, method)
    }

    fn with(
        config: &sync_config::Model,
        settings: &JobSettings,
        kind: RunKind,
        method: SyncMethod,
    ) -> NewRun {
        NewRun {
            project_id: config.project_id,
            sync_config_id: config.id,
            kind,
            method,
            priority: queue_priority(settings.priority),
            args: RunArgs::default(),
            max_attempts: settings.max_attempts(),
            retry_base: settings.retry_base(),
            parent: None,
            correlation: None,
            tick: None,
            not_before: None,
            id: None,
        }
    }
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is on record, and in the queue or on its way there.
    New(Uuid),
    /// The same is waiting already; that one's id. Or this very id was accepted before.
    Joined(Uuid),
    /// This tick of this schedule has had its run.
    TickTaken,
}

impl Accepted {
    /// The run to look at.
    pub fn id(self) -> Option<Uuid> {
        match self {
            Accepted::New(id) | Accepted::Joined(id) => Some(id),
            Accepted::TickTaken => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_of_a_newer_version_are_kept_and_ignored() {
        let stored = json!({ "full": true, "pace": { "per": "day" } });
        let read: RunArgs = serde_json::from_value(stored.clone()).unwrap();
        assert!(read.full);
        assert_eq!(serde_json::to_value(read).unwrap(), stored);
    }
}
