//! The built binary: what it answers, what it promises, and what it does when a place is not as it should be.

mod changes;
mod common;
mod conflicts;
mod deletes;
mod directions;
