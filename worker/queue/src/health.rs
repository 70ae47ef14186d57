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
    /// The store, for people.
    place: Arc<str>,
    problems: Arc<Mutex<BTreeMap<Part, Problem>>>,
}

impl Health {
    /// Of a source whose store is at this place.
    pub(crate) fn new(place: &str) -> Self {
        Self { place: place.into(), problems: Arc::default() }
    }

    /// Does every part reach the store?
    pub fn is_well(&self) -> bool {
        self.lock().is_empty()
    }

    /// The parts in trouble.
    pub fn problems(&self) -> BTreeMap<Part, Problem> {
        self.lock().clone()
    }

    /// A call failed. The first failure of an outage is logged; the other parts that meet it are not.
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

    /// A part has nothing to ask the store, so its last failure says nothing about the store any more.
    pub(crate) fn idle(&self, part: Part) {
        self.lock().remove(&part);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Part, Problem>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error and its causes on one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let (part, cause) = words(error);
        // Wrappers often repeat what they wrap.
        if !text.contains(&part) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&part);
        }
        next = cause;
    }
    text
}

/// An error in its own words, and its cause. Those of a database are without the driver's words and without the lines of
/// the server's source code.
fn words<'a>(error: &'a (dyn Error + 'static)) -> (String, Option<&'a (dyn Error + 'static)>) {
    #[cfg(feature = "sql")]
    if let Some(error) = error.downcast_ref::<sea_orm::DbErr>() {
        return (crate::sql::words(error), None);
    }
    (error.to_string(), error.source())
}
