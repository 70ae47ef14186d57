//! Which tick comes next, and what to do with one that is due.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Schedule, When};
use crate::spec::MissedTicks;

/// So late a tick still counts as fired in time. Workers look every few seconds; a busy one may take longer.
pub const ON_TIME: TimeDelta = TimeDelta::seconds(60);

/// Where each missed tick is made up for, the latest so many are.
pub const MAX_MISSED: usize = 1_000;

/// So many ticks in a row may fall outside of the windows, then none ever falls into one.
const MAX_OUTSIDE: usize = 2_000;

/// What to do with a tick whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The ticks that make a run each, the earliest first.
    pub fires: Vec<DateTime<Utc>>,
    /// The tick after them; nothing if there is none any more.
    pub next: Option<DateTime<Utc>>,
}

impl Schedule {
    /// The first tick after an instant. An interval counts from `anchor`, which is any earlier tick of it.
    ///
    /// Every tick is within a window. One that would not be moves to the window's opening, so that several that would fall
    /// outside are one there; with `skip`, those of a cron expression are left out instead. An interval goes on from the
    /// opening either way.
    pub fn next_tick(&self, anchor: DateTime<Utc>, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut tick = self.tick_after(anchor, after)?;
        let Some(windows) = &self.windows else { return Some(tick) };
        let moves = self.missed != MissedTicks::Skip || matches!(self.when, When::Every(_));
        for _ in 0..MAX_OUTSIDE {
            let opens = windows.next_open(self.zone, tick)?;
            if opens == tick || moves {
                return Some(opens);
            }
            tick = self.tick_after(anchor, opens.checked_sub_signed(TimeDelta::microseconds(1))?)?;
        }
        None
    }

    /// What to do with a due tick now. It depends on what time it is: of replicas whose clocks differ, the one that moves
    /// the schedule on from a tick has fired it.
    pub fn due(&self, tick: DateTime<Utc>, now: DateTime<Utc>) -> Due {
        if tick > now {
            return Due { fires: Vec::new(), next: Some(tick) };
        }
        let in_time = now - tick <= ON_TIME;
        let open = |at| self.windows.as_ref().is_none_or(|windows| windows.are_open(self.zone, at));
        let may = open(now) || (in_time && open(tick));
        let fires = match self.missed {
            MissedTicks::Skip if may && in_time => vec![tick],
            MissedTicks::Skip => Vec::new(),
            _ if !may => {
                let opens = self.windows.as_ref().and_then(|windows| windows.next_open(self.zone, now));
                return Due { fires: Vec::new(), next: opens };
            }
            MissedTicks::Once => vec![tick],
            MissedTicks::All => self.latest(tick, now),
        };
        Due { next: self.next_tick(tick, now), fires }
    }

    /// The latest ticks from this one to now.
    fn latest(&self, tick: DateTime<Utc>, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let ticks = self.ticks(tick, vec![tick], now);
        if ticks.len() <= MAX_MISSED {
            return ticks;
        }
        // Where to begin so that they are not too many: between `low`, where they are, and `high`, where they are not.
        let (mut low, mut high) = (tick, now);
        while high - low > TimeDelta::milliseconds(500) {
            let middle = low + (high - low) / 2;
            let many = self.ticks(tick, vec![middle], now).len() > MAX_MISSED + 1;
            if many { low = middle } else { high = middle }
        }
        let mut ticks = self.ticks(tick, vec![high], now);
        ticks.remove(0);
        ticks
    }

    /// Adds the ticks up to now to a list that begins with an instant; a few more than there may be are enough to know.
    fn ticks(
        &self,
        anchor: DateTime<Utc>,
        mut ticks: Vec<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Vec<DateTime<Utc>> {
        while ticks.len() < MAX_MISSED + 2
            && let Some(last) = ticks.last()
            && let Some(next) = self.next_tick(anchor, *last).filter(|next| *next <= now)
        {
            ticks.push(next);
        }
        ticks
    }

    fn tick_after(&self, anchor: DateTime<Utc>, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.when {
            When::Cron(cron) => cron.next(self.zone, after),
            When::Every(step) => {
                let step = step.num_microseconds().filter(|step| *step > 0)?;
                let passed = (after - anchor).num_microseconds()?.div_euclid(step);
                let ahead = passed.checked_add(1)?.checked_mul(step)?;
                anchor.checked_add_signed(TimeDelta::microseconds(ahead))
            }
        }
    }
}
