//! The queue's promises, kept on SQLite.

mod conformance;
mod support;

conformance::promises!(support::sqlite);
