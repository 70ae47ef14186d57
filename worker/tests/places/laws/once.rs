//! A row is never created twice.

use std::collections::BTreeSet;

use syncline_engine::{Side, side::Pair as Both};

use super::{Checked, Failure, Law, Play, Step};
use crate::snapshot::Snapshot;

/// Every row has a tag of its own, which crosses with it: no side has one twice.
pub(super) fn check(play: &Play<'_>, places: &Both<Snapshot>) -> Checked<()> {
    for side in Side::BOTH {
        let mut seen = BTreeSet::new();
        for row in &places.get(side).rows {
            if !seen.insert(&row.tag) {
                let what = format!("the {side} has the row {:?} twice, once under {:?}", row.tag, row.key);
                return Err(Failure::Broken(Law::Once, what));
            }
        }
    }
    let _ = play;
    Ok(())
}

/// Counts the rows that a run has created.
pub(super) fn count(play: &mut Play<'_>, step: &Step) {
    let rows = |places: &Both<Snapshot>| places.source.rows.len() + places.target.rows.len();
    let created = rows(&step.after).saturating_sub(rows(&step.before));
    play.applied.note(Law::Once, created);
}
