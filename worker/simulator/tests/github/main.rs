//! The simulated GitHub over real HTTP: one test for each fact that it follows.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed, and a check that did not run says so"
)]

mod access;
mod common;
mod contract;
mod control;
mod faults;
mod fields;
mod graphql;
mod hooks;
mod issues;
mod labels;
mod limits;
mod lists;
mod page;
mod protocol;
mod scale;
mod search;
mod transfer;
