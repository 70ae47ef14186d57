//! A person's choice as `sync_conflicts` stores it.
//!
//! A side is in `resolution`, as every version of the program knows it. The base and a value are in `choice`, together
//! with a hash of the values that were shown: an older program that meets the conflict with other values leaves the
//! column alone, and the choice must not count for those.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use syncline_engine::{
    Side, Value,
    conflict::Choice,
    hash::{canonical_json, digest},
};
use syncline_entity::{sync_conflict, types};

/// The content of the column. Keys of newer versions are ignored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// As in [`Choice::as_str`].
    take: String,
    /// The person's value, in the source's terms.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    value: Json,
    /// The hash of the values of both sides that were shown.
    seen: String,
    /// Who chose. An older program that meets the conflict again clears `resolved_by`.
    by: String,
}

/// The columns `resolution` and `choice` for a choice that somebody makes now.
pub fn columns(
    conflict: &sync_conflict::Model,
    choice: &Choice,
    by: &str,
) -> Result<(Option<types::Side>, Option<Json>), serde_json::Error> {
    let value = match choice {
        Choice::Source => return Ok((Some(types::Side::Source), None)),
        Choice::Target => return Ok((Some(types::Side::Target), None)),
        Choice::Base => Json::Null,
        Choice::Value(value) => value.to_json(),
    };
    let take = choice.as_str().to_owned();
    let stored = Stored { take, value, seen: seen(conflict), by: by.to_owned() };
    Ok((None, Some(serde_json::to_value(stored)?)))
}

/// What a person chose for a conflict, open or resolved; none if nobody did, if the values have changed since, or if it
/// is a choice that only a newer version knows.
pub fn chosen(conflict: &sync_conflict::Model) -> Option<Choice> {
    match conflict.resolution {
        Some(types::Side::Source) => return Some(Side::Source.into()),
        Some(types::Side::Target) => return Some(Side::Target.into()),
        None => {}
    }
    let stored: Stored = serde_json::from_value(conflict.choice.clone()?).ok()?;
    if !conflict.resolved && stored.seen != seen(conflict) {
        return None;
    }
    match stored.take.as_str() {
        "base" => Some(Choice::Base),
        "value" => Some(Choice::Value(Value::from_json(&stored.value))),
        _ => None,
    }
}

/// The hash of the values that a conflict shows, the same for the same values on both databases.
pub fn seen(conflict: &sync_conflict::Model) -> String {
    let canonical =
        |json: &Option<Json>| canonical_json(&json.as_ref().map_or(Value::Null, Value::from_json));
    let values = [canonical(&conflict.source_data), canonical(&conflict.target_data)];
    digest(values.join("\u{1f}").as_bytes())
}
