//! The life cycle of runs: accepted, dispatched, begun, ended, paused, cancelled, dead and replayed. Only this crate
//! writes `sync_history`; the purge removes old runs that are over.
//!
//! The run's row is the outbox of the queue: it is written when a run is accepted and has everything the job needs, so
//! that a queue which lost its jobs is refilled from the rows. The row is written before the job; if both are in one
//! database, in the same transaction.
//!
//! - [`RunQueue`] is the queue of runs, in any store.
//! - [`accept`] and [`accept_in`] accept a run, [`accept_event`] an event of one item.
//! - [`Dispatcher`] pushes the due runs that the queue lacks: runs accepted while the store was down, runs of a sync
//!   that was paused, and all runs after the store was emptied.
//! - [`RunBook`] begins runs under a new fence and ends them under the same one; it adds [`statistics`] as they end.
//! - [`pause`], [`cancel`](cancel()) and [`dead`] are the actions of users.

mod accept;
mod accept_together;
mod batch;
mod begin;
mod book;
mod bury;
mod cancel;
mod catch_up;
mod cause;
pub mod dead;
mod details;
mod dispatch;
mod end;
mod event;
mod groups;
pub mod holding;
mod job;
pub mod lately;
mod letters;
pub mod listing;
mod lost;
pub mod pause;
mod priority;
mod queue;
mod replay;
mod restored;
mod row;
mod run;
pub mod statistics;
mod told;

pub use accept::{accept, accept_in, accept_noted, committed};
pub use batch::{Noting, accept_many};
pub use begin::{Begin, Begun};
pub use book::{Meeting, RunBook};
pub use bury::bury;
pub use cancel::{RunCancelled, cancel, cancel_noted, end_if_asked};
pub use catch_up::catch_up;
pub use cause::{kinds, sort_letters};
pub use details::details;
pub use dispatch::{Dispatcher, Looked, dispatch_due};
pub use end::{Ending, GivenUp};
pub use event::{MAX_EVENTS, NewEvent, accept_event};
pub use job::{
    CHOICES, NEWEST_PAYLOAD_VERSION, PAYLOAD_VERSION, RUN_QUEUE, link_key, needs, sync_key, work_key,
};
pub use lost::tell_lost;
pub use priority::set_priority;
pub use queue::{DEFAULT_LIMIT, RunQueue};
pub use row::{hold, queue_priority};
pub use run::{Accepted, Items, NewRun, RunArgs};

/// Outcomes of attempts that do not count: the run could not be tried, or a stopping worker gave it back.
pub const UNCOUNTED: [&str; 2] = ["snoozed", "returned"];
