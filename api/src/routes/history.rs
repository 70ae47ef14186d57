//! `/api/v1/sync/history`: runs, and what they changed.

pub mod change;
pub mod list;
pub mod of_run;
pub mod plan;
