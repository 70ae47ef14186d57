//! The migrations against real databases. Raw SQL only, except where schema and entities are held against each other:
//! entities move on, and what was released here does not.

// Clippy's exception for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod agreement;
mod constraints;
mod docs;
mod fold;
mod indexes;
mod known;
mod round_trip;
mod rows;
mod schema;
mod steps;
mod support;
