//! The claimed jobs that wait for a handler, and the count of slots in use.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::job::LeasedJob;

/// The short line between the fetcher and the worker. A job takes a slot from its claim until its handler has ended.
#[derive(Debug)]
pub(crate) struct Line {
    slots: usize,
    /// Slots in use, by running and by ready jobs.
    taken: AtomicUsize,
    ready: Mutex<VecDeque<LeasedJob>>,
    worker: AtomicWaker,
    freed: Notify,
}

impl Line {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots,
            taken: AtomicUsize::new(0),
            ready: Mutex::default(),
            worker: AtomicWaker::new(),
            freed: Notify::new(),
        }
    }

    /// Returns the number of free slots.
    pub(crate) fn room(&self) -> usize {
        self.slots.saturating_sub(self.taken.load(Ordering::Acquire))
    }

    pub(crate) fn put(&self, jobs: Vec<LeasedJob>) {
        if !jobs.is_empty() {
            self.taken.fetch_add(jobs.len(), Ordering::AcqRel);
            self.ready().extend(jobs);
            self.worker.wake();
        }
    }

    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<LeasedJob> {
        // Register before the check, so that a job added in between wakes the worker.
        self.worker.register(cx.waker());
        self.ready().pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    /// Removes and returns the jobs that no handler has taken.
    pub(crate) fn drain(&self) -> Vec<LeasedJob> {
        let jobs: Vec<_> = self.ready().drain(..).collect();
        self.taken.fetch_sub(jobs.len(), Ordering::AcqRel);
        jobs
    }

    /// Frees the slot of a job whose handler has ended.
    pub(crate) fn free(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
        self.freed.notify_one();
    }

    /// Waits for a handler to end; returns at once if one has ended since the last call.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<LeasedJob>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
