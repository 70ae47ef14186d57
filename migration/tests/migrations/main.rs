//! Tests the migrations against real databases. Raw SQL only, except to compare schema and entities: entities change,
//! and released migrations do not.

// Clippy's exception for tests does not cover their helpers.
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
mod unwritten;
