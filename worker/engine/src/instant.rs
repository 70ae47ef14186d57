//! Times and dates as platforms write them.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};

/// A point in time and the precision in which its platform states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    pub at: DateTime<Utc>,
    pub precision: Precision,
}

/// The unit in which a platform states times; coarse to fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    Minute,
    Second,
    Milli,
    Micro,
}

impl Precision {
    /// The length of the unit in microseconds.
    pub fn micros(self) -> i64 {
        match self {
            Precision::Minute => 60_000_000,
            Precision::Second => 1_000_000,
            Precision::Milli => 1_000,
            Precision::Micro => 1,
        }
    }
}

impl Instant {
    /// An instant in `precision`; finer digits are cut.
    pub fn new(at: DateTime<Utc>, precision: Precision) -> Self {
        let unit = precision.micros();
        let micros = at.timestamp_micros().div_euclid(unit) * unit;
        Self { at: DateTime::from_timestamp_micros(micros).unwrap_or(at), precision }
    }

    /// True if two instants are equal at the coarser precision of the two.
    pub fn same(&self, other: &Instant) -> bool {
        let precision = self.precision.min(other.precision);
        Instant::new(self.at, precision).at == Instant::new(other.at, precision).at
    }

    /// RFC 3339 in UTC, with as many digits as the precision has.
    pub fn to_text(&self) -> String {
        match self.precision {
            Precision::Minute => self.at.format("%Y-%m-%dT%H:%MZ").to_string(),
            Precision::Second => self.at.to_rfc3339_opts(SecondsFormat::Secs, true),
            Precision::Milli => self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            Precision::Micro => self.at.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }

    /// Parses a complete time; none if it has digits beyond microseconds.
    pub fn exact(text: &str) -> Option<Instant> {
        let digits = text.split_once('.').map_or("", |(_, rest)| rest);
        let beyond = digits.bytes().take_while(u8::is_ascii_digit).skip(6);
        Instant::parse(text).filter(|_| beyond.into_iter().all(|digit| digit == b'0'))
    }

    /// Parses a complete time: `YYYY-MM-DD`, a space or a `T`, `HH:MM` or `HH:MM:SS` with up to nine decimals, and
    /// optionally `Z`, `+02`, `+0200` or `+02:00`; UTC without one. Digits beyond microseconds are cut.
    pub fn parse(text: &str) -> Option<Instant> {
        let text = text.trim();
        let at = text.find(['T', 't', ' '])?;
        let date = parse_date(&text[..at])?;
        let rest = &text[at + 1..];
        let zone_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
        let (time, precision) = parse_time(&rest[..zone_at])?;
        let offset = parse_zone(&rest[zone_at..])?;
        let local = date.and_time(time);
        let utc = local.checked_sub_signed(TimeDelta::seconds(i64::from(offset.local_minus_utc())))?;
        // The zone may move the time out of the years that have four digits.
        (1000..=9999).contains(&utc.year()).then(|| Instant::new(utc.and_utc(), precision))
    }
}

/// Parses a complete date, `YYYY-MM-DD`. Refuses a year below 1000: it probably lacks its century.
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.trim().split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(digits(year, 4)? as i32, digits(month, 2)?, digits(day, 2)?)?;
    (date.year() >= 1000).then_some(date)
}

fn parse_time(text: &str) -> Option<(NaiveTime, Precision)> {
    let mut parts = text.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, parts.next()?);
    let second = parts.next();
    if parts.next().is_some() || minute.len() != 2 {
        return None;
    }
    let minute = digits(minute, 2)?;
    let Some(second) = second else {
        return Some((NaiveTime::from_hms_opt(hour, minute, 0)?, Precision::Minute));
    };
    let (whole, fraction) = second.split_once('.').unwrap_or((second, ""));
    if whole.len() != 2 || (second.contains('.') && fraction.is_empty()) {
        return None;
    }
    let (nanos, precision) = match fraction.len() {
        0 => (0, Precision::Second),
        length @ 1..=9 => {
            let nanos = digits(fraction, 9)? * 10_u32.pow(9 - length as u32);
            (nanos, if length <= 3 { Precision::Milli } else { Precision::Micro })
        }
        _ => return None,
    };
    Some((NaiveTime::from_hms_nano_opt(hour, minute, digits(whole, 2)?, nanos)?, precision))
}

fn parse_zone(text: &str) -> Option<FixedOffset> {
    let text = text.strip_prefix(' ').unwrap_or(text);
    let sign = match text.as_bytes().first() {
        None | Some(b'Z' | b'z') if text.len() <= 1 => return FixedOffset::east_opt(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return None,
    };
    let (hours, minutes) = match (text.len(), text.get(3..4)) {
        (3, _) => (&text[1..], "00"),
        (5, _) => (text.get(1..3)?, text.get(3..)?),
        (6, Some(":")) => (text.get(1..3)?, text.get(4..)?),
        _ => return None,
    };
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    // The range of a FixedOffset, in whole minutes.
    let seconds = (minutes < 60).then_some((hours * 60 + minutes) * 60)?;
    FixedOffset::east_opt(sign * seconds as i32)
}

/// Parses a number of one to `most` digits.
fn digits(text: &str, most: usize) -> Option<u32> {
    let valid = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}
