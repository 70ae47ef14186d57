//! The keys of a document: the allowed values and the meaning of each. Input is checked against these tables, and the
//! JSON Schema is generated from them.

use super::names::{DeletePolicy, Direction, FieldType, MissedTicks, Priority, StatusMatching, Strategy};

/// A key of a mapping.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub form: Form,
    pub need: Need,
    /// The description for people.
    pub about: &'static str,
}

/// Whether a key is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    /// May be left out, and null means the same.
    Optional,
    /// May be left out; the default is written as JSON.
    Default(&'static str),
}

/// The allowed values of a key.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    Text,
    Character,
    /// Text, or `{ env: NAME }` for a secret in an environment variable.
    TextOrEnv,
    Flag,
    /// A whole number between these bounds.
    Whole(u64, u64),
    /// A number between these bounds.
    Number(f64, f64),
    /// Seconds as a number, or a length such as `5m` or `1h`.
    Length,
    /// A [`FullRead`](super::FullRead).
    FullRead,
    /// One of these names; each list is a name and its aliases.
    Names(&'static [&'static [&'static str]]),
    Platform,
    /// The place on the platform of this side; its keys depend on the platform.
    Scope,
    TextList,
    /// A mapping with these keys.
    Keys(&'static [Key]),
    /// A list of mappings with these keys.
    KeysList(&'static [Key]),
    /// A mapping from names to scalar values.
    ValueMap,
    /// A mapping from categories of statuses to a name or a list of names.
    Statuses,
    Any,
}

impl Key {
    pub const fn required(name: &'static str, form: Form, about: &'static str) -> Key {
        Key { name, form, need: Need::Required, about }
    }

    pub const fn optional(name: &'static str, form: Form, about: &'static str) -> Key {
        Key { name, form, need: Need::Optional, about }
    }

    /// A key with a default, given as JSON.
    pub const fn default(name: &'static str, form: Form, json: &'static str, about: &'static str) -> Key {
        Key { name, form, need: Need::Default(json), about }
    }
}

/// The keys of a document.
#[rustfmt::skip]
pub const SYNC: &[Key] = &[
    Key::required("name", Form::Text, "Name of the sync, unique within its project: letters, digits, '-', '_' and '.'."),
    Key::default("project", Form::Text, "\"default\"", "The project it belongs to."),
    Key::required("source_platform", Form::Platform, "The platform of the source."),
    Key::required("source", Form::Scope, "Where on the source's platform."),
    Key::required("target_platform", Form::Platform, "The platform of the target."),
    Key::required("target", Form::Scope, "Where on the target's platform."),
    Key::default("entity_type", Form::Text, "\"record\"", "The kind of items: issue, task, record ..."),
    Key::default("direction", Form::Names(Direction::NAMES), "\"bidirectional\"", "Which way changes go."),
    Key::default("conflict_strategy", Form::Names(Strategy::NAMES), "\"last_write_wins\"", "How conflicts are resolved, unless a field says otherwise."),
    Key::optional("batch_size", Form::Whole(1, 10_000), "Items planned, written and recorded together. Without it 50, or more where a place rewrites itself whole."),
    Key::default("sync_interval", Form::Length, "300", "From one scheduled run to the next: seconds, or a length such as 5m or 1h. 0 for none."),
    Key::optional("full_read", Form::FullRead, "How often a side that can be read from a cursor is read whole, which alone shows every delete: always (in each run), daily, weekly, or a length such as 6h. Without it hourly and in each run that somebody asks for; daily where the place is a remote platform."),
    Key::optional("schedule", Form::Text, "A cron expression, every_15_minutes or `every 90 seconds`; replaces sync_interval."),
    Key::optional("timezone", Form::Text, "The IANA time zone of schedule and run_window; UTC without it."),
    Key::optional("run_window", Form::Text, "When scheduled runs may begin, for example `Mon-Fri 06:00-22:00`. Always, without it."),
    Key::default("missed_ticks", Form::Names(MissedTicks::NAMES), "\"once\"", "What becomes of scheduled times that passed while no worker ran."),
    Key::default("priority", Form::Names(Priority::NAMES), "\"normal\"", "The priority of this sync's jobs."),
    Key::default("two_way_create", Form::Flag, "false", "Items found only on the target are created on the source, too."),
    Key::default("enable_audit", Form::Flag, "true", "Record each change with the values before and after."),
    Key::default("max_retries", Form::Whole(0, 100), "3", "How often a failed run is tried again."),
    Key::default("retry_delay", Form::Length, "1.0", "Before the first retry: seconds, or a length such as 30s; doubled each time, with jitter."),
    Key::default("delete_policy", Form::Names(DeletePolicy::NAMES), "\"ignore\"", "What the deletion of an item means for its counterpart."),
    Key::optional("delete_guard", Form::Keys(GUARD), "A run that would delete more than this is held."),
    Key::optional("match_on", Form::TextList, "Source fields by which items that are on both sides already are paired. Without any, a mapped key field."),
    Key::required("field_mappings", Form::KeysList(FIELD), "Which field of the source is which field of the target."),
    Key::default("enabled", Form::Flag, "true", "Whether scheduled runs happen."),
];

/// The keys of one of `field_mappings`.
#[rustfmt::skip]
pub const FIELD: &[Key] = &[
    Key::required("source_field", Form::Text, "The source's name of the field."),
    Key::required("target_field", Form::Text, "The target's name of the field."),
    Key::default("source_type", Form::Names(FieldType::NAMES), "\"string\"", "How the source's values are read and written."),
    Key::default("target_type", Form::Names(FieldType::NAMES), "\"string\"", "How the target's values are read and written."),
    Key::optional("bidirectional", Form::Flag, "false: this field goes from source to target only."),
    Key::optional("direction", Form::Names(Direction::NAMES), "Which way this field goes, where the sync's direction allows both."),
    Key::default("required", Form::Flag, "false", "An item without a value here is not written."),
    Key::optional("default_value", Form::Any, "Written where the other side has no value; with `values`, one of the target's."),
    Key::optional("values", Form::ValueMap, "Source value to target value; a value that is not named stays as it is."),
    Key::optional("back", Form::ValueMap, "Target value to source value, where `values` cannot be turned round."),
    Key::optional("source_statuses", Form::Statuses, "Of a status: the source's names by category (todo, in_progress, in_review, done, cancelled), the preferred one first. They add to those of its platform."),
    Key::optional("target_statuses", Form::Statuses, "Of a status: the target's names by category, the preferred one first. They add to those of its platform."),
    Key::default("status_matching", Form::Names(StatusMatching::NAMES), "\"strict\"", "Of a status: whether one of no known category is an error of its field, or is left alone with a note."),
    Key::optional("transform", Form::Text, "A named transform, from source to target. This version has none."),
    Key::optional("conflict_strategy", Form::Names(Strategy::NAMES), "How conflicts in this field are resolved."),
];

/// The keys of `delete_guard`.
#[rustfmt::skip]
pub const GUARD: &[Key] = &[
    Key::default("max_share", Form::Number(0.0, 1.0), "0.1", "Share of the sync's links, 0 to 1."),
    Key::default("max_count", Form::Whole(0, u64::MAX), "20", "Number of items."),
];
