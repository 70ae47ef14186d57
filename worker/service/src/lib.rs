//! What people and programs may ask for. The command line and the HTTP API both call these functions and hold no rule of
//! their own: they read the request, call one of them, and put the result or the [`Error`] into words.
//!
//! - [`documents`]: whether a document can be stored, and what is wrong with it.
//! - [`store`]: documents become stored syncs with their schedules.
//! - [`syncs`]: stored syncs, found by name.
//! - [`runs`]: a run is asked for.
//! - [`conflicts`]: a person's choice.
//! - [`pauses`]: what is paused and resumed.
//! - [`dead`]: dead letters are replayed and discarded.

pub mod conflicts;
pub mod dead;
pub mod documents;
mod error;
pub mod pauses;
pub mod runs;
pub mod store;
pub mod syncs;

pub use error::{Error, Refusal, Unknown};
