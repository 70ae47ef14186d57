//! The queue's contract on SQLite.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

mod conformance;
mod support;
mod transactions;

conformance::promises!(support::sql::sqlite);
transactions::transactions!(support::sql::sqlite: a_push_may_share_a_transaction);
