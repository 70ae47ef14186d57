//! Statistics: whatever ends a run, and whatever becomes of it later, the numbers are those of the runs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails fails its test")]

mod links;
mod property;
mod rebuild;
mod reference;
mod replicas;
mod stage;
