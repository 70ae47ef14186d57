//! The entities against real databases, with the schema that the migrations make.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test this is how to fail")]

mod queries;
mod rows;
mod stage;
mod states;
mod statistics;
