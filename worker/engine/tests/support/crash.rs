//! A process that stops at a step.

use std::{
    future::Future,
    pin::pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

use chrono::TimeDelta;
use syncline_engine::ports::{Observer, Step};

use super::{FakePlace, TestClock};

/// Never returns from the n-th time that a step is reached, counted from 0.
pub(crate) struct CrashAt {
    step: Option<Step>,
    left: Mutex<usize>,
}

impl CrashAt {
    pub(crate) fn new(step: Step, nth: usize) -> CrashAt {
        CrashAt { step: Some(step), left: Mutex::new(nth) }
    }

    pub(crate) fn never() -> CrashAt {
        CrashAt { step: None, left: Mutex::new(0) }
    }
}

#[async_trait::async_trait]
impl Observer for CrashAt {
    async fn reached(&self, step: Step) {
        if self.step == Some(step) {
            let stop = {
                let mut left = self.left.lock().unwrap();
                let stop = *left == 0;
                *left = left.saturating_sub(1);
                stop
            };
            if stop {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// An observer that runs pending edits once the intents of writes are committed.
pub(crate) struct Meddling<'a> {
    pub(crate) inner: &'a CrashAt,
    pub(crate) places: [&'a FakePlace; 2],
    pub(crate) clock: &'a TestClock,
}

#[async_trait::async_trait]
impl Observer for Meddling<'_> {
    async fn reached(&self, step: Step) {
        if step == Step::IntentCommitted {
            for place in self.places.iter().filter(|place| place.is_about_to_be_edited()) {
                // What was read for the plan is no longer recent.
                self.clock.advance(TimeDelta::seconds(6));
                place.edit_at_intent();
            }
        }
        self.inner.reached(step).await;
    }
}

/// Runs a future to its end, or to the step at which it stops for ever; dropping it there is the crash. Nothing else in
/// these tests waits, so one poll shows which.
pub(crate) fn drive<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
