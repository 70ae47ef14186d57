//! The queue's promises, kept on PostgreSQL.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

mod conformance;
mod listen;
mod support;

conformance::promises!(support::postgres);
