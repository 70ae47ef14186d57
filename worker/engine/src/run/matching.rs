//! Pairs items that already exist on both sides and have no link yet.

use std::collections::HashMap;

use crate::{
    Item, Side, Value,
    hash::{Hash, canonical_json},
    mapping::{Mapping, Rule},
    plan::fields::canonical_key,
    ports::Place,
    side::Pair,
    spec::SyncSpec,
    value::Fields,
};

/// An item without a counterpart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unpaired {
    pub(super) id: String,
    /// A link that already waits for its counterpart.
    pub(super) link: Option<i64>,
    /// The link must be processed even without a counterpart.
    pub(super) due: bool,
    /// The hash of the fields it is matched by; none if one of them is empty.
    pub(super) key: Option<Hash>,
    /// Approximate size in bytes.
    pub(super) weight: usize,
    /// The hash of all mapped fields; only after a restore.
    pub(super) content: Option<Hash>,
}

/// The fields that pair items.
pub(super) struct Matcher<'a> {
    rules: Vec<&'a Rule>,
    places: Pair<&'a dyn Place>,
    /// Also matches by all fields, so that a restored database finds its pairs again.
    alike: Option<&'a Mapping>,
}

#[derive(Debug, Default)]
pub(super) struct Matched {
    /// Pairs of one item on each side.
    pub(super) pairs: Vec<(Unpaired, Unpaired)>,
    /// Items without a partner.
    pub(super) singles: Pair<Vec<Unpaired>>,
    /// Items that share their key with several others; they are left alone.
    pub(super) ambiguous: Vec<(Vec<String>, Vec<String>)>,
}

impl<'a> Matcher<'a> {
    /// Matches by `match_on`; without it by a mapped key field; without that nothing is paired.
    pub(super) fn new(spec: &SyncSpec, mapping: &'a Mapping, places: Pair<&'a dyn Place>) -> Matcher<'a> {
        let is_key = |rule: &Rule, side: Side| {
            places.get(side).capabilities().key_field.as_ref() == Some(rule.field.get(side))
        };
        let named = |rule: &&Rule| spec.match_on.contains(&rule.field.source);
        let by_key = |rule: &&Rule| is_key(rule, Side::Source) || is_key(rule, Side::Target);
        let rules = if spec.match_on.is_empty() {
            // The target's key alone is enough, and better than two fields that must both match.
            let keys: Vec<&Rule> = mapping.rules.iter().filter(by_key).collect();
            keys.into_iter().take(1).collect()
        } else {
            mapping.rules.iter().filter(named).collect()
        };
        Matcher { rules, places, alike: None }
    }

    /// Also hashes all fields of an item.
    pub(super) fn by_content(self, mapping: &'a Mapping) -> Matcher<'a> {
        Matcher { alike: Some(mapping), ..self }
    }

    /// True if items are matched at all.
    pub(super) fn matches(&self) -> bool {
        !self.rules.is_empty()
    }

    /// True if items are matched by a field that holds statuses.
    pub(super) fn has_statuses(&self) -> bool {
        self.rules.iter().any(|rule| rule.has_statuses())
    }

    /// The hash of an item's match fields, in the target's terms.
    pub(super) fn key(&self, side: Side, typed: &Fields) -> Option<Hash> {
        if self.rules.is_empty() {
            return None;
        }
        let mut text = String::new();
        for rule in &self.rules {
            // An empty field matches nothing, even if the mapping has a default for it.
            let value = typed.get(rule.field.get(side)).filter(|value| !value.is_blank())?;
            let value = match side {
                Side::Source => rule.carry(Side::Source, value).ok()?,
                Side::Target => value.clone(),
            };
            if value.is_blank() {
                return None;
            }
            text.push_str(&match canonical_key(self.places, rule, &value) {
                Some(key) => key,
                None => canonical_json(&value),
            });
            text.push('\n');
        }
        Some(Hash::of_bytes(text.as_bytes()))
    }

    /// The values of an item's match fields in the terms of each side; none if one of them cannot be carried over.
    pub(super) fn values(&self, side: Side, typed: &Fields) -> Option<Pair<Fields>> {
        let mut values: Pair<Fields> = Pair::default();
        for rule in &self.rules {
            let value = typed.get(rule.field.get(side))?;
            let carried = rule.carry(side, value).ok()?;
            let other = side.other();
            values.get_mut(side).insert(rule.field.get(side).clone(), value.clone());
            values.get_mut(other).insert(rule.field.get(other).clone(), carried);
        }
        Some(values)
    }

    pub(super) fn unpaired(
        &self,
        side: Side,
        item: &Item,
        typed: &Fields,
        link: Option<i64>,
        due: bool,
    ) -> Unpaired {
        let content = self.alike.and_then(|mapping| content(mapping, side, typed));
        Unpaired {
            id: item.id.clone(),
            link,
            due,
            key: self.key(side, typed),
            weight: item.weight(),
            content,
        }
    }
}

/// The hash of all mapped fields of an item, each in the terms of the side that it flows to; none if one of them cannot
/// be carried over. Items with the same content are the same as far as the sync can tell.
fn content(mapping: &Mapping, side: Side, typed: &Fields) -> Option<Hash> {
    let mut text = String::new();
    for rule in &mapping.rules {
        let value = typed.get(rule.field.get(side)).unwrap_or(&Value::Null);
        let to = if rule.flow.writes(Side::Target) { Side::Target } else { Side::Source };
        let value = if side == to { value.clone() } else { rule.carry(side, value).ok()? };
        // Many platforms trim white space around text or change its line ends.
        let value = match value {
            Value::Text(text) => Value::Text(text.split_whitespace().collect::<Vec<_>>().join(" ")),
            value => value,
        };
        text.push_str(&if value.is_blank() { "null".to_owned() } else { canonical_json(&value) });
        text.push('\n');
    }
    Some(Hash::of_bytes(text.as_bytes()))
}

/// Pairs items that have exactly one possible partner.
pub(super) fn pair(unpaired: Pair<Vec<Unpaired>>) -> Matched {
    let mut matched = Matched::default();
    let mut targets: HashMap<Hash, Vec<Unpaired>> = HashMap::new();
    for target in unpaired.target {
        match target.key {
            Some(key) => targets.entry(key).or_default().push(target),
            None => matched.singles.target.push(target),
        }
    }
    if targets.is_empty() {
        matched.singles.source = unpaired.source;
        return matched;
    }
    let mut groups: Vec<(Vec<Unpaired>, Vec<Unpaired>)> = Vec::new();
    let mut group_of: HashMap<Hash, usize> = HashMap::new();
    for source in unpaired.source {
        let Some(key) = source.key else {
            matched.singles.source.push(source);
            continue;
        };
        if let Some(group) = group_of.get(&key).and_then(|group| groups.get_mut(*group)) {
            group.0.push(source);
        } else if let Some(partners) = targets.remove(&key) {
            group_of.insert(key, groups.len());
            groups.push((vec![source], partners));
        } else {
            matched.singles.source.push(source);
        }
    }
    // Two links that each wait for a counterpart cannot become one.
    let both_linked = |a: &Unpaired, b: &Unpaired| a.link.is_some() && b.link.is_some();
    for (mut sources, mut partners) in groups {
        match (sources.pop(), partners.pop()) {
            (Some(source), Some(target))
                if sources.is_empty() && partners.is_empty() && !both_linked(&source, &target) =>
            {
                matched.pairs.push((source, target));
            }
            (source, target) => {
                let ids = |rest: Vec<Unpaired>, last: Option<Unpaired>| {
                    rest.into_iter().chain(last).map(|item| item.id).collect()
                };
                matched.ambiguous.push((ids(sources, source), ids(partners, target)));
            }
        }
    }
    matched.singles.target.extend(targets.into_values().flatten());
    // The hash map has no stable order, and a plan must be deterministic.
    matched.singles.target.sort_by(|a, b| a.id.cmp(&b.id));
    matched
}
