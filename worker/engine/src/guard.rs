//! Stops a run that is about to delete more than looks like anybody's intention.

use serde::Serialize;

use crate::spec::DeleteGuard;

/// A run that is held: nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Items that would go.
    pub deletes: u64,
    /// Links the sync has.
    pub links: u64,
    /// How many may go without being asked.
    pub allowed: u64,
    /// How many of them are gone from the source and from the target.
    pub missing_on_source: u64,
    /// See `missing_on_source`.
    pub missing_on_target: u64,
    /// The links come from a backup: then every delete is asked about.
    pub after_restore: bool,
}

/// How many deletes pass: the smaller of the count and the share of the links, but at least one.
pub fn allowed(guard: &DeleteGuard, links: u64) -> u64 {
    let share = (guard.max_share * links as f64).floor() as u64;
    guard.max_count.min(share.max(1))
}

/// Whether `deletes` of `links` must be asked about. `approved` is the number that an operator has agreed to. Losing the
/// last items of a side is always asked about when there was more than one.
pub fn is_held(guard: &DeleteGuard, deletes: u64, links: u64, approved: Option<u64>) -> bool {
    let limit = allowed(guard, links).max(approved.unwrap_or(0));
    deletes > limit || (deletes == links && links > 1 && approved.unwrap_or(0) < deletes)
}
