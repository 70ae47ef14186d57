//! What the HTTP layer promises, over real sockets.

// Helpers of tests may fail loudly too; clippy's own exception covers test functions only.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod etags;
mod graphql;
mod guard;
mod limits;
mod losses;
mod network;
mod paths;
mod secrets;
mod server;
mod stage;
