//! Statements that SQLite and PostgreSQL both take, and the transactions they run in.
//!
//! - [`statement`] is a text with `?` for each value; [`marks`] are so many of them.
//! - [`Binds`] is a statement under construction, with rows as a table whose text does not depend on how many there are.
//! - [`begin`] begins a transaction that will write.

mod binds;
mod statement;
mod transaction;

pub use binds::{Binds, Bound, Kind, moment};
pub use statement::{SIZES, marks, pieces, statement};
pub use transaction::begin;
