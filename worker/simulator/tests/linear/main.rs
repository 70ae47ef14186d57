//! The simulated Linear over real HTTP: one test for each fact that it follows.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed, and a check that did not run says so"
)]

mod common;
mod issues;
