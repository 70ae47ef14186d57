//! Parses the response headers in which platforms report their limits.

use std::time::Duration;

use chrono::{DateTime, Utc};

use syncline_engine::limits::{Dimension, LONGEST_WAIT, Observed};

/// Parses a `Retry-After` header: a number of seconds, or a date in any of the three forms of RFC 9110. Returns zero
/// for a past time, at most [`LONGEST_WAIT`], and `None` for other text.
///
/// Accepts seconds with a fraction as well: RFC 9110 forbids them, but some platforms send them.
///
/// ```
/// # use std::time::Duration;
/// # use syncline_connectors::headers::retry_after;
/// let now = "1994-11-06T08:49:07Z".parse().unwrap();
/// assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
/// assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(30)));
/// ```
pub fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    seconds(value).or_else(|| {
        let date = httpdate::parse_http_date(value).ok()?;
        Some(until(date.into(), now))
    })
}

/// The form in which a platform writes the time at which its window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetForm {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Seconds since the epoch, as GitHub does.
    EpochSeconds,
    /// Seconds or milliseconds since the epoch, told apart by their size: Linear has sent both.
    Epoch,
    /// A date and time of ISO 8601, as Jira does.
    Iso8601,
}

impl ResetForm {
    /// The time until then, at most [`LONGEST_WAIT`]. Pass the response's own `Date` as `now`, because clocks differ.
    pub fn read(self, value: &str, now: DateTime<Utc>) -> Option<Duration> {
        let value = value.trim();
        let at = |time: Option<DateTime<Utc>>| time.map(|time| until(time, now));
        match self {
            ResetForm::Seconds => seconds(value),
            ResetForm::Milliseconds => seconds(value).map(|time| time / 1_000),
            ResetForm::EpochSeconds => at(DateTime::from_timestamp(whole(value)?, 0)),
            ResetForm::Epoch => match whole(value)? {
                millis @ 1_000_000_000_000.. => at(DateTime::from_timestamp_millis(millis)),
                seconds => at(DateTime::from_timestamp(seconds, 0)),
            },
            ResetForm::Iso8601 => at(iso8601(value)),
        }
    }
}

/// The headers in which a platform reports one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderSet {
    /// The amount per window.
    pub limit: Option<&'static str>,
    /// The amount left.
    pub remaining: &'static str,
    /// The end of the window.
    pub reset: Option<(&'static str, ResetForm)>,
}

impl HeaderSet {
    /// Reads the headers of a response through a lookup function. `None` if they contain nothing usable.
    pub fn observe<'a>(
        &self,
        dimension: &Dimension,
        header: impl Fn(&str) -> Option<&'a str>,
        now: DateTime<Utc>,
    ) -> Option<Observed> {
        let number = |name: &str| {
            header(name)?.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
        };
        let limit = self.limit.and_then(number).filter(|limit| *limit > 0.0);
        let remaining = number(self.remaining);
        let reset_in = self.reset.and_then(|(name, form)| form.read(header(name)?, now));
        (limit.is_some() || remaining.is_some()).then(|| Observed {
            dimension: dimension.clone(),
            limit,
            remaining,
            reset_in,
        })
    }
}

/// Parses digits with an optional fraction.
fn seconds(value: &str) -> Option<Duration> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = match value.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(value),
    };
    if !is_number {
        return None;
    }
    let seconds: f64 = value.parse().ok()?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT))
}

/// Parses a whole number; ignores a fraction.
fn whole(value: &str) -> Option<i64> {
    let value = value.split_once('.').map_or(value, |(whole, _)| whole);
    value.parse().ok()
}

/// With or without seconds: Jira writes `2026-11-20T10:00Z`.
fn iso8601(value: &str) -> Option<DateTime<Utc>> {
    value
        .parse()
        .or_else(|_| {
            DateTime::parse_from_str(value, "%Y-%m-%dT%H:%M%#z").map(|time| time.with_timezone(&Utc))
        })
        .ok()
}

fn until(time: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (time - now).to_std().unwrap_or_default().min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests;
