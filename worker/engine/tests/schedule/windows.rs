//! Run windows.

use rstest::rstest;
use syncline_engine::{schedule::Windows, spec::MissedTicks};

use super::stage::{at, schedule, ticks, within};

#[rstest]
#[case("Mon-Fri 06:00-22:00", "2026-11-23T05:59:59Z", false)]
#[case("Mon-Fri 06:00-22:00", "2026-11-23T06:00:00Z", true)]
#[case("Mon-Fri 06:00-22:00", "2026-11-23T21:59:59Z", true)]
#[case("Mon-Fri 06:00-22:00", "2026-11-23T22:00:00Z", false)]
#[case("Mon-Fri 06:00-22:00", "2026-11-22T12:00:00Z", false)]
#[case("mon-fri 06:00-22:00, Sun 08:00-12:00", "2026-11-22T11:00:00Z", true)]
#[case("Fri-Mon 06:00-22:00", "2026-11-22T11:00:00Z", true)]
#[case("Fri-Mon 06:00-22:00", "2026-11-24T11:00:00Z", false)]
#[case("Mon Wed 06:00-22:00", "2026-11-25T11:00:00Z", true)]
#[case("Mon Wed 06:00-22:00", "2026-11-24T11:00:00Z", false)]
#[case("Sat, Sun", "2026-11-22T00:00:00Z", true)]
#[case("Sat, Sun", "2026-11-23T00:00:00Z", false)]
#[case("22:00-06:00", "2026-11-23T23:00:00Z", true)]
#[case("22:00-06:00", "2026-11-23T05:59:00Z", true)]
#[case("22:00-06:00", "2026-11-23T06:00:00Z", false)]
#[case("Fri 22:00-06:00", "2026-11-28T05:00:00Z", true)]
#[case("Fri 22:00-06:00", "2026-11-27T05:00:00Z", false)]
#[case("Mon 12:00-24:00", "2026-11-23T23:59:59Z", true)]
#[case("Mon 12:00-24:00", "2026-11-24T00:00:00Z", false)]
fn a_window_holds_what_it_says(#[case] window: &str, #[case] instant: &str, #[case] open: bool) {
    let windows = Windows::parse(window).expect(window);
    assert_eq!(windows.are_open(chrono_tz::UTC, at(instant)), open);
}

#[rstest]
#[case("", "empty")]
#[case("Mon-Fri 06:00-22:00,", "empty")]
#[case("Mon-Fri 6:00-22:00", "\"6:00\" is no time")]
#[case("Mon-Fri 06:00-25:00", "\"25:00\" is no time")]
#[case("Mon-Fri 06:00-24:01", "\"24:01\" is no time")]
#[case("Mon-Fri 06:00", "has no end")]
#[case("06:00-06:00", "begins when it ends")]
#[case("24:00-06:00", "write 00:00")]
#[case("Mon-Frei 06:00-22:00", "\"Frei\" is no day")]
#[case("1-5 06:00-22:00", "is no day")]
#[case("06:00-22:00 Mon", "is no day")]
#[case("Mon, Wed 06:00-22:00", "Mon 00:00-24:00")]
fn what_is_no_window_is_refused(#[case] window: &str, #[case] says: &str) {
    let error = Windows::parse(window).unwrap_err();
    assert!(error.contains(says) && error.contains("Mon-Fri 06:00-22:00"), "{error}");
}

const WEEKDAYS: &str = "Mon-Fri 06:00-22:00";

#[test]
fn ticks_outside_of_a_window_are_one_at_its_opening() {
    for missed in [MissedTicks::Once, MissedTicks::All] {
        let often = within("*/30 * * * *", "Europe/Berlin", WEEKDAYS, missed);
        // Friday evening, then Monday morning; Berlin is an hour ahead.
        assert_eq!(
            ticks(&often, "2026-11-27T20:00:00Z", 3),
            ["2026-11-27T20:30:00Z", "2026-11-30T05:00:00Z", "2026-11-30T05:30:00Z"]
        );
        let nightly = within("0 3 * * *", "Europe/Berlin", WEEKDAYS, missed);
        assert_eq!(
            ticks(&nightly, "2026-11-27T12:00:00Z", 2),
            ["2026-11-30T05:00:00Z", "2026-12-01T05:00:00Z"]
        );
    }
}

#[test]
fn ticks_outside_of_a_window_are_left_out_where_they_are_skipped() {
    let hourly = within("20 * * * *", "Europe/Berlin", WEEKDAYS, MissedTicks::Skip);
    assert_eq!(ticks(&hourly, "2026-11-27T20:00:00Z", 2), ["2026-11-27T20:20:00Z", "2026-11-30T05:20:00Z"]);
    let never = within("0 3 * * *", "Europe/Berlin", WEEKDAYS, MissedTicks::Skip);
    assert!(ticks(&never, "2026-11-27T20:00:00Z", 1).is_empty());
    // A tick exactly at the opening is inside.
    let six = within("0 6 * * *", "Europe/Berlin", WEEKDAYS, MissedTicks::Skip);
    assert_eq!(ticks(&six, "2026-11-27T20:00:00Z", 1), ["2026-11-30T05:00:00Z"]);
}

#[test]
fn an_interval_goes_on_from_the_opening() {
    for missed in [MissedTicks::Skip, MissedTicks::Once, MissedTicks::All] {
        let often = within("every_7_hours", "UTC", "08:00-20:00", missed);
        assert_eq!(
            ticks(&often, "2026-11-27T10:00:00Z", 3),
            ["2026-11-27T17:00:00Z", "2026-11-28T08:00:00Z", "2026-11-28T14:00:00Z"],
        );
    }
}

#[test]
fn a_window_over_midnight_is_open_past_it() {
    let nightly = within("30 * * * *", "UTC", "Fri 22:00-02:00", MissedTicks::Skip);
    assert_eq!(
        ticks(&nightly, "2026-11-27T21:45:00Z", 5),
        [
            "2026-11-27T22:30:00Z",
            "2026-11-27T23:30:00Z",
            "2026-11-28T00:30:00Z",
            "2026-11-28T01:30:00Z",
            "2026-12-04T22:30:00Z"
        ]
    );
}

#[test]
fn a_window_follows_the_clock_that_is_put_forward_or_back() {
    let windows = Windows::parse("02:30-04:00").expect("windows");
    let zone = chrono_tz::Europe::Berlin;
    // The clock skips its beginning: it opens after the jump.
    assert_eq!(windows.next_open(zone, at("2026-03-29T00:30:00Z")), Some(at("2026-03-29T01:00:00Z")));
    // The clock shows it twice, so it opens twice.
    assert_eq!(windows.next_open(zone, at("2026-10-25T00:10:00Z")), Some(at("2026-10-25T00:30:00Z")));
    assert_eq!(windows.next_open(zone, at("2026-10-25T01:10:00Z")), Some(at("2026-10-25T01:30:00Z")));
    // A window that the clock skips entirely does not open that day.
    let short = Windows::parse("02:15-02:45").expect("windows");
    assert_eq!(short.next_open(zone, at("2026-03-29T00:30:00Z")), Some(at("2026-03-30T00:15:00Z")));
}

#[test]
fn without_a_window_every_tick_stands() {
    let nightly = schedule("0 3 * * *", "UTC");
    assert_eq!(ticks(&nightly, "2026-11-27T20:00:00Z", 1), ["2026-11-28T03:00:00Z"]);
}
