//! The simulated GitHub over real HTTP: one test for each fact that it follows.

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
