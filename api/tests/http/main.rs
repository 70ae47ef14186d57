//! The API from outside: what is asked, and what is answered.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test this is how to fail")]

mod access;
mod boundary;
mod conforms;
mod document;
mod health;
mod history;
mod hostile;
mod jobs;
mod live;
mod manners;
mod many;
mod queue;
mod reach;
mod repeat;
mod serve;
mod stage;
mod stats;
mod strict;
mod syncs;
mod tls;
