//! One file per resource. The types are the bodies of requests and responses.

pub mod audit;
pub mod configs;
pub mod dead;
pub(crate) mod docs;
pub mod health;
pub mod index;
pub mod jobs;
pub(crate) mod metrics;
pub(crate) mod overall;
pub mod queues;
pub mod schedules;
pub(crate) mod stats;
pub mod tokens;
pub mod workers;
