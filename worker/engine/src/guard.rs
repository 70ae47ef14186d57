//! Stops a run that is about to delete suspiciously many items.

use serde::Serialize;

use crate::spec::DeleteGuard;

/// The numbers of a held run, which wrote nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Items that would be deleted.
    pub deletes: u64,
    /// Those of them whose counterpart the platform no longer shows without saying that it was deleted: it may be hidden
    /// from the account. Such deletes need approval.
    pub unproved: u64,
    /// Items that other runs of the last 24 hours have removed without approval; the guard counts them as well.
    pub recent: u64,
    /// Links of the sync.
    pub links: u64,
    /// Most deletes that need no approval.
    pub allowed: u64,
    /// Deletes whose item is gone from the source.
    pub missing_on_source: u64,
    /// Deletes whose item is gone from the target.
    pub missing_on_target: u64,
    /// The links come from a backup, so every delete needs approval.
    pub after_restore: bool,
}

/// Most deletes that need no approval: the smaller of the count and the share of the links, but at least one.
pub fn allowed(guard: &DeleteGuard, links: u64) -> u64 {
    let share = (guard.max_share * links as f64).floor() as u64;
    guard.max_count.min(share.max(1))
}

/// True if `deletes` of `links` need approval, after `recent` others. `approved` is the number that an operator has
/// agreed to. Deleting all items of a side always needs approval if there was more than one.
pub fn is_held(guard: &DeleteGuard, deletes: u64, recent: u64, links: u64, approved: Option<u64>) -> bool {
    if approved.unwrap_or(0) >= deletes {
        return false;
    }
    // The links that the recent deletes have ended count as well, so that a share stays the same share.
    deletes + recent > allowed(guard, links + recent) || (deletes == links && links > 1)
}
