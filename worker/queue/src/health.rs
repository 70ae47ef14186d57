//! Whether a source can reach its store.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// A background task of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Claims jobs.
    Fetcher,
    /// Stores outcomes.
    Acknowledger,
    /// Renews leases.
    LeaseKeeper,
    /// Finds leases that ran out.
    Rescuer,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Fetcher => "fetcher",
            Part::Acknowledger => "acknowledger",
            Part::LeaseKeeper => "lease keeper",
            Part::Rescuer => "rescuer",
        })
    }
}

/// What keeps a part from its work.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The latest error, with its causes.
    pub error: String,
    /// Since when every try has failed.
    pub since: Instant,
}

/// The health of one source; clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Health {
    problems: Arc<Mutex<BTreeMap<Part, Problem>>>,
}

impl Health {
    /// Does every part reach the store?
    pub fn is_well(&self) -> bool {
        self.lock().is_empty()
    }

    /// The parts in trouble.
    pub fn problems(&self) -> BTreeMap<Part, Problem> {
        self.lock().clone()
    }

    /// A call failed. Logged once until one succeeds again.
    pub(crate) fn failed(&self, part: Part, error: &(dyn Error + 'static)) {
        let error = chain(error);
        let mut problems = self.lock();
        if let Some(problem) = problems.get_mut(&part) {
            tracing::debug!(%part, error, "the queue's store still fails");
            problem.error = error;
        } else {
            tracing::warn!(%part, error, "the queue's store fails; trying again");
            problems.insert(part, Problem { error, since: Instant::now() });
        }
    }

    pub(crate) fn succeeded(&self, part: Part) {
        if let Some(problem) = self.lock().remove(&part) {
            let seconds = problem.since.elapsed().as_secs();
            tracing::info!(%part, seconds, "the queue's store answers again");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Part, Problem>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        // Wrappers often repeat what they wrap.
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}
