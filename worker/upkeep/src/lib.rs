//! What keeps Syncline's own database in order: old rows are removed, statistics are complete, and a restore is noticed.

pub mod purge;
pub mod restore;
pub mod stats;
