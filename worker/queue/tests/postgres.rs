//! The queue's contract on PostgreSQL.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

mod conformance;
mod listen;
mod support;
mod transactions;

conformance::promises!(support::sql::postgres);
transactions::transactions!(support::sql::postgres: a_push_may_share_a_transaction);
