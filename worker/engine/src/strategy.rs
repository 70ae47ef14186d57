//! Resolves conflicts by strategy.

use chrono::{DateTime, Utc};

use crate::{
    Side,
    conflict::Resolution,
    side::Pair,
    spec::Strategy,
    value::{Instant, Precision},
};

/// Resolves a conflict, or returns `None` if a person has to.
///
/// `modified` is when each side was modified according to its platform. If the platform does not report it, the time
/// the change was first seen, `now`, is used instead, and the reason mentions it.
pub fn resolve(
    strategy: Strategy,
    modified: Pair<Option<Instant>>,
    now: DateTime<Utc>,
) -> Option<Resolution> {
    let wins = |winner: Side, reason: String| Some(Resolution { winner: winner.into(), reason });
    match strategy {
        Strategy::Manual => None,
        Strategy::SourceWins => wins(Side::Source, "source_wins".to_owned()),
        Strategy::TargetWins => wins(Side::Target, "target_wins".to_owned()),
        Strategy::LastWriteWins => {
            let (winner, reason) = last_write(modified, now);
            wins(winner, reason)
        }
    }
}

fn last_write(modified: Pair<Option<Instant>>, now: DateTime<Utc>) -> (Side, String) {
    let seen = Instant::new(now, Precision::Micro);
    let source = modified.source.unwrap_or(seen);
    let target = modified.target.unwrap_or(seen);
    let unknown = match (modified.source, modified.target) {
        (None, None) => " (neither side says when; the time of this run stands for both)",
        (None, Some(_)) => " (the source does not say when; the time of this run stands for it)",
        (Some(_), None) => " (the target does not say when; the time of this run stands for it)",
        (Some(_), Some(_)) => "",
    };
    // At the coarser precision: 10:30 is not earlier than 10:30:15.
    if source.same(&target) {
        return (Side::Source, format!("last_write_wins: the times are equal, so the source wins{unknown}"));
    }
    let winner = if source.at > target.at { Side::Source } else { Side::Target };
    (winner, format!("last_write_wins: the {winner} was modified later{unknown}"))
}
