//! The queue's promises, kept on SQLite.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

mod conformance;
mod support;

conformance::promises!(support::sqlite);
