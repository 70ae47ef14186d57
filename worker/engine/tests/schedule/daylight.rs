//! Clocks that are put forward and back. Europe/Berlin goes from 02:00 to 03:00 on 2026-03-29 (01:00 UTC) and from
//! 03:00 to 02:00 on 2026-10-25 (01:00 UTC).

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use rstest::rstest;

use super::stage::{at, schedule, ticks};

#[test]
fn a_time_of_the_day_follows_the_clock() {
    let daily = schedule("0 9 * * *", "Europe/Berlin");
    assert_eq!(
        ticks(&daily, "2026-03-27T12:00:00Z", 3),
        ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"]
    );
}

#[test]
fn a_tick_that_the_clock_jumps_over_fires_once_right_after_it() {
    for expression in ["30 2 * * *", "*/15 2 * * *", "0,10,59 2 * * *"] {
        let ticks = ticks(&schedule(expression, "Europe/Berlin"), "2026-03-29T00:00:00Z", 1);
        assert_eq!(ticks, ["2026-03-29T01:00:00Z"], "{expression}");
    }
    let daily = schedule("30 2 * * *", "Europe/Berlin");
    assert_eq!(
        ticks(&daily, "2026-03-27T23:00:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    // The tick at the end of the jump and the one inside the jump are one.
    let both = schedule("30 2,3 * * *", "Europe/Berlin");
    assert_eq!(ticks(&both, "2026-03-29T00:00:00Z", 2), ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]);
    let two = schedule("0 2,3 * * *", "Europe/Berlin");
    assert_eq!(ticks(&two, "2026-03-29T00:00:00Z", 2), ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]);
}

#[test]
fn a_time_that_the_clock_shows_twice_fires_once() {
    let daily = schedule("30 2 * * *", "Europe/Berlin");
    assert_eq!(ticks(&daily, "2026-10-24T12:00:00Z", 2), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    // Also for a start within the second showing.
    assert_eq!(ticks(&daily, "2026-10-25T01:10:00Z", 1), ["2026-10-26T01:30:00Z"]);
    let quarters = schedule("*/15 2 * * *", "Europe/Berlin");
    let ticks = ticks(&quarters, "2026-10-24T23:00:00Z", 5);
    assert_eq!(ticks[3..], ["2026-10-25T00:45:00Z", "2026-10-26T01:00:00Z"]);
}

#[rstest]
#[case::forward("2026-03-29T00:20:00Z")]
#[case::back("2026-10-24T23:20:00Z")]
fn what_comes_every_hour_goes_on_in_real_time(#[case] start: &str) {
    let quarters = schedule("*/15 * * * *", "Europe/Berlin");
    let (mut last, anchor) = (at(start) - TimeDelta::minutes(5), at(start));
    for _ in 0..20 {
        let next = quarters.next_tick(anchor, last).expect("a tick");
        assert_eq!(next - last, TimeDelta::minutes(15), "after {last}");
        last = next;
    }
}

#[test]
fn intervals_do_not_know_of_clocks() {
    let daily = schedule("every_1_day", "Europe/Berlin");
    assert_eq!(ticks(&daily, "2026-03-28T08:00:00Z", 2), ["2026-03-29T08:00:00Z", "2026-03-30T08:00:00Z"]);
}

#[test]
fn a_day_that_a_zone_left_out_fires_at_its_end() {
    // Samoa skipped the 30th of December 2011.
    let daily = schedule("0 12 * * *", "Pacific/Apia");
    assert_eq!(
        ticks(&daily, "2011-12-29T00:00:00Z", 3),
        ["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"]
    );
}

/// Through two years of all kinds of clock changes, each day has exactly one tick.
#[rstest]
fn every_day_has_one_tick(
    #[values(
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "America/Santiago",
        "UTC"
    )]
    zone: &str,
    #[values(0, 1, 2, 3, 23)] hour: u32,
) {
    let daily = schedule(&format!("17 {hour} * * *"), zone);
    let start: DateTime<Utc> = at("2025-12-31T12:00:00Z");
    let mut last = daily.next_tick(start, start).expect("a tick");
    for _ in 0..730 {
        let next = daily.next_tick(start, last).expect("a tick");
        let days = [last, next].map(|at| at.with_timezone(&daily.zone).date_naive().num_days_from_ce());
        assert_eq!(days[1], days[0] + 1, "{zone}: {last} and {next}");
        last = next;
    }
}
