//! Ticks that passed while no worker ran.

use chrono::{DateTime, TimeDelta, Utc};
use syncline_engine::{
    schedule::{Due, MAX_MISSED, Schedule},
    spec::MissedTicks,
};

use super::stage::{at, schedule, within};

fn policy(missed: MissedTicks) -> Schedule {
    Schedule { missed, ..schedule("*/10 * * * *", "UTC") }
}

/// Fires the due ticks at one moment, like a worker. Returns the ticks that started runs and the next one.
fn catch_up(
    schedule: &Schedule,
    tick: DateTime<Utc>,
    now: DateTime<Utc>,
) -> (Vec<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let (mut fired, mut next) = (Vec::new(), Some(tick));
    while let Some(tick) = next.filter(|tick| *tick <= now) {
        let due = schedule.due(tick, now);
        fired.extend(due.fires);
        next = due.next;
    }
    (fired, next)
}

const TICK: &str = "2026-11-23T10:00:00Z";

#[test]
fn in_time_every_policy_fires() {
    let now = at("2026-11-23T10:00:59Z");
    for missed in [MissedTicks::Skip, MissedTicks::Once, MissedTicks::All] {
        let due = policy(missed).due(at(TICK), now);
        assert_eq!(due, Due { fires: vec![at(TICK)], next: Some(at("2026-11-23T10:10:00Z")) }, "{missed}");
    }
}

#[test]
fn not_yet_due_no_policy_fires() {
    for missed in [MissedTicks::Skip, MissedTicks::Once, MissedTicks::All] {
        let due = policy(missed).due(at(TICK), at("2026-11-23T09:59:59Z"));
        assert_eq!(due, Due { fires: vec![], next: Some(at(TICK)) });
    }
}

#[test]
fn skip_leaves_missed_ticks_out() {
    let (fired, next) = catch_up(&policy(MissedTicks::Skip), at(TICK), at("2026-11-23T10:35:00Z"));
    assert_eq!((fired, next), (vec![], Some(at("2026-11-23T10:40:00Z"))));
}

#[test]
fn once_makes_one_run_of_them() {
    let (fired, next) = catch_up(&policy(MissedTicks::Once), at(TICK), at("2026-11-23T10:35:00Z"));
    assert_eq!((fired, next), (vec![at(TICK)], Some(at("2026-11-23T10:40:00Z"))));
}

#[test]
fn all_makes_a_run_of_each() {
    let (fired, next) = catch_up(&policy(MissedTicks::All), at(TICK), at("2026-11-23T10:35:00Z"));
    let minutes = [0, 10, 20, 30].map(|minutes| at(TICK) + TimeDelta::minutes(minutes));
    assert_eq!((fired, next), (minutes.to_vec(), Some(at("2026-11-23T10:40:00Z"))));
}

#[test]
fn all_is_bounded_to_the_latest() {
    let now = at(TICK) + TimeDelta::days(30);
    for when in ["* * * * *", "every_60_seconds"] {
        let each = Schedule { missed: MissedTicks::All, ..schedule(when, "UTC") };
        let (fired, next) = catch_up(&each, at(TICK), now);
        assert_eq!(fired.len(), MAX_MISSED, "{when}");
        assert_eq!(fired.last(), Some(&now), "{when}");
        assert_eq!(next, Some(now + TimeDelta::minutes(1)));
        // One less is within the limit.
        let (fired, _) = catch_up(&each, now - TimeDelta::minutes(MAX_MISSED as i64 - 1), now);
        assert_eq!((fired.len(), fired[0]), (MAX_MISSED, now - TimeDelta::minutes(MAX_MISSED as i64 - 1)));
    }
}

#[test]
fn what_was_missed_and_cannot_run_now_runs_when_the_window_opens() {
    let opens = at("2026-11-24T06:00:00Z");
    for missed in [MissedTicks::Once, MissedTicks::All] {
        let daytime = within("*/10 * * * *", "UTC", "06:00-22:00", missed);
        let due = daytime.due(at("2026-11-23T21:00:00Z"), at("2026-11-23T23:00:00Z"));
        assert_eq!(due, Due { fires: vec![], next: Some(opens) });
        assert!(daytime.due(opens, opens).fires == [opens]);
    }
    let skipped = within("*/10 * * * *", "UTC", "06:00-22:00", MissedTicks::Skip);
    let due = skipped.due(at("2026-11-23T21:00:00Z"), at("2026-11-23T23:00:00Z"));
    assert_eq!(due, Due { fires: vec![], next: Some(opens) });
    // The last tick of a window fires even if it is processed just after the window has closed.
    let daytime = within("59 21 * * *", "UTC", "06:00-22:00", MissedTicks::Once);
    assert_eq!(daytime.due(at("2026-11-23T21:59:00Z"), at("2026-11-23T22:00:00Z")).fires.len(), 1);
}
