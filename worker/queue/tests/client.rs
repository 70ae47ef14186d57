//! Tests of the interface for other services: the document, the inbox, the client.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

#[path = "client/document.rs"]
mod document;
#[path = "client/examples.rs"]
mod examples;
#[path = "client/inbox.rs"]
mod inbox;
