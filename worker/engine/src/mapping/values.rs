//! Value maps: "In Progress" on one side is "open" on the other.

use std::collections::BTreeMap;

use crate::{Side, Value};

#[derive(Debug, Clone)]
pub(super) struct ValueMap {
    to_target: BTreeMap<String, Value>,
    to_source: BTreeMap<String, Value>,
}

impl ValueMap {
    /// None without entries. Without `back`, `values` is inverted where that is unambiguous.
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

    /// The key of the document with the entries for values of a side.
    pub(super) fn key(from: Side) -> &'static str {
        if from == Side::Source { "values" } else { "back" }
    }

    /// True if an entry for the other side's values has this side's value.
    pub(super) fn leads_to(&self, side: Side, value: &str) -> bool {
        let map = if side == Side::Source { &self.to_source } else { &self.to_target };
        map.values().any(|known| known.name() == value)
    }

    /// The counterpart of a value, if the map has an entry for it.
    pub(super) fn carry(&self, from: Side, value: &Value) -> Option<Value> {
        let map = if from == Side::Source { &self.to_target } else { &self.to_source };
        map.get(&value.name()).cloned()
    }
}

/// The inverse of the map, without values that several entries share.
fn turn_round(map: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in map.values() {
        *counts.entry(value.name()).or_default() += 1;
    }
    map.iter()
        .filter(|(_, value)| counts.get(&value.name()) == Some(&1))
        .map(|(name, value)| (value.name(), Value::text(name)))
        .collect()
}
