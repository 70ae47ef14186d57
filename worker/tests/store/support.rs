//! The engine's store in memory, as the engine's own tests have it.
#![allow(dead_code, reason = "the engine's tests use more of it")]

#[path = "../../engine/tests/support/clock.rs"]
mod clock;
#[path = "../../engine/tests/support/rows.rs"]
mod rows;
#[path = "../../engine/tests/support/store.rs"]
mod store;
#[path = "../../engine/tests/support/tables.rs"]
mod tables;

pub(crate) use clock::TestClock;
pub(crate) use rows::{ChangeRow, ChangeState, ConflictRow, LinkRow};
pub(crate) use store::MemoryStore;
pub(crate) use tables::{Tables, through_json};

use syncline_engine::value::{Fields, fields_from_json};

/// Fields from JSON.
pub(crate) fn fields(json: serde_json::Value) -> Fields {
    fields_from_json(&json)
}
