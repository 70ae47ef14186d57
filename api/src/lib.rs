//! The HTTP API: checks, one query or one enqueue, shapes the answer.
//!
//! It never syncs: what takes longer than a query becomes a job, and a worker does it. Errors are problem documents
//! (RFC 9457), and every request is checked for the host it names before anything else.

mod bind;
mod extract;
mod guard;
mod outage;
mod problem;
mod router;
pub mod routes;
mod serve;
mod starting;
mod state;
pub mod stats;

pub use bind::check_bind;
pub use outage::Probe;
pub use problem::{FieldError, Problem};
pub use router::{health_router, router};
pub use serve::serve;
pub use starting::Starting;
pub use state::{ApiState, PartHealth, Readiness};
