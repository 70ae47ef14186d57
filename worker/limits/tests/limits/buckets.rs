//! Laws of the buckets, for any order of requests.

use std::time::Duration;

use proptest::prelude::*;
use syncline_limits::{
    Account, Answer, BreakerPolicy, CallResult, Cause, Dimension, Lane, Learned, Observed, Request, Ticket,
};

const START: f64 = 1.8e15;

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn take(account: &mut Account, lane: Lane, costs: &[(&Dimension, f64)], now: f64) -> Answer {
    let mut request = Request::new("account:1", lane);
    for (dimension, amount) in costs {
        request = request.cost(dimension, *amount);
    }
    account.take(&BreakerPolicy::default(), &request, now)
}

fn granted(answer: &Answer) -> bool {
    matches!(answer, Answer::Granted(_))
}

fn wait(answer: &Answer) -> f64 {
    match answer {
        Answer::Granted(_) => 0.0,
        Answer::WaitFor { delay, .. } => delay.as_micros() as f64,
    }
}

fn learn(account: &mut Account, observed: Observed, now: f64) {
    let learned = Learned { blocked_for: None, observed: vec![observed] };
    account.finish(&BreakerPolicy::default(), &Ticket::default(), &CallResult::Unknown, &learned, now);
}

fn lanes() -> impl Strategy<Value = Lane> {
    prop::sample::select(Lane::ALL.to_vec())
}

/// Two limits: a steady one, and one that a platform counts in windows.
fn limits() -> (Dimension, Dimension) {
    let steady = Dimension::steady("steady", 10.0, second(1)).with_burst(8.0);
    let windowed = Dimension::windowed("windowed", 60.0, second(10)).with_burst(20.0);
    (steady, windowed)
}

/// Tuples of the time since the previous request in microseconds, lane, cost in the first and in the second dimension.
fn requests() -> impl Strategy<Value = Vec<(u32, Lane, f64, f64)>> {
    let gap = prop_oneof![3 => Just(0u32), 3 => 0..200_000u32, 1 => 0..3_000_000u32];
    prop::collection::vec((gap, lanes(), 0.0..8.0f64, 0.0..20.0f64), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Over any time `t` a steady limit grants at most its burst plus its rate times `t`; a windowed one grants at most
    /// its limit within any window's length.
    #[test]
    fn no_limit_is_exceeded_over_any_window(requests in requests()) {
        let (steady, windowed) = limits();
        let (mut account, mut now) = (Account::default(), START);
        let mut grants: Vec<(f64, f64, f64)> = Vec::new();
        for (gap, lane, first, second) in requests {
            now += f64::from(gap);
            if granted(&take(&mut account, lane, &[(&steady, first), (&windowed, second)], now)) {
                grants.push((now, first, second));
            }
        }
        for (from, (begin, ..)) in grants.iter().enumerate() {
            let (mut first, mut second) = (0.0, 0.0);
            for (at, a, b) in &grants[from..] {
                first += a;
                prop_assert!(first <= 8.0 + 10.0 * (at - begin) / 1e6 + 1e-3, "{first} within {} us", at - begin);
                if at - begin < 10e6 {
                    second += b;
                    prop_assert!(second <= 60.0 + 1e-3, "{second} within a window");
                }
            }
        }
    }

    /// A refusal takes nothing in any dimension, and its wait is neither too short nor too long.
    #[test]
    fn refusals_take_nothing_and_waits_are_exact(requests in requests()) {
        let (steady, windowed) = limits();
        let (mut account, mut now) = (Account::default(), START);
        for (gap, lane, first, second) in requests {
            now += f64::from(gap);
            let costs = [(&steady, first), (&windowed, second)];
            let before = account.clone();
            let answer = take(&mut account, lane, &costs, now);
            let asked = wait(&answer);
            if asked == 0.0 {
                continue;
            }
            // Without other requests it is granted on time, and not a moment before.
            let mut later = account.clone();
            prop_assert!(granted(&take(&mut later, lane, &costs, now + asked)));
            let mut early = account.clone();
            prop_assert!(!granted(&take(&mut early, lane, &costs, now + asked - 3.0)) || asked < 3.0);
            // The refused request changes nothing for an edit.
            for cost in [&steady, &windowed] {
                let mut without = before.clone();
                let plain = take(&mut without, Lane::Edit, &[(cost, 1.0)], now);
                prop_assert_eq!(wait(&plain), wait(&take(&mut account.clone(), Lane::Edit, &[(cost, 1.0)], now)));
            }
        }
    }

    /// Lower lanes always leave their reserve to an edit.
    #[test]
    fn lower_lanes_leave_their_reserve(requests in prop::collection::vec((0..300_000u32, 0.1..8.0f64), 1..100)) {
        let steady = Dimension::steady("steady", 10.0, second(1)).with_burst(16.0);
        for lane in [Lane::Retry, Lane::Poll, Lane::Backfill] {
            let (mut account, mut now) = (Account::default(), START);
            for (gap, cost) in &requests {
                now += f64::from(*gap);
                let cost = cost.min(16.0 * (1.0 - lane.reserve()));
                let _ = take(&mut account, lane, &[(&steady, cost)], now);
                let reserve = 16.0 * lane.reserve() - 1e-4;
                prop_assert!(granted(&take(&mut account.clone(), Lane::Edit, &[(&steady, reserve)], now)));
            }
        }
    }

    /// During a window whose rest the platform reported, no more than that rest is granted.
    #[test]
    fn what_the_platform_left_is_not_exceeded(
        left in 0.0..40.0f64,
        reset in 1u64..10,
        requests in requests(),
    ) {
        let (_, windowed) = limits();
        let mut account = Account::default();
        let said = Observed {
            dimension: windowed.clone(),
            limit: None,
            remaining: Some(left),
            reset_in: Some(second(reset)),
        };
        learn(&mut account, said, START);
        let (mut now, mut taken) = (START, 0.0);
        for (gap, lane, _, cost) in requests {
            now += f64::from(gap);
            let answer = take(&mut account, lane, &[(&windowed, cost)], now);
            if now >= START + reset as f64 * 1e6 {
                break;
            }
            if granted(&answer) {
                taken += cost;
            }
            prop_assert!(taken <= left + 1e-6, "{taken} of {left}");
        }
    }

    /// No input of a caller or a platform produces a NaN or an endless wait.
    #[test]
    fn odd_numbers_do_no_harm(
        limit in prop::num::f64::ANY,
        burst in prop::num::f64::ANY,
        cost in prop::num::f64::ANY,
        said in prop::option::of(prop::num::f64::ANY),
        left in prop::option::of(prop::num::f64::ANY),
        millis in any::<u64>(),
        at_reset in any::<bool>(),
    ) {
        let window = Duration::from_millis(millis);
        let dimension = match at_reset {
            true => Dimension::windowed("odd", limit, window),
            false => Dimension::steady("odd", limit, window),
        }
        .with_burst(burst);
        let mut account = Account::default();
        for lane in Lane::ALL {
            let answer = take(&mut account, lane, &[(&dimension, cost)], START);
            prop_assert!(wait(&answer) <= 86_400e6);
            let observed =
                Observed { dimension: dimension.clone(), limit: said, remaining: left, reset_in: Some(window) };
            learn(&mut account, observed, START);
        }
        prop_assert!(!format!("{account:?}").contains("NaN"), "{account:?}");
    }
}

/// As on GitHub: points per hour, content written per minute, and concurrent calls. A call takes its share of each or
/// nothing.
#[test]
fn a_call_costs_in_several_dimensions_at_once() {
    let hourly = Dimension::windowed("points", 5_000.0, second(3_600)).with_burst(500.0);
    let content = Dimension::steady("content", 80.0, second(60)).with_burst(2.0);
    let at_once = Dimension::concurrent("at-once", 3, second(60));
    let write = [(&hourly, 5.0), (&content, 1.0), (&at_once, 1.0)];
    let mut account = Account::default();
    let first = take(&mut account, Lane::Edit, &write, START);
    assert!(granted(&first) && granted(&take(&mut account, Lane::Edit, &write, START)));
    let third = take(&mut account, Lane::Edit, &write, START);
    assert!(
        matches!(&third, Answer::WaitFor { cause: Cause::Dimension(name), .. } if name == "content"),
        "{third:?}"
    );
    // Reads cost no content: a third slot is granted, but no fourth.
    assert!(granted(&take(&mut account, Lane::Edit, &[(&hourly, 1.0), (&at_once, 1.0)], START)));
    let fourth = take(&mut account, Lane::Edit, &[(&at_once, 1.0)], START);
    assert!(
        matches!(&fourth, Answer::WaitFor { cause: Cause::Dimension(name), .. } if name == "at-once"),
        "{fourth:?}"
    );
    // A finished call returns its slot, but not what it used in the other dimensions.
    let Answer::Granted(ticket) = first else { panic!("not granted") };
    account.finish(&BreakerPolicy::default(), &ticket, &CallResult::Works, &Learned::default(), START);
    assert!(granted(&take(&mut account, Lane::Edit, &[(&at_once, 1.0)], START)));
    assert!(!granted(&take(&mut account, Lane::Edit, &[(&content, 1.0)], START)));
}

#[test]
fn a_dead_workers_slot_is_freed() {
    let at_once = Dimension::concurrent("at-once", 1, second(60));
    let mut account = Account::default();
    assert!(granted(&take(&mut account, Lane::Poll, &[(&at_once, 1.0)], START)));
    assert!(!granted(&take(&mut account, Lane::Poll, &[(&at_once, 1.0)], START + 59e6)));
    assert!(granted(&take(&mut account, Lane::Poll, &[(&at_once, 1.0)], START + 60e6)));
}

#[test]
fn a_waiting_edit_goes_before_a_poll() {
    // One write per second leaves no room for a reserve, so the edit's turn itself is kept.
    let writes = Dimension::steady("writes", 1.0, second(1)).with_burst(1.0);
    let mut account = Account::default();
    assert!(granted(&take(&mut account, Lane::Poll, &[(&writes, 1.0)], START)));
    assert_eq!(wait(&take(&mut account, Lane::Edit, &[(&writes, 1.0)], START + 0.2e6)), 0.8e6);
    // The token is available, but an edit waits for it.
    assert!(!granted(&take(&mut account, Lane::Poll, &[(&writes, 1.0)], START + 1.05e6)));
    assert!(granted(&take(&mut account, Lane::Edit, &[(&writes, 1.0)], START + 1.1e6)));
    // An edit that never returns does not block polls for long.
    assert!(!granted(&take(&mut account, Lane::Edit, &[(&writes, 1.0)], START + 1.2e6)));
    assert!(granted(&take(&mut account, Lane::Poll, &[(&writes, 1.0)], START + 2.7e6)));
}

#[test]
fn a_call_above_the_burst_waits_for_a_full_bucket_and_leaves_a_debt() {
    let complexity = Dimension::steady("complexity", 100.0, second(10)).with_burst(10.0);
    let mut account = Account::default();
    assert!(granted(&take(&mut account, Lane::Edit, &[(&complexity, 30.0)], START)));
    assert_eq!(wait(&take(&mut account, Lane::Edit, &[(&complexity, 10.0)], START)), 3e6);
}

#[test]
fn an_empty_window_holds_everything_until_its_reset() {
    let hourly = Dimension::windowed("points", 5_000.0, second(3_600));
    let mut account = Account::default();
    let said = |remaining, reset_in| Observed {
        dimension: hourly.clone(),
        limit: Some(5_000.0),
        remaining: Some(remaining),
        reset_in: Some(second(reset_in)),
    };
    learn(&mut account, said(0.0, 1_200), START);
    assert_eq!(wait(&take(&mut account, Lane::Edit, &[(&hourly, 1.0)], START)), 1_200e6);
    // A late answer of an earlier window changes nothing; one of the same window never adds.
    learn(&mut account, said(4_000.0, 600), START);
    learn(&mut account, said(4_000.0, 1_201), START);
    assert!(!granted(&take(&mut account, Lane::Edit, &[(&hourly, 1.0)], START + 1e6)));
    // An answer of the next window does.
    assert!(granted(&take(&mut account, Lane::Edit, &[(&hourly, 1.0)], START + 1_200e6)));
    learn(&mut account, said(4_999.0, 3_600), START + 1_201e6);
    assert!(granted(&take(&mut account, Lane::Edit, &[(&hourly, 1.0)], START + 1_201e6)));
}

#[test]
fn the_reserve_of_a_window_shrinks_as_it_ends() {
    let hourly = Dimension::windowed("points", 1_000.0, second(1_000)).with_burst(100.0);
    let mut account = Account::default();
    let said = Observed {
        dimension: hourly.clone(),
        limit: None,
        remaining: Some(300.0),
        reset_in: Some(second(800)),
    };
    learn(&mut account, said, START);
    // The reserve, half of the window's rest, is 400, more than is left. From 598 s before the end it is less.
    assert_eq!(wait(&take(&mut account, Lane::Backfill, &[(&hourly, 1.0)], START)), 202e6);
    assert!(granted(&take(&mut account, Lane::Edit, &[(&hourly, 1.0)], START)));
}

#[test]
fn a_reported_limit_replaces_the_declared_one() {
    let daily = Dimension::steady("calls", 10.0, second(1)).with_burst(10.0);
    let mut account = Account::default();
    let told = |limit, remaining| Observed {
        dimension: daily.clone(),
        limit: Some(limit),
        remaining,
        reset_in: None,
    };
    learn(&mut account, told(40.0, None), START);
    assert!(granted(&take(&mut account, Lane::Edit, &[(&daily, 40.0)], START)));
    assert_eq!(wait(&take(&mut account, Lane::Edit, &[(&daily, 4.0)], START)), 0.1e6);
    // A bucket that the platform reports as empty is empty.
    learn(&mut account, told(40.0, Some(0.0)), START + 1e6);
    assert_eq!(wait(&take(&mut account, Lane::Edit, &[(&daily, 4.0)], START + 1e6)), 0.1e6);
}

#[test]
fn a_block_stops_every_call_and_is_capped() {
    let mut account = Account::default();
    let blocked = Learned { blocked_for: Some(Duration::MAX), observed: Vec::new() };
    let policy = BreakerPolicy::default();
    account.finish(&policy, &Ticket::default(), &CallResult::Unknown, &blocked, START);
    let answer = take(&mut account, Lane::Edit, &[], START);
    assert_eq!(answer, Answer::WaitFor { delay: syncline_queue::MAX_DELAY, cause: Cause::Blocked });
    assert!(granted(&take(&mut account, Lane::Edit, &[], START + 86_400e6)));
}
