//! The schedule of a sync, compiled from its document.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{Finding, MissedTicks, SyncSpec};
use crate::schedule::{Schedule, When, Windows, parse_zone};

impl SyncSpec {
    /// The schedule of this sync; none if it does not run by itself. Ignores whether the sync is enabled.
    pub fn timetable(&self) -> Result<Option<Schedule>, Vec<Finding>> {
        let mut findings = Vec::new();
        let zone = self.timezone.as_deref().map_or(Ok(Tz::UTC), parse_zone);
        let zone = zone.map_err(|why| findings.push(Finding::error("timezone", why)));
        let when = match &self.schedule {
            Some(text) => When::parse(text).map(Some),
            None => Ok(When::seconds(self.sync_interval)),
        };
        let when = when.map_err(|why| findings.push(Finding::error("schedule", why)));
        let windows = self.run_window.as_deref().map(Windows::parse).transpose();
        let windows = windows.map_err(|why| findings.push(Finding::error("run_window", why)));
        let (Ok(zone), Ok(when), Ok(windows)) = (zone, when, windows) else { return Err(findings) };
        let Some(when) = when else { return Ok(None) };
        let schedule = Schedule { when, zone, windows, missed: self.missed_ticks };
        // A zone changes too little for the result to depend on the date.
        let some_day = DateTime::<Utc>::UNIX_EPOCH;
        if schedule.next_tick(some_day, some_day).is_none() {
            let remedy = match self.missed_ticks {
                MissedTicks::Skip => "; with missed_ticks: once a tick outside of it fires when it opens",
                MissedTicks::Once | MissedTicks::All => "",
            };
            let why = format!("no tick of the schedule falls into it, so that it would never fire{remedy}");
            return Err(vec![Finding::error("run_window", why)]);
        }
        Ok(Some(schedule))
    }
}
