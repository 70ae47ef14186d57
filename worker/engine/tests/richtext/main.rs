//! Texts with markup.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod adf;
mod hostile;
mod markdown;
mod merges;
mod schema;
mod trees;
