//! The HTTP API: a handler checks the request, runs one query or one enqueue, and formats the response.
//!
//! It never syncs: work that takes longer than a query becomes a job for a worker. Errors are problem documents (RFC
//! 9457), and the host of every request is checked first.

mod access;
mod budget;
mod connections;
mod cursor;
mod deprecation;
mod document;
mod etag;
mod extract;
mod guard;
mod hosts;
mod json;
mod lately;
mod live;
mod outage;
mod page;
mod prefer;
mod problem;
mod rates;
mod repeat;
mod router;
pub mod routes;
mod schema;
mod serve;
mod starting;
mod state;
pub mod stats;
mod table;
mod tls;

pub use access::Peer;
pub use cursor::Cursors;
pub use hosts::Hosts;
pub use lately::Answers;
pub use live::Live;
pub use outage::Probe;
pub use problem::{FieldError, Problem};
pub use rates::{Limits, Rates};
pub use router::{openapi, ops_router, router};
pub use serve::serve;
pub use starting::Starting;
pub use state::{ApiState, Identify, LookAround, PartHealth, Parts, Platforms, Readiness};
pub use tls::Tls;
