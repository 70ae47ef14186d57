//! A file per resource. The types are the shapes of requests and answers.

pub mod health;
pub mod index;
pub mod jobs;
pub(crate) mod metrics;
pub(crate) mod stats;
