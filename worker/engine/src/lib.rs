//! Decides what a sync does: merge, plan, apply; no I/O of its own.
