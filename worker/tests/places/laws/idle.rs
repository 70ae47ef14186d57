//! A sync with nothing to do leaves every byte.

use syncline_engine::{Side, run::Options};

use super::{Checked, Failure, Law, Play, Step};

/// Runs again, with nothing edited.
pub(super) async fn check(play: &mut Play<'_>, first: Step) -> Checked<Step> {
    let step = play.run_from(first.after, Options::default()).await?;
    if let Err(error) = &step.ran.outcome {
        return Err(Failure::Broken(Law::Reads, format!("the second run failed: {error}")));
    }
    for side in Side::BOTH {
        unchanged(&step, side, Law::Idle)?;
    }
    play.applied.note(Law::Idle, 1);
    Ok(step)
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
