//! Shared code of integration tests: processes, places with rows, and comparisons of them.

pub mod contracts;
pub mod cost;
pub mod draw;
pub mod events;
pub mod http;
pub mod large;
pub mod ledger;
pub mod places;
pub mod plans;
pub mod postgres;
pub mod program;
pub mod redis;
pub mod serving;
pub mod simulator;
pub mod tls;
