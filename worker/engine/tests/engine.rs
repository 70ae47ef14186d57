//! What the engine promises, shown on two places and a store that live in memory.
//!
//! `promises` holds small cases that read like a list; `laws` invents histories and asserts what must hold after any of
//! them; `contract` holds what every store promises, the one in memory included.

// Helpers of tests may fail loudly too; clippy's own exception covers test functions only.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod contract;
mod laws;
mod memory;
mod promises;
mod support;
