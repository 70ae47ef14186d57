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

use serde_json::Value as Json;
use syncline_engine::richtext::{self, Loss};

/// The document of a text as Jira gets it, and what it does not express.
fn markdown_to_adf(text: &str, present: Option<&Json>) -> (Json, Vec<Loss>) {
    let (document, losses) = richtext::markdown_to_adf(text, present);
    (serde_json::to_value(&document).unwrap(), losses)
}
