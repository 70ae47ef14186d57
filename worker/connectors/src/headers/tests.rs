use proptest::prelude::*;

use super::*;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// RFC 9110, 5.6.7 and 10.2.3: seconds, and the three forms of a date that a recipient must take.
#[test]
fn every_form_of_the_standard_is_read() {
    let now = time("1994-11-06T08:48:37Z");
    let minute = Some(Duration::from_secs(60));
    for form in [
        "60",
        " 60 ",
        "060",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(retry_after(form, now), minute, "{form}");
    }
    assert_eq!(retry_after("0", now), Some(Duration::ZERO));
    assert_eq!(retry_after("1.5", now), Some(Duration::from_millis(1_500)));
}

#[test]
fn a_date_that_is_past_is_no_wait() {
    assert_eq!(
        retry_after("Sun, 06 Nov 1994 08:49:37 GMT", time("2026-11-25T00:00:00Z")),
        Some(Duration::ZERO)
    );
}

#[test]
fn absurd_waits_are_capped() {
    let now = time("1994-11-06T08:49:37Z");
    for absurd in [
        "99999999999",
        "99999999999999999999999999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "86401.5",
    ] {
        assert_eq!(retry_after(absurd, now), Some(LONGEST_WAIT), "{absurd}");
    }
}

#[test]
fn what_is_neither_is_nothing() {
    let now = time("1994-11-06T08:49:37Z");
    for odd in
        ["", " ", "-1", "+5", "soon", "1e3", "inf", "NaN", "0x10", "1.", ".5", "60 s", "1994-11-06T08:49:37Z"]
    {
        assert_eq!(retry_after(odd, now), None, "{odd:?}");
    }
}

#[test]
fn resets_are_read_in_the_platforms_forms() {
    let now = time("2026-11-20T10:00:00Z");
    let epoch = now.timestamp();
    let cases = [
        (ResetForm::Seconds, "90".to_owned(), 90_000),
        (ResetForm::Milliseconds, "2500".to_owned(), 2_500),
        (ResetForm::EpochSeconds, (epoch + 90).to_string(), 90_000),
        (ResetForm::Epoch, (epoch * 1_000 + 2_500).to_string(), 2_500),
        (ResetForm::Iso8601, "2026-11-20T11:00:00Z".to_owned(), 3_600_000),
        (ResetForm::Iso8601, "2026-11-20T11:00Z".to_owned(), 3_600_000),
        (ResetForm::EpochSeconds, (epoch - 90).to_string(), 0),
        (ResetForm::EpochSeconds, i64::from(i32::MAX).to_string() + "999", 86_400_000),
    ];
    for (form, text, milliseconds) in cases {
        assert_eq!(form.read(&text, now), Some(Duration::from_millis(milliseconds)), "{form:?} {text}");
    }
    assert_eq!(ResetForm::EpochSeconds.read("99999999999999999999", now), None);
    assert_eq!(ResetForm::Iso8601.read("tomorrow", now), None);
}

#[test]
fn an_answer_is_observed() {
    let hourly = Dimension::windowed("rest", 5_000.0, Duration::from_secs(3_600));
    let set = HeaderSet {
        limit: Some("x-ratelimit-limit"),
        remaining: "x-ratelimit-remaining",
        reset: Some(("x-ratelimit-reset", ResetForm::EpochSeconds)),
    };
    let now = time("2026-11-20T10:00:00Z");
    let reset = (now.timestamp() + 60).to_string();
    let full = |name: &str| match name {
        "x-ratelimit-limit" => Some("15000"),
        "x-ratelimit-remaining" => Some("12"),
        "x-ratelimit-reset" => Some(reset.as_str()),
        _ => None,
    };
    let seen = set.observe(&hourly, full, now).expect("an observation");
    assert_eq!((seen.limit, seen.remaining), (Some(15_000.0), Some(12.0)));
    assert_eq!(seen.reset_in, Some(Duration::from_secs(60)));
    assert_eq!(set.observe(&hourly, |_| None, now), None);
    assert_eq!(set.observe(&hourly, |_| Some("lots"), now), None);
}

proptest! {
    #[test]
    fn no_header_makes_it_panic_or_wait_too_long(text in "\\PC{0,40}|[0-9]{0,30}(\\.[0-9]{0,5})?", epoch in 0i64..4_000_000_000) {
        let now = DateTime::from_timestamp(epoch, 0).expect("a time");
        prop_assert!(retry_after(&text, now).is_none_or(|wait| wait <= LONGEST_WAIT));
        for form in [ResetForm::Seconds, ResetForm::Milliseconds, ResetForm::EpochSeconds, ResetForm::Epoch, ResetForm::Iso8601] {
            prop_assert!(form.read(&text, now).is_none_or(|wait| wait <= LONGEST_WAIT));
        }
    }

    #[test]
    fn a_date_is_as_far_off_as_it_says(now in 0i64..4_000_000_000, ahead in 0i64..86_400) {
        let now = DateTime::from_timestamp(now, 0).expect("a time");
        let date = httpdate::fmt_http_date((now + chrono::TimeDelta::seconds(ahead)).into());
        prop_assert_eq!(retry_after(&date, now), Some(Duration::from_secs(ahead as u64)));
    }
}
