//! What a place has seen while it is open, above all markers. Nothing of it outlives the run.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};

/// Issues kept at most: some 20 MB.
const MOST: usize = 200_000;

#[derive(Default)]
pub(super) struct Memo(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Of the issues read: none if there was none.
    markers: HashMap<u64, Option<String>>,
    numbers: HashMap<String, u64>,
    /// Of every issue older than this the marker is known.
    whole: Option<DateTime<Utc>>,
    /// A marker did not find room.
    full: bool,
    /// Issues have no fields of an organisation here.
    no_fields: bool,
}

impl Memo {
    /// Notes the marker that an issue has. One that was seen before stays known: if a person has removed it, it is
    /// written again with the next change of the body.
    pub(super) fn note(&self, number: u64, marker: Option<&str>) {
        let mut seen = self.seen();
        if seen.markers.len() >= MOST && !seen.markers.contains_key(&number) {
            seen.full = true;
            return;
        }
        let known = seen.markers.entry(number).or_default();
        let Some(marker) = marker else { return };
        *known = Some(marker.to_owned());
        // Of two issues with one marker the older is ours: a person copied its text into the younger.
        seen.numbers
            .entry(marker.to_owned())
            .and_modify(|known| *known = number.min(*known))
            .or_insert(number);
    }

    /// Notes that a listing which began then has read every issue.
    pub(super) fn note_whole(&self, began: DateTime<Utc>) {
        self.seen().whole = Some(began);
    }

    /// The marker of an issue that was read; none if it was not read.
    pub(super) fn marker(&self, number: u64) -> Option<Option<String>> {
        self.seen().markers.get(&number).cloned()
    }

    pub(super) fn number(&self, marker: &str) -> Option<u64> {
        self.seen().numbers.get(marker).copied()
    }

    /// Issues older than this need not be read again to find a marker.
    pub(super) fn whole(&self) -> Option<DateTime<Utc>> {
        let seen = self.seen();
        seen.whole.filter(|_| !seen.full)
    }

    pub(super) fn has_no_fields(&self) -> bool {
        self.seen().no_fields
    }

    pub(super) fn note_no_fields(&self) {
        self.seen().no_fields = true;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_stays_known_after_it_was_removed() {
        let memo = Memo::default();
        memo.note(7, Some("sl-a"));
        memo.note(7, None);
        assert_eq!((memo.marker(7), memo.number("sl-a")), (Some(Some("sl-a".to_owned())), Some(7)));
        memo.note(8, None);
        assert_eq!((memo.marker(8), memo.marker(9)), (Some(None), None));
        memo.note(9, Some("sl-a"));
        assert_eq!(memo.number("sl-a"), Some(7), "the copy is younger");
    }
}
