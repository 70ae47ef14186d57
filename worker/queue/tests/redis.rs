//! The queue's contract on Redis.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

mod conformance;
mod store;
mod support;

conformance::promises!(support::redis::redis);
