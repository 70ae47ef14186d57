//! Decides what a sync does. The engine merges, plans and applies; it does no I/O of its own.
//!
//! The engine reaches everything outside through the traits in [`ports`]: connectors to platforms, the store of links,
//! the clock. A plan is a pure function of what was read, so a dry run shows exactly what a run would do.

pub mod capability;
pub mod conflict;
mod decimal;
pub mod guard;
pub mod hash;
mod instant;
pub mod item;
pub mod json;
pub mod limits;
pub mod mapping;
pub mod merge;
pub mod nearest;
pub mod plan;
pub mod ports;
pub mod richtext;
pub mod run;
pub mod schedule;
pub mod side;
pub mod spec;
pub mod strategy;
pub mod value;

pub use item::Item;
pub use side::Side;
pub use value::Value;
