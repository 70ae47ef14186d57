//! Invariants of every schedule.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use syncline_engine::{
    schedule::{Schedule, When, Windows, parse_zone},
    spec::MissedTicks,
};

fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Casablanca",
    ])
}

fn when() -> impl Strategy<Value = String> {
    let minute =
        prop_oneof![Just("*".to_owned()), Just("*/15".to_owned()), (0..60u32).prop_map(|m| m.to_string())];
    let hour = prop_oneof![
        Just("*".to_owned()),
        Just("*/2".to_owned()),
        (0..24u32).prop_map(|h| h.to_string()),
        Just("1-3".to_owned())
    ];
    let weekday =
        prop_oneof![Just("*".to_owned()), Just("1-5".to_owned()), (0..7u32).prop_map(|d| d.to_string())];
    let cron = (minute, hour, weekday).prop_map(|(minute, hour, day)| format!("{minute} {hour} * * {day}"));
    prop_oneof![3 => cron, 1 => (1..100_000u32).prop_map(|seconds| format!("every {seconds} seconds"))]
}

fn windows() -> impl Strategy<Value = Option<String>> {
    let time = (0..24u32, prop::sample::select(vec![0, 15, 30, 59]));
    let window = (time.clone(), time).prop_filter_map("no length", |((a, b), (c, d))| {
        ((a, b) != (c, d)).then(|| format!("{a:02}:{b:02}-{c:02}:{d:02}"))
    });
    let days = prop::sample::select(vec!["", "Mon-Fri ", "Sat Sun ", "Wed "]);
    prop::option::of((days, window).prop_map(|(days, window)| format!("{days}{window}")))
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let missed = prop::sample::select(MissedTicks::ALL.to_vec());
    (when(), zone(), windows(), missed).prop_map(|(when, zone, windows, missed)| Schedule {
        when: When::parse(&when).expect("a schedule"),
        zone: parse_zone(zone).expect("a zone"),
        windows: windows.map(|text| Windows::parse(&text).expect("a window")),
        missed,
    })
}

/// Often near a clock change.
fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    let near =
        ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"];
    let near =
        prop::sample::select(near.to_vec()).prop_map(|at| at.parse::<DateTime<Utc>>().expect("a time"));
    let near = (near, -10_000..10_000i64).prop_map(|(at, seconds)| at + TimeDelta::seconds(seconds));
    let any = (1_700_000_000..1_900_000_000i64)
        .prop_map(|seconds| DateTime::from_timestamp(seconds, 0).expect("a time"));
    prop_oneof![near, any]
}

fn open(schedule: &Schedule, at: DateTime<Utc>) -> bool {
    schedule.windows.as_ref().is_none_or(|windows| windows.are_open(schedule.zone, at))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The next tick is later, within a window, and the same from any moment before it. (Except a tick that moved to a
    /// window's opening: it stands for ticks before a later start.)
    #[test]
    fn ticks_go_forward_and_do_not_depend_on_who_asks(schedule in schedule(), after in instant(), part in 0.0..1.0f64) {
        let Some(next) = schedule.next_tick(after, after) else { return Ok(()) };
        prop_assert!(next > after);
        prop_assert!(open(&schedule, next));
        let between = after + TimeDelta::microseconds(((next - after).num_microseconds().unwrap() as f64 * part) as i64);
        if between < next && schedule.windows.is_none() {
            prop_assert_eq!(schedule.next_tick(after, between), Some(next), "asked at {}", between);
        }
        prop_assert_eq!(schedule.next_tick(after, after), Some(next));
    }

    /// A due tick takes a bounded number of steps, each of which goes forward; each fired tick may run then.
    #[test]
    fn catching_up_ends(schedule in schedule(), tick in instant(), late in 0..400_000i64) {
        let now = tick + TimeDelta::seconds(late);
        let (mut at, mut fired) = (tick, 0);
        let mut steps = 0;
        while at <= now {
            let due = schedule.due(at, now);
            fired += due.fires.len();
            for tick in &due.fires {
                prop_assert!(*tick >= at && *tick <= now);
                prop_assert!(open(&schedule, now) || open(&schedule, *tick));
            }
            prop_assert!(due.fires.is_sorted());
            prop_assert!(due.fires.last().is_none_or(|last| due.next.is_none_or(|next| next > *last)));
            let Some(next) = due.next else { break };
            prop_assert!(next > at, "{} after {}", next, at);
            at = next;
            steps += 1;
            prop_assert!(steps <= 1);
        }
        match schedule.missed {
            MissedTicks::All => prop_assert!(fired <= 1_000),
            MissedTicks::Once | MissedTicks::Skip => prop_assert!(fired <= 1),
        }
    }
}
