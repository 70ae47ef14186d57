//! The queue's promises, kept on PostgreSQL.

mod conformance;
mod support;

conformance::promises!(support::postgres);
