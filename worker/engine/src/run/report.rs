//! What a run did, in numbers.

use serde::{Deserialize, Serialize};

use super::retry::Refused;
use crate::{
    Side,
    guard::Held,
    plan::{Action, ItemPlan},
    ports::{ConnectorError, ItemStatus, OpKind},
    side::Pair,
};

/// Item errors stored with a run; each link stores its own error as well.
const ERRORS_KEPT: usize = 50;

/// What a run did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    pub counts: Counts,
    /// Items read per side.
    pub read: Pair<u64>,
    /// True if the run read the side completely, so that an absence is evidence.
    pub complete: Pair<bool>,
    /// Links at the start of the run.
    pub links: u64,
    /// The links came from a backup: see [`Options::after_restore`](super::Options::after_restore).
    pub after_restore: bool,
    /// Set if the guard held the run.
    pub held: Option<Held>,
    /// Groups of items that share their match fields; a person must pair them.
    pub ambiguous: u64,
    /// Some of the failed items.
    pub errors: Vec<ItemError>,
    /// Some of the items of which a part was left alone.
    pub notes: Vec<ItemError>,
    /// Items are gone that this run may not act on: it read only some links, or the guard had not counted them. A run of
    /// the whole sync acts on them.
    pub left_for_whole_run: u64,
}

/// The numbers of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Items brought in sync.
    pub synced: u64,
    /// Items that failed; a later run retries them.
    pub failed: u64,
    /// Items left alone by policy.
    pub skipped: u64,
    /// Items absent for the first time; deleted if the next complete listing lacks them too.
    #[serde(default)]
    pub missing: u64,
    /// Links that ended because one or both items are gone.
    #[serde(default)]
    pub ended: u64,
    /// Ended links whose items are both gone.
    #[serde(default)]
    pub both_gone: u64,
    /// Links without changes.
    pub unchanged: u64,
    /// Items of one side that this sync does not create on the other.
    pub unlinked: u64,
    /// Items created on either side.
    pub created: u64,
    /// Items updated, on one side or both.
    pub updated: u64,
    /// Items deleted.
    pub deleted: u64,
    /// Conflicts left for a person.
    pub conflicts: u64,
    /// Conflicts resolved by the strategy.
    pub resolved: u64,
    /// Calls made to the platforms.
    pub api_calls: u64,
}

/// One item that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemError {
    pub item: String,
    pub error: String,
}

impl Counts {
    /// Counts a plan as if it had been carried out.
    pub(super) fn add_planned(&mut self, plan: &ItemPlan) {
        self.add_writes(plan.ops.iter().map(|op| op.kind));
        self.conflicts += plan.open_conflicts() as u64;
        self.resolved += (plan.conflicts.len() - plan.open_conflicts()) as u64;
        self.add_absence(plan);
        match plan.action {
            _ if !plan.problems.is_empty() => self.failed += 1,
            Action::Leave | Action::MarkMissing(_) | Action::LeaveScope(_) => self.skipped += 1,
            _ if plan.open_conflicts() > 0 => {}
            _ => self.synced += 1,
        }
    }

    pub(super) fn add_absence(&mut self, plan: &ItemPlan) {
        match plan.action {
            Action::MarkMissing(_) => self.missing += 1,
            Action::End(_) => {
                self.ended += 1;
                let gone = |side: Side| plan.facts.seen.get(side).item().is_none();
                self.both_gone += u64::from(gone(Side::Source) && gone(Side::Target));
            }
            _ => {}
        }
    }

    /// The writes of one item: it counts once as updated even if both sides were written.
    pub(super) fn add_writes(&mut self, kinds: impl Iterator<Item = OpKind>) {
        let kinds: Vec<OpKind> = kinds.collect();
        let any = |kind: OpKind| u64::from(kinds.contains(&kind));
        self.created += any(OpKind::Create);
        self.updated += any(OpKind::Update);
        self.deleted += any(OpKind::Delete);
    }

    pub(super) fn add_status(&mut self, status: ItemStatus) {
        match status {
            ItemStatus::Completed => self.synced += 1,
            ItemStatus::Failed => self.failed += 1,
            ItemStatus::Skipped => self.skipped += 1,
            // The conflicts count these.
            ItemStatus::Conflict => {}
        }
    }
}

impl Report {
    pub(super) fn add_error(&mut self, item: &str, error: &str) {
        if self.errors.len() < ERRORS_KEPT {
            self.errors.push(ItemError { item: item.to_owned(), error: error.to_owned() });
        }
    }

    /// Adds what was left alone of an item.
    pub(super) fn add_notes(&mut self, plan: &ItemPlan) {
        let room = ERRORS_KEPT.saturating_sub(self.notes.len());
        let note = |note: &String| ItemError { item: plan.label().to_owned(), error: note.clone() };
        self.notes.extend(plan.notes.iter().take(room).map(note));
    }

    /// Adds an item without a link for which nothing is to do, or that could not be read.
    pub(super) fn add_idle(&mut self, plan: &ItemPlan) {
        match plan.problems.is_empty() {
            true => self.counts.skipped += 1,
            false => self.counts.failed += 1,
        }
        plan.problems.iter().for_each(|problem| self.add_error(plan.label(), problem));
    }

    /// Adds the result of an item that was set aside.
    pub(super) fn add_refused(&mut self, refused: &Refused) {
        self.counts.failed += 1;
        self.counts.conflicts += refused.conflicts;
        self.counts.resolved += refused.resolved;
        refused.errors.iter().for_each(|error| self.add_error(&refused.item, error));
    }

    /// Reports an item that could not be read.
    pub(super) fn add_unread(&mut self, id: &str, error: &ConnectorError) {
        self.counts.failed += 1;
        self.add_error(id, &error.to_string());
    }

    /// Reports an id that was approved for a delete, although its item is there.
    pub(super) fn add_not_gone(&mut self, id: &str) {
        self.counts.failed += 1;
        let error = "no delete was approved for it: no linked item of this id is gone; `syncline plan` lists those that are";
        self.add_error(id, error);
    }

    /// Reports that another account than before read a side, and does not see all items.
    pub(super) fn add_other_reader(&mut self, side: Side, unseen: usize) {
        self.counts.failed += 1;
        let error = format!(
            "another account than before reads this side, and does not see {unseen} of the linked items; they do not count \
             as deleted. Give the account access, or accept their absence with --allow-deletes"
        );
        self.add_error(side.as_str(), &error);
    }

    /// Reports items whose new id another link has.
    pub(super) fn add_merged(&mut self, id: &str, now: &str) {
        self.counts.failed += 1;
        self.add_error(
            id,
            &format!(
                "the platform has merged it into {now}, which is linked already; its counterpart is left alone"
            ),
        );
    }

    /// Reports items that share their match fields; a person must pair them.
    pub(super) fn add_ambiguous(&mut self, match_on: &[String], sources: &[String], targets: &[String]) {
        let by = if match_on.is_empty() { "key".to_owned() } else { match_on.join(", ") };
        let error = format!(
            "{} items of the source ({}) and {} of the target ({}) have the same {by}; make it unique, or match on more",
            sources.len(),
            shorten(sources),
            targets.len(),
            shorten(targets),
        );
        self.counts.failed += sources.len() as u64;
        self.ambiguous += 1;
        for source in sources {
            self.add_error(source, &error);
        }
    }
}

fn shorten(ids: &[String]) -> String {
    let mut text = ids.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if ids.len() > 3 {
        text.push_str(", ...");
    }
    text
}
