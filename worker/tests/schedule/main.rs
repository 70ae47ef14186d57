//! Schedules as workers fire them, on both databases.

mod fires;
mod stage;
