//! A sync with nothing to do leaves every byte.

use std::collections::BTreeSet;

use syncline_engine::{Side, run::Options, spec::Strategy};
use syncline_entity::sync_metadata::Model as Link;

use super::{Checked, Failure, Law, Play, Step};
use crate::{frame, pair::Role};

/// Runs again, with nothing edited.
pub(super) async fn check(play: &mut Play<'_>, first: Step) -> Checked<Step> {
    let failed: Vec<Link> = first.ran.links.into_iter().filter(|link| link.last_error.is_some()).collect();
    let step = play.run_from(first.after, Options::default()).await?;
    if let Err(error) = &step.ran.outcome {
        return Err(Failure::Broken(Law::Reads, format!("the second run failed: {error}")));
    }
    for side in Side::BOTH {
        if step.before.get(side) != step.after.get(side) && may_turn(play, &step, &failed, side) {
            play.hold_frame(&step, Law::Idle)?;
            return Ok(step);
        }
        unchanged(&step, side, Law::Idle)?;
    }
    play.applied.note(Law::Idle, 1);
    Ok(step)
}

/// Gap of the product: where the later side's value was refused and other fields were written, the time of that write makes
/// the other side the later one, and the conflict goes the other way. Nothing but such rows may be written.
fn may_turn(play: &Play<'_>, step: &Step, failed: &[Link], side: Side) -> bool {
    let has_time = |side: Side| play.pair.layouts.get(side).position(Role::Modified).is_some();
    let id =
        |link: &Link| if side == Side::Source { link.entity_id.clone() } else { link.external_id.clone() };
    let failed: BTreeSet<String> = failed.iter().filter_map(id).collect();
    play.pair.strategy == Strategy::LastWriteWins
        && Side::BOTH.into_iter().any(has_time)
        && frame::written(&step.ran, side).keys().all(|key| failed.contains(key))
}

/// A side is as it was before the run.
pub(super) fn unchanged(step: &Step, side: Side, law: Law) -> Checked<()> {
    let (before, after) = (step.before.get(side), step.after.get(side));
    if before == after {
        return Ok(());
    }
    let differing = before.rows.iter().find(|row| !after.rows.contains(row));
    let now = differing.and_then(|row| after.row(&row.key));
    Err(Failure::Broken(
        law,
        format!("the {side} has changed: {differing:?} is {now:?}; written: {:?}", step.ran.changes),
    ))
}
