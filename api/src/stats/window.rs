//! The time range of statistics.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};

/// The time range of statistics, written as `24h`, `7d` or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// All time.
    All,
    /// The last so many of a unit.
    Last(u32, Unit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
}

impl Unit {
    const ALL: [(char, Unit); 4] =
        [('m', Unit::Minutes), ('h', Unit::Hours), ('d', Unit::Days), ('w', Unit::Weeks)];

    fn seconds(self) -> i64 {
        match self {
            Unit::Minutes => 60,
            Unit::Hours => 3_600,
            Unit::Days => 86_400,
            Unit::Weeks => 604_800,
        }
    }

    fn letter(self) -> char {
        Unit::ALL.into_iter().find(|(_, unit)| *unit == self).map_or('h', |(letter, _)| letter)
    }
}

impl Default for Window {
    fn default() -> Self {
        Window::Last(24, Unit::Hours)
    }
}

impl Window {
    /// The beginning of a window that ends now; none for all time, and for a window that begins before 1970.
    pub fn since(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Window::All => None,
            Window::Last(number, unit) => {
                let length = TimeDelta::seconds(i64::from(number) * unit.seconds());
                now.checked_sub_signed(length).filter(|since| *since >= DateTime::UNIX_EPOCH)
            }
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::All => f.write_str("all"),
            Window::Last(number, unit) => write!(f, "{number}{}", unit.letter()),
        }
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not a window: a number and m, h, d or w, such as 24h or 7d; or all");
        if text == "all" {
            return Ok(Window::All);
        }
        let letter = text.chars().last().ok_or_else(wrong)?;
        let (_, unit) = Unit::ALL.into_iter().find(|(known, _)| *known == letter).ok_or_else(wrong)?;
        let number = &text[..text.len() - letter.len_utf8()];
        let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        Ok(Window::Last(number, unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_as_it_is_written() {
        for text in ["24h", "7d", "30m", "2w", "all", "4294967295w"] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
        for text in ["", "24", "h", "-1h", "0d", "1.5h", "24H", "7 d", "ALL", "4294967296d", "é"] {
            let error = text.parse::<Window>().unwrap_err();
            assert!(error.contains("such as 24h"), "{error}");
        }
    }

    #[test]
    fn a_window_ends_now() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        assert_eq!(Window::Last(7, Unit::Days).since(now), DateTime::from_timestamp(1_799_395_200, 0));
        assert_eq!(Window::All.since(now), None);
        assert_eq!(Window::Last(51_320_118, Unit::Hours).since(now), None);
        assert_eq!("4294967295w".parse::<Window>().unwrap().since(now), None);
    }
}
