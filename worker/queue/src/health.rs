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

/// Why a part cannot work.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The latest error and its causes.
    pub error: String,
    /// The first of the failures since the last success.
    pub since: Instant,
}

/// The health of one source. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// The store's name for display.
    place: Arc<str>,
    problems: Arc<Mutex<BTreeMap<Part, Problem>>>,
}

impl Health {
    /// Creates the health of a source whose store is `place`.
    pub(crate) fn new(place: &str) -> Self {
        Self { place: place.into(), problems: Arc::default() }
    }

    /// True if every part reaches the store.
    pub fn is_well(&self) -> bool {
        self.lock().is_empty()
    }

    /// Returns the parts that cannot work, with the reasons.
    pub fn problems(&self) -> BTreeMap<Part, Problem> {
        self.lock().clone()
    }

    /// Notes a failed call. Only the first failure of an outage is logged, not those of other parts.
    pub(crate) fn failed(&self, part: Part, error: &(dyn Error + 'static)) {
        let error = chain(error);
        let mut problems = self.lock();
        if problems.is_empty() {
            tracing::warn!(error, "{} cannot be used; no job begins until it can; trying again", self.place);
        } else {
            tracing::debug!(%part, error, "the queue's store still fails");
        }
        let problem = Problem { error: String::new(), since: Instant::now() };
        problems.entry(part).or_insert(problem).error = error;
    }

    pub(crate) fn succeeded(&self, part: Part) {
        let mut problems = self.lock();
        let Some(problem) = problems.remove(&part) else { return };
        if problems.is_empty() {
            let seconds = problem.since.elapsed().as_secs();
            tracing::info!(seconds, "{} can be used again", self.place);
        }
    }

    /// Clears a part's failure when the part has no call to make, since an old failure no longer describes the store.
    pub(crate) fn idle(&self, part: Part) {
        self.lock().remove(&part);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Part, Problem>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns an error and its causes on one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let (part, cause) = words(error);
        // Wrappers often repeat the text of their cause.
        if !text.contains(&part) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&part);
        }
        next = cause;
    }
    text
}

/// Returns an error's own text, and its cause. Database messages are returned without the driver's prefix and without
/// lines of the server's source code.
fn words<'a>(error: &'a (dyn Error + 'static)) -> (String, Option<&'a (dyn Error + 'static)>) {
    #[cfg(feature = "sql")]
    if let Some(error) = error.downcast_ref::<sea_orm::DbErr>() {
        return (crate::sql::words(error), None);
    }
    (error.to_string(), error.source())
}
