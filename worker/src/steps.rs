//! Observes a run: its progress, and the steps at which crash tests stop the process.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use syncline_engine::ports::{Observer, Step};

/// A step to stop at: its name and how many times it is reached, from 1.
///
/// It exists for crash tests on the real program: at the step the process reports it on standard error and blocks, and
/// the test kills it there. The text form is `remote_written:2`; the queue's own step is `acknowledged`.
#[derive(Debug)]
pub struct StopAt {
    step: String,
    countdown: AtomicU64,
}

impl StopAt {
    /// Parses `step` or `step:n`.
    pub fn parse(text: &str) -> Option<StopAt> {
        let (step, nth) = text.split_once(':').unwrap_or((text, "1"));
        let nth: u64 = nth.parse().ok().filter(|nth| *nth > 0)?;
        Some(StopAt { step: step.to_owned(), countdown: AtomicU64::new(nth) })
    }

    /// Blocks for ever if this is the step and it is reached for the given time.
    pub async fn reached(&self, step: &str) {
        if self.step == step && self.countdown.fetch_sub(1, Ordering::SeqCst) == 1 {
            tracing::error!(target: "syncline::stopped_at", step, "stopped at {step}, as asked");
            std::future::pending::<()>().await;
        }
    }

    /// The same for synchronous code: blocks the thread for ever.
    pub fn reached_in_place(&self, step: &str) {
        if self.step == step && self.countdown.fetch_sub(1, Ordering::SeqCst) == 1 {
            tracing::error!(target: "syncline::stopped_at", step, "stopped at {step}, as asked");
            loop {
                std::thread::park();
            }
        }
    }
}

/// Observes one run.
#[derive(Debug, Default)]
pub struct RunObserver {
    /// The step to stop at, in crash tests.
    pub stop_at: Option<Arc<StopAt>>,
    pub progress: Arc<Progress>,
}

/// The progress of a run.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Returns the items done and all items.
    pub fn get(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Observer for RunObserver {
    async fn reached(&self, step: Step) {
        if let Some(stop_at) = &self.stop_at {
            stop_at.reached(step.as_str()).await;
        }
    }

    fn progress(&self, done: u64, total: u64) {
        self.progress.done.store(done, Ordering::Relaxed);
        self.progress.total.store(total, Ordering::Relaxed);
    }
}
