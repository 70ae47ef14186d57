//! Intervals such as `every_15_minutes`.

use chrono::TimeDelta;

/// The longest interval.
const LONGEST_DAYS: i64 = 366;

/// The text after `every`, if the text begins with it.
pub(super) fn strip(text: &str) -> Option<&str> {
    let text = text.trim();
    let head = text.get(..5)?;
    let rest = text.get(5..)?;
    (head.eq_ignore_ascii_case("every") && rest.starts_with(['_', ' ', '\t'])).then_some(rest)
}

/// Parses the interval after `every`: a number (1 if there is none) and a unit.
pub(super) fn parse(rest: &str) -> Result<TimeDelta, String> {
    let shown = rest.trim_matches(['_', ' ', '\t']);
    let parts: Vec<&str> = shown.split(['_', ' ', '\t']).filter(|part| !part.is_empty()).collect();
    let (count, unit) = match parts.as_slice() {
        [one] => {
            let digits = one.find(|c: char| !c.is_ascii_digit()).unwrap_or(one.len());
            if digits == 0 { ("1", *one) } else { one.split_at(digits) }
        }
        [count, unit] => (*count, *unit),
        _ => return Err(wrong(shown)),
    };
    let seconds = match unit.to_ascii_lowercase().as_str() {
        "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        _ => return Err(wrong(shown)),
    };
    let count: i64 = count.parse().map_err(|_| wrong(shown))?;
    let interval = count.checked_mul(seconds).filter(|seconds| (1..=LONGEST_DAYS * 86_400).contains(seconds));
    let interval = interval.and_then(TimeDelta::try_seconds);
    interval.ok_or_else(|| format!("every {shown} is not between 1 second and {LONGEST_DAYS} days"))
}

fn wrong(shown: &str) -> String {
    format!(
        "every {shown:?} is not understood; write every_N_seconds, every_N_minutes, every_N_hours or every_N_days, for \
         example every_15_minutes or \"every 90 seconds\""
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("every_15_minutes", 900)]
    #[case("every 90 seconds", 90)]
    #[case("every_2_hours", 7_200)]
    #[case("every_1_day", 86_400)]
    #[case("Every Minute", 60)]
    #[case("every 15m", 900)]
    #[case("  every_1_s ", 1)]
    #[case("every_366_days", 366 * 86_400)]
    fn intervals_are_read(#[case] text: &str, #[case] seconds: i64) {
        assert_eq!(parse(strip(text).expect("every")), Ok(TimeDelta::seconds(seconds)));
    }

    #[rstest]
    #[case("every_0_minutes", "not between 1 second and 366 days")]
    #[case("every_367_days", "not between")]
    #[case("every_99999999999999999999_days", "not understood")]
    #[case("every_9223372036854775807_days", "not between")]
    #[case("every_2_fortnights", "every_N_minutes")]
    #[case("every_-5_minutes", "not between")]
    #[case("every _", "not understood")]
    #[case("every 1 2 minutes", "not understood")]
    fn what_is_no_interval_is_refused(#[case] text: &str, #[case] says: &str) {
        let error = parse(strip(text).expect("every")).unwrap_err();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn only_every_is_an_interval() {
        assert!(strip("*/15 * * * *").is_none() && strip("everyday").is_none() && strip("ev").is_none());
        assert!(strip("évery").is_none());
    }
}
