//! Runs sync jobs: handlers, the engine's store over SQL, the worker pool.

// The Redis client nests its futures deeply.
#![recursion_limit = "256"]

pub mod admission;
pub mod clock;
pub mod dispatcher;
mod drain;
pub mod environment;
pub mod gate;
pub mod handlers;
pub mod intake;
pub mod local;
pub mod maintenance;
mod meter;
pub mod open;
pub mod pool;
pub mod roster;
pub mod schedule;
pub mod steps;
pub mod store;

pub use environment::Environment;
pub use meter::describe_metrics;
pub use pool::{PoolConfig, run};
