//! Connectors against real files and databases.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod behaviour;
mod files;
mod files_model;
#[path = "../jira/world.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of Jira, which use all of it")]
mod jira;
#[path = "../linear/world.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of Linear, which use all of it")]
mod linear;
mod place;
#[path = "../simulated/mod.rs"]
#[allow(dead_code, reason = "shared, and no platform's tests use all of it")]
mod simulated;
mod sql_errors;
mod sql_keys;
mod sql_lists;
mod sql_rows;
mod sql_times;
mod sql_types;
#[path = "../github/world.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of GitHub, which use all of it")]
mod world;
