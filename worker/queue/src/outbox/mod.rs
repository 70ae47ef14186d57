//! Runs on their way through the queue: accepted, dispatched, paused, cancelled, dead and replayed.
//!
//! The run row (`sync_history`) is the outbox of the queue: it is written when a run is accepted and holds everything
//! the job needs, so that a queue which lost its jobs is filled again from there. The row comes first and the queue
//! second; where both are in one database, they come together. These are the files of the queue that know run rows; they
//! are here because the API, the workers and the commands all accept runs.
//!
//! - [`RunQueue`] is the queue that runs go to, whichever store keeps it.
//! - [`accept`] and [`accept_in`] take a run, [`accept_event`] what a platform tells of one item.
//! - [`Dispatcher`] gives the queue what is due and not there: runs that were accepted while the store was away, runs of a
//!   sync that was paused, everything after the store was emptied.
//! - [`pause`], [`cancel`](cancel()) and [`dead`] are what people do.

mod accept;
mod accept_together;
mod cancel;
pub mod dead;
mod dispatch;
mod event;
pub mod holding;
mod job;
pub mod listing;
pub mod pause;
mod queue;
mod run;
mod statement;

pub use accept::{accept, accept_in, committed};
pub use cancel::{RunCancelled, cancel, end_if_asked};
pub use dispatch::{Dispatcher, Looked, dispatch_due};
pub use event::{MAX_EVENTS, NewEvent, accept_event};
pub use job::{PAYLOAD_VERSION, RUN_QUEUE, link_key, sync_key, work_key};
pub use queue::{DEFAULT_LIMIT, RunQueue};
pub use run::{Accepted, NewRun, RunArgs};
pub use statement::{begin, statement};

pub use crate::{
    sql::{Binds, Bound, Kind, moment},
    together::{CutShort, Together},
};

/// How attempts end that do not count: the run could not be tried, or was given back by a worker that stopped.
pub const UNCOUNTED: [&str; 2] = ["snoozed", "returned"];
