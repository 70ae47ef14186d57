//! Tests of schedules.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod daylight;
mod laws;
mod missed;
mod stage;
mod windows;
mod words;
