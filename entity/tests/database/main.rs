//! Tests the entities against real databases with the migrated schema.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test this is how to fail")]

mod queries;
mod rows;
mod stage;
mod states;
mod statistics;
