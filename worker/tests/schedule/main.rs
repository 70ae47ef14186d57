//! Schedules as workers fire them, on both databases.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod fires;
mod stage;
