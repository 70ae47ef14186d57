//! Background tasks that are restarted when they end too early.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    future::{Future, pending},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{meter::RESTARTS, retry::StoreBackoff};

/// A task that has run for this long since its last end counts as well again.
const STEADY: Duration = Duration::from_secs(10);
/// A task that panics this often after it was asked to close is not restarted.
const TRIES_AT_CLOSE: u32 = 3;

/// The background tasks of a process. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    down: Arc<Mutex<BTreeMap<&'static str, Down>>>,
    plant: Option<Arc<Plant>>,
}

/// A task that ended too early, and has not run steadily since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Why it last ended.
    pub error: String,
    /// How often it was restarted.
    pub restarts: u32,
    /// When it first ended.
    pub since: Instant,
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Down { error, restarts, since } = self;
        write!(f, "{error}; started again {restarts} times in {} s", since.elapsed().as_secs())
    }
}

/// A panic for tests: the task of this name panics once, shortly after its start.
#[derive(Debug)]
struct Plant {
    task: String,
    done: AtomicBool,
}

impl Tasks {
    /// For tests: creates tasks of which the one of this name panics once.
    #[must_use]
    pub fn with_panic_in(task: impl Into<String>) -> Tasks {
        let plant = Plant { task: task.into(), done: AtomicBool::new(false) };
        Tasks { plant: Some(Arc::new(plant)), ..Tasks::default() }
    }

    /// Returns the tasks that ended too early and have not run for ten seconds since.
    pub fn down(&self) -> BTreeMap<&'static str, Down> {
        self.lock().clone()
    }

    /// Runs a task until it ends after `closing` was cancelled. A task that ends or panics earlier is restarted, with
    /// growing waits.
    pub async fn keep<F>(&self, name: &'static str, closing: &CancellationToken, work: impl Fn() -> F)
    where
        F: Future<Output = ()>,
    {
        let mut backoff = StoreBackoff::new();
        let mut at_close = 0;
        loop {
            let begun = Instant::now();
            let ended = tokio::select! {
                biased;
                ended = AssertUnwindSafe(work()).catch_unwind() => ended,
                panic = AssertUnwindSafe(self.planted(name)).catch_unwind() => panic,
                () = self.note_steady(name) => continue,
            };
            let closes = closing.is_cancelled();
            let error = match ended {
                Ok(()) if closes => {
                    self.lock().remove(name);
                    return;
                }
                Ok(()) => "it ended by itself".to_owned(),
                Err(panic) => format!("it panicked: {}", panic_message(&*panic)),
            };
            if begun.elapsed() >= STEADY {
                backoff.reset();
            }
            self.note_down(name, error);
            if closes {
                at_close += 1;
                if at_close >= TRIES_AT_CLOSE {
                    return;
                }
                continue;
            }
            // A closing task still has work to finish.
            let _ = time::timeout(backoff.next(), closing.cancelled()).await;
        }
    }

    fn note_down(&self, name: &'static str, error: String) {
        metrics::counter!(RESTARTS, "task" => name).increment(1);
        let mut down = self.lock();
        match down.get_mut(name) {
            Some(known) => {
                tracing::debug!(task = name, error, "a background task ended once more");
                known.error = error;
                known.restarts += 1;
            }
            None => {
                tracing::error!(task = name, error, "a background task ended; it is started again");
                down.insert(name, Down { error, restarts: 1, since: Instant::now() });
            }
        }
    }

    /// Marks the task as well once it has run for [`STEADY`]; never returns.
    async fn note_steady(&self, name: &'static str) {
        if self.lock().contains_key(name) {
            time::sleep(STEADY).await;
            if let Some(down) = self.lock().remove(name) {
                let seconds = down.since.elapsed().as_secs();
                tracing::info!(
                    task = name,
                    seconds,
                    restarts = down.restarts,
                    "a background task runs again"
                );
            }
        }
        pending().await
    }

    #[expect(clippy::panic, reason = "a test asked for it")]
    async fn planted(&self, name: &'static str) {
        if let Some(plant) = self.plant.as_ref().filter(|plant| plant.task == name)
            && !plant.done.load(Ordering::Relaxed)
        {
            time::sleep(Duration::from_millis(300)).await;
            plant.done.store(true, Ordering::Relaxed);
            panic!("a panic planted by a test");
        }
        pending().await
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Down>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    /// Keeps a task that panics at its first `panics` starts, and then runs until it closes.
    async fn kept(tasks: &Tasks, panics: u32, closing: &CancellationToken) -> u32 {
        let starts = AtomicU32::new(0);
        let work = || async {
            let start = starts.fetch_add(1, Ordering::Relaxed);
            assert!(start >= panics, "start {start}");
            closing.cancelled().await;
        };
        tasks.keep("task", closing, work).await;
        starts.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_and_is_well_after_a_while() {
        let (tasks, closing) = (Tasks::default(), CancellationToken::new());
        let look = async {
            time::sleep(Duration::from_secs(3)).await;
            let down = tasks.down();
            let down = down.get("task").expect("the task is down");
            assert_eq!((down.restarts, down.error.as_str()), (2, "it panicked: start 1"));
            time::sleep(Duration::from_secs(20)).await;
            assert!(tasks.down().is_empty());
            closing.cancel();
        };
        let (starts, ()) = tokio::join!(kept(&tasks, 2, &closing), look);
        assert_eq!(starts, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_by_itself_is_started_again() {
        let (tasks, closing) = (Tasks::default(), CancellationToken::new());
        let starts = AtomicU32::new(0);
        let work = || async {
            if starts.fetch_add(1, Ordering::Relaxed) > 0 {
                closing.cancel();
            }
        };
        tasks.keep("task", &closing, work).await;
        assert_eq!(starts.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_always_panics_does_not_hold_up_the_end() {
        let (tasks, closing) = (Tasks::default(), CancellationToken::new());
        let end = async {
            time::sleep(Duration::from_secs(60)).await;
            closing.cancel();
        };
        let (starts, ()) = tokio::join!(kept(&tasks, u32::MAX, &closing), end);
        assert!(starts > TRIES_AT_CLOSE, "{starts}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_planted_panic_comes_once() {
        let (tasks, closing) = (Tasks::with_panic_in("task"), CancellationToken::new());
        let end = async {
            time::sleep(Duration::from_secs(5)).await;
            assert_eq!(tasks.down().get("task").map(|down| down.restarts), Some(1));
            closing.cancel();
        };
        let (starts, ()) = tokio::join!(kept(&tasks, 0, &closing), end);
        assert_eq!(starts, 2);
    }
}
