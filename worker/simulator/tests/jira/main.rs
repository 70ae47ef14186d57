//! The simulated Jira over real HTTP: one test for each fact that it follows.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed, and a check that did not run says so"
)]

mod access;
mod changelog;
mod common;
mod contract;
mod control;
mod fields;
mod issues;
mod limits;
mod meta;
mod oauth;
mod page;
mod paging;
mod projects;
mod scale;
mod search;
mod texts;
mod transitions;
