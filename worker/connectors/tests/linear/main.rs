//! The Linear connector against the simulator.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod absences;
mod accounts;
mod cases;
mod creates;
mod failures;
mod finds;
mod limits;
mod lists;
mod probes;
mod texts;
mod updates;
mod world;
