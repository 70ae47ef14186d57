//! The simulator's time. Tests advance it, so that an hour of a limit passes at once.

use chrono::{DateTime, SecondsFormat, Utc};

/// The clock of one simulator.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    /// Milliseconds that this clock is ahead of the machine's.
    ahead: i64,
    /// The time at which the clock was stopped.
    stopped: Option<i64>,
}

impl Clock {
    /// Returns milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.stopped.unwrap_or_else(|| Utc::now().timestamp_millis() + self.ahead)
    }

    /// Advances the clock; it never goes back.
    pub(crate) fn advance(&mut self, millis: i64) {
        let millis = millis.max(0);
        match &mut self.stopped {
            Some(stopped) => *stopped += millis,
            None => self.ahead += millis,
        }
    }

    /// Stops the clock, or lets it continue from the time at which it was stopped.
    pub(crate) fn stop(&mut self, stop: bool) {
        let now = self.now();
        if stop {
            self.stopped = Some(now);
        } else if self.stopped.take().is_some() {
            self.ahead = now - Utc::now().timestamp_millis();
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }
}

/// Formats seconds since 1970 as `2026-11-20T10:15:30Z`.
pub(crate) fn stamp(seconds: i64) -> String {
    DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Reads a time as seconds since 1970; fractions are dropped.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_by_hand() {
        let mut clock = Clock::default();
        clock.stop(true);
        let start = clock.now();
        clock.advance(3_600_000);
        assert_eq!(clock.now(), start + 3_600_000);
        clock.stop(false);
        assert!(clock.now() >= start + 3_600_000 && !clock.is_stopped());
    }

    #[test]
    fn times_have_whole_seconds() {
        assert_eq!(stamp(1_790_000_000), "2026-09-21T14:13:20Z");
        assert_eq!(seconds("2026-09-21T14:13:20.900Z"), Some(1_790_000_000));
        assert_eq!(seconds("2026-09-21T16:13:20+02:00"), Some(1_790_000_000));
        assert_eq!(seconds("yesterday"), None);
    }
}
