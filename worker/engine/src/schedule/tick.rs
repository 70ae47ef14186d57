//! Computes the next tick, and what to do with a due one.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Schedule, When};
use crate::spec::MissedTicks;

/// A tick up to this late counts as fired in time. Workers look every few seconds; a busy one may take longer.
pub const ON_TIME: TimeDelta = TimeDelta::seconds(60);

/// The most missed ticks that `missed_ticks: all` makes up for; the latest ones count.
pub const MAX_MISSED: usize = 1_000;

/// After this many ticks in a row outside of the windows, none is expected to fall into one.
const MAX_OUTSIDE: usize = 2_000;

/// What to do with a due tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The ticks that start a run each, earliest first.
    pub fires: Vec<DateTime<Utc>>,
    /// The tick after them; none if there is no later one.
    pub next: Option<DateTime<Utc>>,
}

impl Schedule {
    /// The first tick after an instant. An interval counts from `anchor`, which is any earlier tick of it.
    ///
    /// Every tick is within a window. One outside moves to the next opening, so that several ticks outside become one
    /// there; with `skip`, those of a cron expression are dropped instead. An interval continues from the opening
    /// either way.
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

    /// What to do with a due tick at `now`. The result depends on `now`: if clocks of replicas differ, the replica that
    /// advances the schedule past a tick has fired it.
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
        // Search for a start with few enough ticks: `high` has few enough, `low` has too many.
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

    /// Appends the ticks up to now to a list that begins with an instant; stops shortly after the most that are
    /// allowed.
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
