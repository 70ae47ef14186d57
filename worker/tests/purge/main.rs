//! Retention: what is past its limit goes, and nothing that something open needs, on both databases.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test this is how to fail")]

mod chains;
mod deleted;
mod others;
mod runs;
mod stage;
mod task;
mod together;
