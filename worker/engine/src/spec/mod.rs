//! The document of a sync as people write it; `apply`, `validate` and `plan` read it.

mod check;
mod full_read;
pub mod keys;
mod length;
mod names;
mod shape;
mod statuses;
mod timetable;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::{Finding, Severity};
pub use full_read::FullRead;
pub use names::{
    Category, DeletePolicy, Direction, FieldType, MissedTicks, Priority, StatusMatching, Strategy,
};
pub use shape::{check_document, check_keys, unknown_keys};
pub use statuses::{Names, StatusNames};

/// Two places to keep in sync, and how.
///
/// Unknown keys are ignored, so that an older version can run what a newer one has stored. [`check_document`] refuses
/// them in documents that people submit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncSpec {
    /// Unique within its project; letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The project it belongs to.
    #[serde(default = "default_project")]
    pub project: String,
    pub source_platform: String,
    /// The place on that platform; the keys depend on the platform.
    pub source: serde_json::Map<String, serde_json::Value>,
    pub target_platform: String,
    /// The place on that platform; the keys depend on the platform.
    pub target: serde_json::Map<String, serde_json::Value>,
    /// The kind of items: issue, task, record ...
    #[serde(default = "default_entity_type")]
    pub entity_type: String,
    /// The direction of changes.
    #[serde(default = "default_direction")]
    pub direction: Direction,
    /// How conflicts are resolved, unless a field has its own strategy.
    #[serde(default = "default_strategy")]
    pub conflict_strategy: Strategy,
    /// How often a side that can be read from a cursor is read whole. Default: as the capabilities of its place say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_read: Option<FullRead>,
    /// Items planned, written and recorded together. Default: 50, or more if a place rewrites itself as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u32>,
    /// Seconds between scheduled runs; 0 for none.
    #[serde(default = "default_interval", deserialize_with = "length::whole")]
    pub sync_interval: u64,
    /// A cron expression, or `every_15_minutes`, `every 90 seconds`; replaces `sync_interval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The IANA time zone of `schedule` and `run_window`; UTC without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// When scheduled runs may begin: `Mon-Fri 06:00-22:00`. Default: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_window: Option<String>,
    /// How to handle ticks that passed while no worker ran.
    #[serde(default = "default_missed", skip_serializing_if = "is_default_missed")]
    pub missed_ticks: MissedTicks,
    /// The priority of this sync's jobs.
    #[serde(default = "default_priority")]
    pub priority: Priority,
    /// Also create items on the source that exist only on the target.
    #[serde(default)]
    pub two_way_create: bool,
    /// Record each change with the value before and after.
    #[serde(default = "default_true")]
    pub enable_audit: bool,
    /// How often a failed run is retried.
    #[serde(default = "default_retries")]
    pub max_retries: u32,
    /// Seconds before the first retry; doubled each time, with jitter.
    #[serde(default = "default_retry_delay", deserialize_with = "length::fractional")]
    pub retry_delay: f64,
    /// What happens to the counterpart of a deleted item.
    #[serde(default = "default_delete_policy")]
    pub delete_policy: DeletePolicy,
    /// More planned deletes than this hold the run.
    #[serde(default)]
    pub delete_guard: DeleteGuard,
    /// Source fields by which items already on both sides are paired. Default: a mapped key field.
    #[serde(default)]
    pub match_on: Vec<String>,
    /// The fields of the source and their counterparts on the target.
    pub field_mappings: Vec<FieldSpec>,
    /// False: the sync has no scheduled runs.
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
    /// The type as which the source's values are parsed.
    #[serde(default = "default_type")]
    pub source_type: FieldType,
    /// The type as which the target's values are parsed.
    #[serde(default = "default_type")]
    pub target_type: FieldType,
    /// False: this field goes from source to target only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bidirectional: Option<bool>,
    /// The direction of this field, if the sync's direction allows both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// An item without a value here is not written.
    #[serde(default)]
    pub required: bool,
    /// Written if the other side has no value; with `values`, one of the target's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<serde_json::Value>,
    /// Source value to target value; a value without an entry stays untouched.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, serde_json::Value>,
    /// Target value to source value, if `values` cannot be inverted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub back: BTreeMap<String, serde_json::Value>,
    /// Of a status: the source's names by category, the preferred ones first. Others of its platform are known as well.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source_statuses: StatusNames,
    /// Of a status: the target's names by category.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub target_statuses: StatusNames,
    /// How to handle a status of no known category.
    #[serde(default = "default_matching", skip_serializing_if = "is_default_matching")]
    pub status_matching: StatusMatching,
    /// A named transform, from source to target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// How conflicts in this field are resolved.
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
    /// The batch size of a document that has none.
    pub const DEFAULT_BATCH_SIZE: u32 = 50;

    /// True if changes may be written to this side at all.
    pub fn writes(&self, side: crate::Side) -> bool {
        self.direction.writes(side)
    }

    /// True if items found only on the other side are created on this one.
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
fn default_matching() -> StatusMatching {
    StatusMatching::Strict
}
fn is_default_matching(matching: &StatusMatching) -> bool {
    *matching == default_matching()
}
fn default_share() -> f64 {
    0.1
}
fn default_count() -> u64 {
    20
}
