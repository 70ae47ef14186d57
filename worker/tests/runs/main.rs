//! Promises of runs on their way through the queue, with the queue in the same database and in a store of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod accepting;
mod calls;
mod dead;
mod dispatching;
mod events;
mod many;
mod pausing;
mod stage;
mod together;
mod versions;
