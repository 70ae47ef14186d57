//! The life of a run: accepted, dispatched, begun, ended, paused, cancelled, dead and replayed. Only this crate writes
//! `sync_history`; what is over and old is removed by the purge.
//!
//! The run's row is the outbox of the queue: it is written when a run is accepted and holds everything the job needs, so
//! that a queue which lost its jobs is filled again from there. The row comes first and the queue second; where both are
//! in one database, they come together.
//!
//! - [`RunQueue`] is the queue that runs go to, whichever store keeps it.
//! - [`accept`] and [`accept_in`] take a run, [`accept_event`] what a platform tells of one item.
//! - [`Dispatcher`] gives the queue what is due and not there: runs that were accepted while the store was away, runs of a
//!   sync that was paused, everything after the store was emptied.
//! - [`RunBook`] begins runs under a new fence and ends them under the same; [`statistics`] are added as they end.
//! - [`pause`], [`cancel`](cancel()) and [`dead`] are what people do.

mod accept;
mod accept_together;
mod begin;
mod book;
mod bury;
mod cancel;
mod catch_up;
pub mod dead;
mod dispatch;
mod end;
mod event;
pub mod holding;
mod job;
mod letters;
pub mod listing;
mod lost;
pub mod pause;
mod queue;
mod restored;
mod row;
mod run;
pub mod statistics;

pub use accept::{accept, accept_in, committed};
pub use begin::{Begin, Begun};
pub use book::{Meeting, RunBook};
pub use bury::bury;
pub use cancel::{RunCancelled, cancel, end_if_asked};
pub use catch_up::catch_up;
pub use dispatch::{Dispatcher, Looked, dispatch_due};
pub use end::Ending;
pub use event::{MAX_EVENTS, NewEvent, accept_event};
pub use job::{PAYLOAD_VERSION, RUN_QUEUE, link_key, sync_key, work_key};
pub use lost::tell_lost;
pub use queue::{DEFAULT_LIMIT, RunQueue};
pub use row::{hold, queue_priority};
pub use run::{Accepted, NewRun, RunArgs};

/// How attempts end that do not count: the run could not be tried, or was given back by a worker that stopped.
pub const UNCOUNTED: [&str; 2] = ["snoozed", "returned"];
