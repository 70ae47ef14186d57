//! Texts with markup.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod adf;
mod examples;
mod hostile;
mod lengths;
mod losses;
mod markdown;
mod merges;
mod schema;
mod trees;
