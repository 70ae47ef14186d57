//! What goes wrong with a place, and what it hides.

use std::sync::Mutex;

use syncline_engine::{ports::WriteOp, value::Fields};

use super::{FakePlace, Meddling};
use crate::support::{Fault, Shown};

impl FakePlace {
    pub(crate) fn refuse(&self, refusal: impl Fn(&WriteOp) -> bool + Send + Sync + 'static) {
        *self.refusal.lock().unwrap() = Some(Box::new(refusal));
    }

    pub(crate) fn refuse_nothing(&self) {
        *self.refusal.lock().unwrap() = None;
    }

    /// Runs this edit just before the next write.
    pub(crate) fn meddle(&self, meddling: impl FnOnce(&FakePlace) + Send + 'static) {
        *self.meddling.lock().unwrap() = Some(Box::new(meddling));
    }

    /// Runs this edit once the next intents are committed.
    pub(crate) fn meddle_at_intent(&self, meddling: impl FnOnce(&FakePlace) + Send + 'static) {
        *self.meddling_at_intent.lock().unwrap() = Some(Box::new(meddling));
    }

    /// Runs the pending edits now, if no call has run them.
    pub(crate) fn meddle_now(&self) {
        self.run_edit(&self.meddling);
        self.run_edit(&self.meddling_at_intent);
    }

    pub(crate) fn is_about_to_be_edited(&self) -> bool {
        self.meddling_at_intent.lock().unwrap().is_some()
    }

    pub(crate) fn edit_at_intent(&self) {
        self.run_edit(&self.meddling_at_intent);
    }

    pub(super) fn run_edit(&self, pending: &Mutex<Option<Meddling>>) {
        let meddling = pending.lock().unwrap().take();
        if let Some(meddling) = meddling {
            meddling(self);
        }
    }

    /// The faults of the next write calls.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.rows().faults = faults.into_iter().collect();
    }

    /// Shows an item otherwise; `None` shows it as usual.
    pub(crate) fn show(&self, id: &str, shown: Option<Shown>) {
        let mut rows = self.rows();
        match shown {
            Some(shown) => rows.shown.insert(id.to_owned(), shown),
            None => rows.shown.remove(id),
        };
    }

    /// True if it hides an item from the account.
    pub(crate) fn hides(&self) -> bool {
        self.rows().shown.values().any(|shown| *shown == Shown::Hidden)
    }

    /// Creates that were answered with a hidden item.
    pub(crate) fn answered_with_hidden(&self) -> usize {
        self.rows().answered_with_hidden
    }

    /// Shows every item as usual.
    pub(crate) fn show_all(&self) {
        self.rows().shown.clear();
    }

    /// The item gets another id, as an issue that is transferred and comes back.
    pub(crate) fn renumber(&self, id: &str) -> String {
        let fields = self.get(id).unwrap();
        let now = self.new_id(&Fields::new(), None);
        let marker = self.rows().items.get(id).and_then(|row| row.marker.clone());
        self.rows().items.remove(id);
        self.put(&now, fields, marker);
        self.merge_into(id, &now);
        now
    }

    /// True if an item had another id before this one.
    pub(crate) fn is_renumbered(&self, id: &str) -> bool {
        self.rows().moved.values().any(|now| now == id)
    }

    /// The item is one with another item from now on.
    pub(crate) fn merge_into(&self, id: &str, now: &str) {
        let mut rows = self.rows();
        rows.items.remove(id);
        rows.shown.remove(id);
        rows.moved.insert(id.to_owned(), now.to_owned());
    }

    /// A dead token is renewed.
    pub(crate) fn renew_token(&self) {
        let mut rows = self.rows();
        rows.reader = rows.reader.map(|_| Some("us"));
    }

    /// Another account reads it; none is a dead token that shows an empty place.
    pub(crate) fn read_as(&self, reader: Option<&'static str>) {
        self.rows().reader = Some(reader);
    }

    /// Who reads it, if anything was said about that.
    pub(crate) fn read_by(&self) -> Option<Option<&'static str>> {
        self.rows().reader
    }

    /// True if some runs see changes only, or a part.
    pub(crate) fn is_read_in_parts(&self) -> bool {
        self.manners.incremental || self.manners.pages_per_run.is_some()
    }

    /// Reads by id fail for these items alone.
    pub(crate) fn poison(&self, ids: impl IntoIterator<Item = String>) {
        self.rows().poisoned = ids.into_iter().collect();
    }

    /// Listings are incomplete.
    pub(crate) fn incomplete(&self, incomplete: bool) {
        self.rows().incomplete = incomplete;
    }
}
