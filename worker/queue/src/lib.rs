//! Jobs in, leases out: the queue behind one promise.
//!
//! Whoever has work pushes a [`NewJob`]; a worker claims it as a [`LeasedJob`], which is the job together with the
//! lease under which it runs, and hands back an [`Outcome`]. The queue knows neither runs nor syncs: a payload is JSON
//! with a version, and what it means is the handler's business.
//!
//! - [`Backend`] is the contract, [`SqlBackend`] keeps it over SQLite and PostgreSQL.
//! - [`QueueSource`] makes any backend a source for an apalis worker.
//! - [`State`] has the diagram of a job's life.

mod acknowledger;
mod adapter;
mod backend;
mod config;
mod fetcher;
mod health;
mod job;
mod keeper;
mod lease;
mod line;
pub mod outbox;
mod rescuer;
mod retry;
mod running;

mod sql;
mod state;

pub use adapter::{QueueSource, SettleLayer, SettleService, SourceError};
pub use backend::{
    Backend, Cancelled, ClaimRequest, Claimed, Count, Error, LeaseRef, Next, Outcome, Pushed, Renewal,
    Rescued, Settled, Settlement,
};
pub use config::{BeforeSettle, Observer, SourceConfig, SourceEvent};
pub use health::{Health, Part, Problem};
pub use job::{ClaimedJob, Job, LeasedJob, NewJob, Priority, UnknownPriority};
pub use lease::Lease;
pub use retry::{MAX_DELAY, RetryPolicy};
pub use sql::SqlBackend;
pub use state::{State, UnknownState};
