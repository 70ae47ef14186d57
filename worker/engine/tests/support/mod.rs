//! Places, a store, a clock and a leave in memory, and a world made of them.

mod clock;
mod crash;
mod endless;
mod faulty;
mod manners;
mod place;
mod rows;
mod store;
mod tables;
mod world;

pub(crate) use clock::{TestClock, TestLeave};
pub(crate) use crash::{CrashAt, Meddling, drive};
pub(crate) use endless::Endless;
pub(crate) use faulty::{FaultyClock, FaultyPlace, FaultyStore, Seeded};
pub(crate) use manners::{Fault, Manners, Shown};
pub(crate) use place::{FakePlace, Overwritten};
pub(crate) use rows::{ChangeRow, ChangeState, ConflictRow, LinkRow};
pub(crate) use store::MemoryStore;
pub(crate) use tables::{Tables, through_json};
pub(crate) use world::{World, default_fields};

use syncline_engine::value::{Fields, fields_from_json};

/// Fields from JSON.
pub(crate) fn fields(json: serde_json::Value) -> Fields {
    fields_from_json(&json)
}
