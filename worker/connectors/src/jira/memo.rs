//! What a place has seen while it is open. Nothing of it outlives the run.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::{columns, issue::Issue, workflow::Graph};

/// Issues of which the marker is kept at most: some 20 MB.
const MOST_MARKERS: usize = 200_000;
/// Issues of which the present state is kept at most.
const MOST_ISSUES: usize = 20_000;
/// Approximate bytes of all texts that are kept.
const TEXT_BYTES: usize = 32 << 20;
/// Issues just written that searches are asked to show as they are.
const RECENT: usize = 50;

#[derive(Default)]
pub(super) struct Memo(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Ids of issues by their markers.
    markers: HashMap<String, u64>,
    issues: HashMap<String, Known>,
    /// The ids of `issues` with their turns, those read longest ago first. An id may stand here with turns that are over.
    order: VecDeque<(String, u64)>,
    turn: u64,
    text_bytes: usize,
    recent: VecDeque<u64>,
    /// Of every issue older than this the marker is known.
    whole: Option<DateTime<Utc>>,
    /// A marker did not find room.
    full: bool,
    /// By the ids of an issue type and of a field: the screens do not have it, or Jira does not let it be set.
    not_settable: HashSet<(String, String)>,
    graphs: HashMap<String, Graph>,
}

/// What an issue was when it was last read.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) type_id: Option<String>,
    pub(super) status: Option<(String, String)>,
    /// As Jira stores them; none if they were not read.
    pub(super) labels: Option<Vec<String>>,
    /// When it was last changed by then.
    pub(super) updated: Option<DateTime<Utc>>,
    /// The rich texts by the ids of their fields, null where there is none.
    pub(super) texts: HashMap<String, Json>,
    weight: usize,
    turn: u64,
}

impl Memo {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an issue that was read. `rich` are the ids of its fields with rich text.
    pub(super) fn note<'i>(&self, issue: &Issue, rich: impl Iterator<Item = &'i str>) {
        let texts: HashMap<String, Json> =
            rich.filter_map(|id| Some((id.to_owned(), issue.fields.get(id)?.clone()))).collect();
        let weight = texts.values().map(weight).sum();
        let mut seen = self.seen();
        seen.turn += 1;
        let turn = seen.turn;
        let known = Known {
            type_id: issue.type_id().map(str::to_owned),
            status: issue.status().map(|(id, name)| (id.to_owned(), name.to_owned())),
            labels: issue
                .fields
                .contains_key("labels")
                .then(|| issue.labels().into_iter().map(str::to_owned).collect()),
            updated: columns::instant(issue.field("updated")).map(|instant| instant.at),
            texts,
            weight,
            turn,
        };
        if let (Some(marker), Ok(id)) = (issue.marker(), issue.id.parse()) {
            seen.note_marker(marker, id);
        }
        seen.text_bytes += weight;
        if let Some(old) = seen.issues.insert(issue.id.clone(), known) {
            seen.text_bytes -= old.weight;
        }
        seen.order.push_back((issue.id.clone(), turn));
        seen.make_room();
    }

    /// What an issue was when it was last read in this run.
    pub(super) fn known(&self, id: &str) -> Option<Known> {
        self.seen().issues.get(id).cloned()
    }

    /// Notes the marker of an issue that was just created: the index may be behind.
    pub(super) fn note_marker(&self, marker: &str, id: u64) {
        self.seen().note_marker(marker, id);
    }

    pub(super) fn marked(&self, marker: &str) -> Option<u64> {
        self.seen().markers.get(marker).copied()
    }

    /// Notes an issue that was just written.
    pub(super) fn note_written(&self, id: &str) {
        let Ok(id) = id.parse() else { return };
        let mut seen = self.seen();
        seen.recent.retain(|known| *known != id);
        seen.recent.push_back(id);
        if seen.recent.len() > RECENT {
            seen.recent.pop_front();
        }
    }

    /// The issues that were just written, the latest last.
    pub(super) fn recent(&self) -> Vec<u64> {
        self.seen().recent.iter().copied().collect()
    }

    /// Notes that a listing which began then has read every issue.
    pub(super) fn note_whole(&self, began: DateTime<Utc>) {
        self.seen().whole = Some(began);
    }

    /// Issues older than this need not be read again to find a marker.
    pub(super) fn whole(&self) -> Option<DateTime<Utc>> {
        let seen = self.seen();
        seen.whole.filter(|_| !seen.full)
    }

    /// Notes that a field cannot be set when an issue of this type is created.
    pub(super) fn note_not_settable(&self, type_id: &str, field: &str) {
        self.seen().not_settable.insert((type_id.to_owned(), field.to_owned()));
    }

    pub(super) fn is_not_settable(&self, type_id: &str, field: &str) -> bool {
        self.seen().not_settable.contains(&(type_id.to_owned(), field.to_owned()))
    }

    /// Uses what is known of the workflow of an issue type.
    pub(super) fn graph<T>(&self, type_id: &str, with: impl FnOnce(&mut Graph) -> T) -> T {
        with(self.seen().graphs.entry(type_id.to_owned()).or_default())
    }
}

impl Seen {
    fn note_marker(&mut self, marker: &str, id: u64) {
        if self.markers.len() >= MOST_MARKERS && !self.markers.contains_key(marker) {
            self.full = true;
            return;
        }
        // Of two issues with one marker the older is ours: a person cloned it.
        self.markers.entry(marker.to_owned()).and_modify(|known| *known = id.min(*known)).or_insert(id);
    }

    fn make_room(&mut self) {
        while self.issues.len() > MOST_ISSUES || self.text_bytes > TEXT_BYTES {
            let Some((id, turn)) = self.order.pop_front() else { break };
            // One that was read again since stands behind, too.
            if self.issues.get(&id).is_some_and(|known| known.turn == turn)
                && let Some(old) = self.issues.remove(&id)
            {
                self.text_bytes -= old.weight;
            }
        }
        // Readings of the same issues again and again.
        if self.order.len() > 4 * MOST_ISSUES {
            let Seen { order, issues, .. } = self;
            order.retain(|(id, turn)| issues.get(id).is_some_and(|known| known.turn == *turn));
        }
    }
}

/// Approximate bytes of memory.
fn weight(json: &Json) -> usize {
    const NODE: usize = 64;
    NODE + match json {
        Json::String(text) => text.len(),
        Json::Array(values) => values.iter().map(weight).sum(),
        Json::Object(values) => values.iter().map(|(key, value)| NODE + key.len() + weight(value)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn issue(id: usize, text: &str, marker: Option<&str>) -> Issue {
        let properties = json!({ "syncline": { "marker": marker } });
        serde_json::from_value(json!({
            "id": id.to_string(), "key": format!("P-{id}"), "properties": properties,
            "fields": { "description": text, "labels": ["a"] },
        }))
        .unwrap()
    }

    #[test]
    fn the_oldest_texts_give_way() {
        let memo = Memo::default();
        let long = "x".repeat(1 << 20);
        for id in 0..40 {
            memo.note(&issue(id, &long, None), ["description"].into_iter());
            memo.note(&issue(0, "first", None), ["description"].into_iter());
        }
        assert!(memo.known("1").is_none() && memo.known("39").is_some() && memo.known("0").is_some());
        assert_eq!(memo.known("0").unwrap().texts["description"], "first");
        assert_eq!(memo.known("39").unwrap().labels, Some(vec!["a".to_owned()]));
    }

    #[test]
    fn of_two_issues_with_one_marker_the_older_is_ours() {
        let memo = Memo::default();
        for id in [9, 7, 8] {
            memo.note(&issue(id, "", Some("sl-a")), std::iter::empty());
        }
        assert_eq!((memo.marked("sl-a"), memo.marked("sl-b")), (Some(7), None));
    }

    #[test]
    fn the_latest_writes_are_recent() {
        let memo = Memo::default();
        for id in 0..60 {
            memo.note_written(&id.to_string());
        }
        memo.note_written("30");
        let recent = memo.recent();
        assert_eq!((recent.len(), recent.first(), recent.last()), (50, Some(&10), Some(&30)));
    }
}
