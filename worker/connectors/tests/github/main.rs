//! The GitHub connector against the simulator.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod absences;
mod accounts;
mod creates;
mod failures;
mod finds;
mod lists;
mod probes;
mod texts;
mod updates;
mod world;
