//! Upkeep of Syncline's own database: it removes old rows, completes the statistics, and detects a restore.

pub mod purge;
pub mod restore;
pub mod stats;
