//! The Jira connector against the simulator.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod accounts;
mod cases;
mod creates;
mod customs;
mod failures;
mod finds;
mod lists;
mod probes;
#[path = "../simulated/mod.rs"]
#[allow(dead_code, reason = "shared, and no platform's tests use all of it")]
mod simulated;
mod statuses;
mod updates;
mod world;
