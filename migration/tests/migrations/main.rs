//! The migrations against a real database. Raw SQL only: entities move on, and what was released here does not.

// Clippy's exception for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod checks;
mod fold;
mod known;
mod steps;
mod support;
