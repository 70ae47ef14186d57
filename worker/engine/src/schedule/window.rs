//! Run windows: `Mon-Fri 06:00-22:00`.

use chrono::{DateTime, Datelike, Days, NaiveTime, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;

use super::instant_of;

const DAY: u32 = 24 * 60;

/// Times of the week in which a sync runs by itself; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows(Vec<Window>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    /// The days on which it opens, Monday first.
    days: [bool; 7],
    /// The minute of the day at which it opens.
    from: u32,
    /// The minute of the day at which it closes; if not after `from`, on the next day.
    to: u32,
}

impl Windows {
    /// Parses windows separated by commas: days, times, or both. The error says what is wrong, and what is allowed.
    pub fn parse(text: &str) -> Result<Windows, String> {
        read(text).map(Windows).map_err(|why| {
            format!(
                "{text:?}: {why}; write days and times as in \"Mon-Fri 06:00-22:00\", several separated by commas; without \
                 days it holds every day, without times the whole day"
            )
        })
    }

    /// True if a window is open.
    pub fn are_open(&self, zone: Tz, at: DateTime<Utc>) -> bool {
        let wall = at.with_timezone(&zone);
        let (today, minute) = (wall.weekday(), wall.hour() * 60 + wall.minute());
        self.0.iter().any(|window| window.holds(today, minute))
    }

    /// The first instant from `at` on at which a window is open: `at` itself if one is.
    pub fn next_open(&self, zone: Tz, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.are_open(zone, at) {
            return Some(at);
        }
        let today = at.with_timezone(&zone).date_naive();
        // A week and a day, twice, because the clock may skip a window.
        let days = (0..=15).filter_map(|ahead| today.checked_add_days(Days::new(ahead)));
        for day in days {
            let opens = |window: &Window| {
                let opens = window.days[index(day.weekday())].then_some(window.from)?;
                Some(day.and_time(NaiveTime::from_hms_opt(opens / 60, opens % 60, 0)?))
            };
            let instants = self.0.iter().filter_map(opens).flat_map(|wall| {
                // A clock that is put back may show the time twice.
                let again = zone.from_local_datetime(&wall).latest().map(|at| at.to_utc());
                [instant_of(zone, wall), again].into_iter().flatten()
            });
            if let Some(first) = instants.filter(|opens| *opens > at && self.are_open(zone, *opens)).min() {
                return Some(first);
            }
        }
        None
    }
}

/// Refuses a mix of windows with and without times: the comma could be meant to separate days of one window.
fn read(text: &str) -> Result<Vec<Window>, String> {
    let pieces: Vec<&str> = text.split(',').map(str::trim).collect();
    let timed = |piece: &str| piece.contains(':');
    if let Some(bare) = pieces.iter().find(|piece| !piece.is_empty() && !timed(piece))
        && pieces.iter().any(|piece| timed(piece))
    {
        return Err(format!(
            "{bare:?} names no times while others do: write \"{bare} 00:00-24:00\" for the whole day, and days of the same \
             times without a comma, as in \"Mon Wed 06:00-22:00\""
        ));
    }
    pieces.into_iter().map(Window::parse).collect()
}

impl Window {
    fn parse(text: &str) -> Result<Window, String> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let (days, times) = match parts.split_last() {
            None => return Err("a window is empty".to_owned()),
            Some((last, before)) if last.starts_with(|c: char| c.is_ascii_digit()) => (before, Some(*last)),
            Some(_) => (parts.as_slice(), None),
        };
        let mut window = Window { days: [days.is_empty(); 7], from: 0, to: DAY };
        for part in days {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (weekday(first)?, weekday(last)?);
            let mut day = first;
            window.days[index(day)] = true;
            while day != last {
                day = day.succ();
                window.days[index(day)] = true;
            }
        }
        if let Some(times) = times {
            let (from, to) = times.split_once('-').ok_or_else(|| format!("{times:?} has no end"))?;
            (window.from, window.to) = (minute(from)?, minute(to)?);
            if window.from == DAY {
                return Err(format!("{from:?} is the end of a day; write 00:00"));
            }
            if window.from == window.to {
                return Err(format!("{times:?} begins when it ends"));
            }
        }
        Ok(window)
    }

    fn holds(&self, today: Weekday, minute: u32) -> bool {
        let (on, on_before) = (self.days[index(today)], self.days[index(today.pred())]);
        if self.from < self.to {
            on && (self.from..self.to).contains(&minute)
        } else {
            (on && minute >= self.from) || (on_before && minute < self.to)
        }
    }
}

fn index(day: Weekday) -> usize {
    day.num_days_from_monday() as usize
}

fn weekday(name: &str) -> Result<Weekday, String> {
    let name = name.trim();
    // Refuses numbers, which would have another meaning in cron.
    name.parse().map_err(|_| format!("{name:?} is no day; the days are Mon, Tue, Wed, Thu, Fri, Sat, Sun"))
}

fn minute(time: &str) -> Result<u32, String> {
    let wrong = || format!("{time:?} is no time of the day; write 06:00, or 24:00 for the end of the day");
    let (hour, minute) = time.split_once(':').ok_or_else(wrong)?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return Err(wrong());
    }
    match (hour.parse::<u32>(), minute.parse::<u32>()) {
        (Ok(24), Ok(0)) => Ok(DAY),
        (Ok(hour @ 0..24), Ok(minute @ 0..60)) => Ok(hour * 60 + minute),
        _ => Err(wrong()),
    }
}
