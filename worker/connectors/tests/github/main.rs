//! The GitHub connector against the simulator.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod absences;
mod accounts;
mod cases;
mod creates;
mod failures;
mod finds;
mod lists;
mod probes;
#[path = "../http/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the HTTP layer, which use all of it")]
mod server;
#[path = "../simulated/mod.rs"]
#[allow(dead_code, reason = "shared, and no platform's tests use all of it")]
mod simulated;
mod texts;
mod unlimited;
mod updates;
mod world;
