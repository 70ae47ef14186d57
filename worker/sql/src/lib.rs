//! Statements for both SQLite and PostgreSQL, and transactions.
//!
//! - [`statement`] takes a text with `?` for each value; [`marks`] returns several of them.
//! - [`Binds`] builds a statement with rows as a table, whose text does not depend on their number.
//! - [`begin`] begins a transaction that will write.

mod binds;
mod statement;
mod transaction;

pub use binds::{Binds, Bound, Kind, moment};
pub use statement::{SIZES, marks, pieces, statement};
pub use transaction::begin;
