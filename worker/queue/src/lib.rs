//! A job queue with leases, over several stores.
//!
//! A producer pushes a [`NewJob`]. A worker claims it as a [`LeasedJob`], which is the job with the lease under which
//! it runs, and returns an [`Outcome`]. The queue knows neither runs nor syncs: a payload is JSON with a version, and
//! its meaning is up to the handler.
//!
//! - [`Backend`] is the contract. `SqlBackend` implements it over SQLite and PostgreSQL, `RedisBackend` over Redis and
//!   Valkey.
//! - [`QueueSource`] makes any backend a source for an apalis worker.
//! - [`client`] is how other services request runs.
//! - [`State`] has the diagram of a job's states.

#![warn(missing_docs)]

#[cfg(feature = "source")]
mod acknowledger;
#[cfg(feature = "source")]
mod adapter;
mod backend;
pub mod client;
#[cfg(feature = "source")]
mod config;
#[cfg(feature = "source")]
mod fetcher;
#[cfg_attr(not(feature = "source"), allow(dead_code, reason = "what a worker's source does with it"))]
mod health;
mod job;
#[cfg(feature = "source")]
mod keeper;
#[cfg_attr(not(feature = "source"), allow(dead_code, reason = "what a worker's source does with it"))]
mod lease;
#[cfg(feature = "source")]
mod line;
#[cfg_attr(not(feature = "source"), allow(dead_code, reason = "what a worker's source does with it"))]
mod meter;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "source")]
mod rescuer;
mod retry;
#[cfg(feature = "source")]
mod running;
#[cfg(feature = "sql")]
mod sql;
mod state;
#[cfg(feature = "source")]
mod tasks;
#[cfg(any(feature = "redis", feature = "sql"))]
mod together;

#[cfg(feature = "source")]
pub use adapter::{QueueSource, SettleLayer, SettleService, SourceError};
pub use backend::{
    Backend, Cancelled, ClaimRequest, Claimed, Count, Error, JobQuery, LeaseRef, Next, Outcome, Page, Pushed,
    Renewal, Rescued, Settled, Settlement,
};
#[cfg(feature = "source")]
pub use config::{BeforeSettle, Observer, SourceConfig, SourceEvent};
pub use health::{Health, Part, Problem, chain};
pub use job::{ClaimedJob, Concurrency, Job, LeasedJob, NewJob, PastAttempt, Priority, UnknownPriority};
pub use lease::Lease;
pub use meter::describe_metrics;
#[cfg(feature = "redis")]
pub use redis::{
    Connection as RedisConnection, INBOX_KIND, InboxEntry, RedisBackend, RedisConfig, Script, UrlError,
};
pub use retry::{MAX_DELAY, RetryPolicy, jitter};
#[cfg(feature = "sql")]
pub use sql::{Bell, SqlBackend};
pub use state::{State, UnknownState};
#[cfg(feature = "source")]
pub use tasks::{Down, Tasks};
#[cfg(any(feature = "redis", feature = "sql"))]
pub use together::{CutShort, Together};
