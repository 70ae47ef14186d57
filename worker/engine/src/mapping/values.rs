//! Value maps: "In Progress" on one side is "open" on the other.

use std::collections::BTreeMap;

use crate::{Side, Value};

/// A map from source values to target values and back.
#[derive(Debug, Clone)]
pub(super) struct ValueMap {
    to_target: BTreeMap<String, Value>,
    to_source: BTreeMap<String, Value>,
}

impl ValueMap {
    /// None without entries. Without `back`, `values` is turned round where that is unambiguous.
    pub(super) fn compile(
        values: &BTreeMap<String, serde_json::Value>,
        back: &BTreeMap<String, serde_json::Value>,
    ) -> Option<ValueMap> {
        if values.is_empty() && back.is_empty() {
            return None;
        }
        let read = |map: &BTreeMap<String, serde_json::Value>| -> BTreeMap<String, Value> {
            map.iter().map(|(name, value)| (name.clone(), Value::from_json(value))).collect()
        };
        let to_target = if values.is_empty() { turn_round(&read(back)) } else { read(values) };
        let to_source = if back.is_empty() { turn_round(&to_target) } else { read(back) };
        Some(ValueMap { to_target, to_source })
    }

    /// The counterpart of a value, if it is named.
    pub(super) fn carry(&self, from: Side, value: &Value) -> Option<Value> {
        let map = if from == Side::Source { &self.to_target } else { &self.to_source };
        map.get(&name_of(value)).cloned()
    }
}

/// Entries whose value no other entry shares, reversed.
fn turn_round(map: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in map.values() {
        *counts.entry(name_of(value)).or_default() += 1;
    }
    map.iter()
        .filter(|(_, value)| counts.get(&name_of(value)) == Some(&1))
        .map(|(name, value)| (name_of(value), Value::text(name)))
        .collect()
}

/// How a value is written as a key of the map.
fn name_of(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.to_json().to_string(),
    }
}
