//! Times in filters: an age such as `10m`, or a day or time.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, SubsecRound, Utc};

use super::{Term, Test};
use crate::Error;

/// The bound of a term whose key is a time. Such a key needs a bound, and no other key takes one. Lengths of time end at
/// `now`.
pub(super) fn bound(
    term: &Term,
    of_time: &[&str],
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let Some(key) = term.key.as_deref() else { return Ok(None) };
    let is_time = of_time.contains(&key);
    match &term.test {
        Test::Above(value) | Test::Below(value) if is_time && key == "age" => {
            let age = length(value).ok_or_else(|| {
                Error::Invalid(format!("filter: age: {value:?} is no length of time such as 10m, 2h or 7d"))
            })?;
            Ok(Some((now - age).trunc_subsecs(6)))
        }
        Test::Above(value) | Test::Below(value) if is_time => time(key, value).map(Some),
        Test::Is(_) | Test::Present if is_time => {
            let text =
                "filter: age takes a length as in age:>10m, a time a day or time as in since:>2026-11-01";
            Err(Error::Invalid(text.to_owned()))
        }
        Test::Above(_) | Test::Below(_) => {
            let text = match of_time {
                [] => format!("filter: {key} has no order"),
                of_time => format!("filter: {key} has no order; only {} take < and >", of_time.join(" and ")),
            };
            Err(Error::Invalid(text))
        }
        _ => Ok(None),
    }
}

/// A day or a time.
pub(super) fn time(key: &str, value: &str) -> Result<DateTime<Utc>, Error> {
    let day = value.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let time = day.or_else(|_| value.parse::<DateTime<Utc>>());
    time.map_err(|_| {
        Error::Invalid(format!(
            "filter: {key}: {value:?} is no day such as 2026-11-01, and no time such as 2026-11-01T12:00:00Z"
        ))
    })
}

/// A number and a unit, up to ten years.
pub(super) fn length(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(unit).filter(|seconds| *seconds <= 10 * 366 * 86_400).map(Duration::from_secs)
}
