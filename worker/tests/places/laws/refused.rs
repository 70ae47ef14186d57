//! Whatever is refused is named and left alone.

use syncline_engine::{Side, side::Pair as Both};

use super::{Checked, Failure, Law, Play, Step};
use crate::{pair::Role, snapshot::Snapshot};

/// A run that does not begin says why, and has touched nothing.
pub(super) fn whole_run(
    play: &mut Play<'_>,
    error: &str,
    before: &Both<Snapshot>,
    after: &Both<Snapshot>,
) -> Checked<()> {
    if before != after {
        return Err(broken(format!("the run failed and has written: {error}")));
    }
    if !is_named(play, error) {
        return Err(broken(format!("the run failed and names nothing of the places: {error}")));
    }
    play.applied.note(Law::Refused, 1);
    Ok(())
}

/// Every item that failed is named, and every row that is not on the other side has a reason.
pub(super) fn check(play: &mut Play<'_>, step: &Step) -> Checked<()> {
    let Ok(report) = &step.ran.outcome else { return Ok(()) };
    let failed = step.ran.links.iter().filter(|link| link.last_error.is_some());
    let errors: Vec<&str> = failed
        .filter_map(|link| link.last_error.as_deref())
        .chain(report.errors.iter().map(|error| error.error.as_str()))
        .collect();
    for error in &errors {
        if !is_named(play, error) {
            return Err(broken(format!("an item failed, and this names nothing of it: {error}")));
        }
    }
    let asks = step.ran.conflicts.iter().any(|conflict| conflict.conflict_type == "ambiguous_create");
    for side in Side::BOTH.into_iter().filter(|side| play.pair.creates_on(side.other()) && !asks) {
        for row in &step.before.get(side).rows {
            let link = step.ran.links.iter().find(|link| {
                let id = if side == Side::Source { &link.entity_id } else { &link.external_id };
                id.as_ref() == Some(&row.key)
            });
            let is_paired = link.is_some_and(|link| link.entity_id.is_some() && link.external_id.is_some());
            let has_reason = link.is_some_and(|link| link.last_error.is_some())
                || report.errors.iter().any(|error| error.item == row.key || error.error.contains(&row.key));
            if !is_paired && !has_reason {
                let what = format!("the row {:?} of the {side} did not cross, and nothing says why", row.key);
                return Err(broken(what));
            }
        }
    }
    if !errors.is_empty() {
        play.applied.note(Law::Refused, errors.len());
    }
    Ok(())
}

/// A message names a column, or what refused the row.
pub(super) fn is_named(play: &Play<'_>, error: &str) -> bool {
    let key = play.pair.layouts.target.name(Role::Key).unwrap_or_default();
    play.pair.names().iter().any(|name| error.contains(name)) || error.contains(&format!("{key:?}"))
}

fn broken(what: String) -> Failure {
    Failure::Broken(Law::Refused, what)
}
