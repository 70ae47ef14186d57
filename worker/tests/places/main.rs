//! Laws for places: what holds for every file and every table, held against pairs that are drawn from seeds.
//!
//! `PLACES_SEED` plays the pair of one seed and shows it; `PLACES_CASES` says how many pairs are played. See
//! docs/testing.md.

#![allow(clippy::print_stdout, reason = "the figures of a run, which tests show on request")]

mod build;
mod columns;
mod draw;
mod draw_layout;
mod faults;
mod faulty;
mod frame;
mod generate;
mod harm;
mod laws;
mod layout;
mod listed;
mod meaning;
mod pair;
mod place;
mod play;
mod postgres;
mod snapshot;
mod splitter;
mod stage;
mod triggers;
mod values;
