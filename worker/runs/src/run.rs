//! Requests for runs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use syncline_engine::{
    Side,
    run::Scope,
    spec::{self, SyncSpec},
};
use syncline_entity::{
    sync_config,
    types::{Priority as StoredPriority, RunKind, SyncMethod},
};
use syncline_queue::Priority;
use uuid::Uuid;

use super::{job::ITEMS, row::queue_priority};

/// The arguments of a run; kept on its row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunArgs {
    /// Read both sides completely.
    #[serde(skip_serializing_if = "is_false")]
    pub full: bool,
    /// Act on absences at once, instead of at their second sighting.
    #[serde(skip_serializing_if = "is_false")]
    pub confirm_deletes: bool,
    /// Allow up to this many deletes, past the delete guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_deletes: Option<u64>,
    /// Allow the deletes of these items and no others; each is named by the id of either item of its link.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_deletes_of: Vec<String>,
    /// Only these links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<i64>>,
    /// Only these items of one side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Items>,
    /// The payload version that a worker must support for this run, if not every worker can execute it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<i32>,
    /// The platforms' events for the item, the oldest first; a waiting run collects later ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Value>,
    /// Arguments of a newer version; kept for it and ignored here.
    #[serde(flatten)]
    pub newer: Map<String, Value>,
}

/// Items of one side, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Items {
    pub side: Side,
    pub ids: Vec<String>,
}

impl RunArgs {
    /// Creates the arguments of a run of some items of one side.
    pub fn of_items(side: Side, ids: Vec<String>) -> RunArgs {
        RunArgs { items: Some(Items { side, ids }), needs: Some(ITEMS), ..RunArgs::default() }
    }

    /// Returns the scope of the run.
    pub fn scope(&self) -> Scope {
        match (&self.links, &self.items) {
            (Some(links), _) => Scope::Links(links.clone()),
            (None, Some(Items { side, ids })) => Scope::Items { side: *side, ids: ids.clone() },
            (None, None) => Scope::All,
        }
    }

    /// True if both sides are read completely, whatever the sync's document says. Consent to deletes requires it: only
    /// a complete reading shows which items are gone.
    pub fn reads_everything(&self) -> bool {
        self.full || self.confirm_deletes || self.allow_deletes.is_some() || !self.allow_deletes_of.is_empty()
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Debug, Clone)]
pub struct NewRun {
    pub project_id: i64,
    pub sync_config_id: i64,
    pub kind: RunKind,
    /// The trigger.
    pub method: SyncMethod,
    pub priority: Priority,
    pub args: RunArgs,
    /// The most attempts before it is dead.
    pub max_attempts: u32,
    /// The delay before the first retry.
    pub retry_base: Duration,
    /// The run that caused it.
    pub parent: Option<Uuid>,
    /// Groups all runs of one cause; the default is the parent, or the run itself.
    pub correlation: Option<Uuid>,
    /// The schedule that fired, and the time of its tick.
    pub tick: Option<(i64, DateTime<Utc>)>,
    /// The earliest start.
    pub not_before: Option<DateTime<Utc>>,
    /// The id, if the caller has chosen one; requests with the same id are one run.
    pub id: Option<Uuid>,
}

/// The job settings in a sync's document; the engine reads the rest.
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
    /// Creates a run with the sync's own settings. Fails if the stored document cannot be read.
    pub fn of(
        config: &sync_config::Model,
        kind: RunKind,
        method: SyncMethod,
    ) -> Result<NewRun, serde_json::Error> {
        let settings = serde_json::from_value(config.config_json.clone())?;
        Ok(Self::with(config, &settings, kind, method))
    }

    /// The same for a caller that has parsed the document.
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

/// The result of accepting a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// The run is stored, and in the queue or on its way there.
    New(Uuid),
    /// An equal run waits already, or this id was accepted before; the id of that run.
    Joined(Uuid),
    /// This tick of the schedule already has a run.
    TickTaken,
}

impl Accepted {
    /// Returns the run that does the work.
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
    fn a_run_with_consent_to_deletes_reads_everything() {
        let usual = RunArgs::default();
        assert!(!usual.reads_everything());
        for args in [
            RunArgs { full: true, ..usual.clone() },
            RunArgs { confirm_deletes: true, ..usual.clone() },
            RunArgs { allow_deletes: Some(0), ..usual.clone() },
            RunArgs { allow_deletes_of: vec!["T-1".to_owned()], ..usual },
        ] {
            assert!(args.reads_everything(), "{args:?}");
        }
    }

    #[test]
    fn arguments_of_a_newer_version_are_kept_and_ignored() {
        let stored = json!({ "full": true, "pace": { "per": "day" } });
        let read: RunArgs = serde_json::from_value(stored.clone()).unwrap();
        assert!(read.full);
        assert_eq!(serde_json::to_value(read).unwrap(), stored);
    }
}
