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
mod statuses;
mod updates;
mod world;
