//! One line per scenario.

use std::{fmt, time::Duration};

/// The figures of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Accepted.
    pub(crate) jobs: u64,
    /// Accepted, and never done, nor dead as they should be.
    pub(crate) lost: u64,
    /// Second starts of what was in flight at a fault, under a newer token.
    pub(crate) twice_allowed: u64,
    /// Any other.
    pub(crate) twice_not_allowed: u64,
    pub(crate) stale_refused: u64,
    pub(crate) writes_refused: u64,
    pub(crate) longest_orphan: Option<Duration>,
    pub(crate) order_violations: u64,
    /// Jobs, leases and slots at the end.
    pub(crate) left: u64,
}

/// What a scenario came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) scenario: &'static str,
    pub(crate) backend: String,
    pub(crate) seed: u64,
    pub(crate) took: Duration,
    pub(crate) figures: Figures,
    /// What else is worth saying.
    pub(crate) notes: Vec<String>,
    /// Why it did not pass.
    pub(crate) faults: Vec<String>,
}

impl Report {
    pub(crate) fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

/// The names of the figures.
pub(crate) const HEAD: &str = "scenario           backend   seed   time   jobs  lost  twice(not allowed)  stale refused  \
     late writes refused  orphan  order  left  result";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            jobs,
            lost,
            twice_allowed,
            twice_not_allowed,
            stale_refused,
            writes_refused,
            longest_orphan,
            order_violations,
            left,
        } = &self.figures;
        let orphan =
            longest_orphan.map_or("-".to_owned(), |longest| format!("{:.1} s", longest.as_secs_f64()));
        let twice = format!("{twice_allowed} ({twice_not_allowed})");
        write!(
            f,
            "{:<18} {:<8} {:>5} {:>4.0} s {jobs:>6} {lost:>5} {twice:>19} {stale_refused:>14} {writes_refused:>20} \
             {orphan:>7} {order_violations:>6} {left:>5}  {}",
            self.scenario,
            self.backend,
            self.seed,
            self.took.as_secs_f64(),
            if self.passed() { "pass" } else { "FAIL" },
        )?;
        for note in &self.notes {
            write!(f, "; {note}")?;
        }
        for fault in &self.faults {
            write!(f, "\n    {fault}")?;
        }
        Ok(())
    }
}
