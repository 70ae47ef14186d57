//! The simulated Linear over real HTTP: one test for each fact that it follows.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed, and a check that did not run says so"
)]

mod access;
mod archive;
mod attachments;
mod batches;
mod common;
mod contract;
mod control;
mod faults;
mod filters;
mod issues;
mod labels;
mod limits;
mod lists;
mod oauth;
mod page;
mod protocol;
mod scale;
mod texts;
