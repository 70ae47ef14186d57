//! A sync as people write it: the document that `apply`, `validate` and `plan` read.

mod check;
pub mod keys;
mod length;
mod names;
mod shape;
mod timetable;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::{Finding, Severity};
pub use names::{DeletePolicy, Direction, FieldType, MissedTicks, Priority, Strategy};
pub use shape::{check_document, check_keys, unknown_keys};

/// A configured pair of places to keep in step.
///
/// Unknown keys are ignored, so that an older version runs what a newer one has stored. [`check_document`] refuses them
/// where people hand a document in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncSpec {
    /// Unique within its project; letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The project it belongs to.
    #[serde(default = "default_project")]
    pub project: String,
    /// The platform of the source.
    pub source_platform: String,
    /// Where on that platform; its keys depend on the platform.
    pub source: serde_json::Map<String, serde_json::Value>,
    /// The platform of the target.
    pub target_platform: String,
    /// Where on that platform.
    pub target: serde_json::Map<String, serde_json::Value>,
    /// What kind of items: issue, task, record ...
    #[serde(default = "default_entity_type")]
    pub entity_type: String,
    /// Which way changes go.
    #[serde(default = "default_direction")]
    pub direction: Direction,
    /// How conflicts are settled, unless a field says otherwise.
    #[serde(default = "default_strategy")]
    pub conflict_strategy: Strategy,
    /// Items planned, written and recorded together. Without it 50, or more where a place rewrites itself whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// Seconds from one scheduled run to the next; 0 for none.
    #[serde(default = "default_interval", deserialize_with = "length::whole")]
    pub sync_interval: u64,
    /// A cron expression, or `every_15_minutes`, `every 90 seconds`; replaces `sync_interval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The IANA time zone of `schedule` and `run_window`; UTC without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// When scheduled runs may begin: `Mon-Fri 06:00-22:00`. Always, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_window: Option<String>,
    /// What becomes of ticks that passed while no worker was there.
    #[serde(default = "default_missed", skip_serializing_if = "is_default_missed")]
    pub missed_ticks: MissedTicks,
    /// The class of this sync's jobs.
    #[serde(default = "default_priority")]
    pub priority: Priority,
    /// Items found only on the target are created on the source too.
    #[serde(default)]
    pub two_way_create: bool,
    /// Record each change with the value before and after.
    #[serde(default = "default_true")]
    pub enable_audit: bool,
    /// How often a failed run is tried again.
    #[serde(default = "default_retries")]
    pub max_retries: u32,
    /// Seconds before the first retry; doubled each time, with jitter.
    #[serde(default = "default_retry_delay", deserialize_with = "length::fractional")]
    pub retry_delay: f64,
    /// What a deleted item means for its counterpart.
    #[serde(default = "default_delete_policy")]
    pub delete_policy: DeletePolicy,
    /// More planned deletes than this hold the run.
    #[serde(default)]
    pub delete_guard: DeleteGuard,
    /// Source fields by which items already on both sides are paired. Without any, a mapped key field is used.
    #[serde(default)]
    pub match_on: Vec<String>,
    /// Which field of the source is which field of the target.
    pub field_mappings: Vec<FieldSpec>,
    /// Scheduled runs happen.
    #[serde(default = "default_true")]
    pub enabled: bool,
}

/// One field of the source and its counterpart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldSpec {
    /// The source's name of the field.
    pub source_field: String,
    /// The target's name of the field.
    pub target_field: String,
    /// How the source's values are read.
    #[serde(default = "default_type")]
    pub source_type: FieldType,
    /// How the target's values are read.
    #[serde(default = "default_type")]
    pub target_type: FieldType,
    /// False: this field goes from source to target only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bidirectional: Option<bool>,
    /// Which way this field goes, where the sync's direction allows both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// An item without a value here is not written.
    #[serde(default)]
    pub required: bool,
    /// Written where the other side has no value; with `values`, one of the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<serde_json::Value>,
    /// Source value to target value; a value not named stays untouched.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, serde_json::Value>,
    /// Target value to source value, where `values` cannot be turned round.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub back: BTreeMap<String, serde_json::Value>,
    /// A named transform, from source to target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// How conflicts in this field are settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict_strategy: Option<Strategy>,
}

/// A run about to delete more than this is held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeleteGuard {
    /// Share of the sync's links, 0 to 1.
    #[serde(default = "default_share")]
    pub max_share: f64,
    /// Number of items.
    #[serde(default = "default_count")]
    pub max_count: u64,
}

impl Default for DeleteGuard {
    fn default() -> Self {
        Self { max_share: default_share(), max_count: default_count() }
    }
}

impl SyncSpec {
    /// The batch size where a document names none.
    pub const DEFAULT_BATCH_SIZE: u32 = 50;

    /// Whether changes may be written to this side at all.
    pub fn writes(&self, side: crate::Side) -> bool {
        self.direction.writes(side)
    }

    /// Whether items found only on the other side are created on this one.
    pub fn creates_on(&self, side: crate::Side) -> bool {
        match self.direction {
            Direction::Bidirectional => side == crate::Side::Target || self.two_way_create,
            one_way => one_way.writes(side),
        }
    }
}

fn default_project() -> String {
    "default".to_owned()
}
fn default_entity_type() -> String {
    "record".to_owned()
}
fn default_direction() -> Direction {
    Direction::Bidirectional
}
fn default_strategy() -> Strategy {
    Strategy::LastWriteWins
}
fn default_interval() -> u64 {
    300
}
fn default_missed() -> MissedTicks {
    MissedTicks::Once
}
fn is_default_missed(policy: &MissedTicks) -> bool {
    *policy == default_missed()
}
fn default_priority() -> Priority {
    Priority::Normal
}
fn default_true() -> bool {
    true
}
fn default_retries() -> u32 {
    3
}
fn default_retry_delay() -> f64 {
    1.0
}
fn default_delete_policy() -> DeletePolicy {
    DeletePolicy::Ignore
}
fn default_type() -> FieldType {
    FieldType::String
}
fn default_share() -> f64 {
    0.1
}
fn default_count() -> u64 {
    20
}
