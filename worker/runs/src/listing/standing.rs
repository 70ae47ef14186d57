//! The status by which jobs are listed.

use std::{fmt, str::FromStr};

/// Selects jobs by their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A worker executes it.
    InProgress,
    /// It has not begun, or waits for a retry; in the queue or not.
    Queued,
    /// Those of the queued ones that are not in the queue: their sync is paused, or the queue's store is down.
    Undispatched,
    /// Given up; a dead letter.
    Dead,
}

impl Standing {
    pub const ALL: [Standing; 4] =
        [Standing::InProgress, Standing::Queued, Standing::Undispatched, Standing::Dead];

    /// Returns the name in commands and in the API: the status of the jobs, except for a part of the queued ones.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::InProgress => "in_progress",
            Standing::Queued => "queued",
            Standing::Undispatched => "undispatched",
            Standing::Dead => "failed",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Standing {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        // Names of earlier versions.
        let name = match name {
            "waiting" => "queued",
            "running" => "in_progress",
            "dead" => "failed",
            name => name,
        };
        let found = Standing::ALL.into_iter().find(|standing| standing.as_str() == name);
        found.ok_or_else(|| {
            format!(
                "{name:?} is no status of listed jobs: queued, in_progress, failed, or undispatched for a part of the queued \
                 ones; runs that are over are in the history"
            )
        })
    }
}
