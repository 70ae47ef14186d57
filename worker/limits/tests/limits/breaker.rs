//! Laws of the breaker.

use std::time::Duration;

use proptest::prelude::*;
use syncline_limits::{
    Account, Answer, BreakerPolicy, CallResult, Cause, Lane, Learned, Phase, Request, Ticket,
};

const START: f64 = 1.8e15;
const POLICY: BreakerPolicy = BreakerPolicy {
    failures: 3,
    window: Duration::from_secs(60),
    open_for: Duration::from_secs(10),
    longest: Duration::from_secs(60),
    probes: 2,
    probe_for: Duration::from_secs(20),
    successes: 2,
};

fn ask(account: &mut Account, now: f64) -> Result<Ticket, f64> {
    match account.take(&POLICY, &Request::new("account:1", Lane::Poll), now) {
        Answer::Granted(ticket) => Ok(ticket),
        Answer::WaitFor { delay, cause } => {
            assert_eq!(cause, Cause::Breaker);
            Err(delay.as_micros() as f64)
        }
    }
}

fn tell(account: &mut Account, ticket: &Ticket, works: bool, now: f64) -> Phase {
    let result = if works { CallResult::Works } else { CallResult::Fails { error: "HTTP 503".to_owned() } };
    account.finish(&POLICY, ticket, &result, &Learned::default(), now)
}

/// Opens the breaker with calls that began and failed at this time.
fn opened(now: f64) -> Account {
    let mut account = Account::default();
    for _ in 0..3 {
        let ticket = ask(&mut account, now).expect("closed");
        tell(&mut account, &ticket, false, now);
    }
    account
}

#[test]
fn failures_in_a_row_open_it() {
    let mut account = Account::default();
    for works in [false, false, true, false, false] {
        let ticket = ask(&mut account, START).expect("closed");
        assert_eq!(tell(&mut account, &ticket, works, START), Phase::Closed);
    }
    let ticket = ask(&mut account, START).expect("closed");
    assert_eq!(tell(&mut account, &ticket, false, START), Phase::Open);
    assert_eq!(ask(&mut account, START + 1e6), Err(9e6));
    let status = account.status("account:1", START + 1e6);
    assert_eq!((status.phase, status.failures, status.error.as_deref()), (Phase::Open, 3, Some("HTTP 503")));
    assert_eq!(status.opens_in, Some(Duration::from_secs(9)));
}

#[test]
fn failures_far_apart_do_not_open_it() {
    let mut account = Account::default();
    for n in 0..10 {
        let now = START + f64::from(n) * 61e6;
        let ticket = ask(&mut account, now).expect("closed");
        assert_eq!(tell(&mut account, &ticket, false, now), Phase::Closed);
    }
}

#[test]
fn limited_probes_and_enough_successes_close_it() {
    let mut account = opened(START);
    let now = START + 10e6;
    let (first, second) = (ask(&mut account, now).expect("a try"), ask(&mut account, now).expect("a try"));
    assert!(first.probe && second.probe);
    assert!(ask(&mut account, now).is_err(), "no more than two at once");
    assert_eq!(tell(&mut account, &first, true, now), Phase::HalfOpen);
    let third = ask(&mut account, now).expect("the first one's place");
    assert_eq!(tell(&mut account, &second, true, now), Phase::Closed);
    let usual = ask(&mut account, now).expect("closed");
    assert!(!usual.probe && usual.quiet);
    // After closing, the failure of the third probe is the first of a new row.
    assert_eq!(tell(&mut account, &third, false, now), Phase::Closed);
}

#[test]
fn a_failed_probe_doubles_the_open_time_up_to_a_cap() {
    let mut account = opened(START);
    let mut now = START;
    for seconds in [10.0, 20.0, 40.0, 60.0, 60.0] {
        assert_eq!(ask(&mut account, now), Err(seconds * 1e6));
        now += seconds * 1e6;
        let ticket = ask(&mut account, now).expect("a try");
        assert_eq!(tell(&mut account, &ticket, false, now), Phase::Open);
    }
}

#[test]
fn a_probe_without_a_result_times_out() {
    let mut account = opened(START);
    let now = START + 10e6;
    assert!(ask(&mut account, now).is_ok() && ask(&mut account, now).is_ok());
    assert!(ask(&mut account, now + 19e6).is_err());
    assert!(ask(&mut account, now + 20e6).is_ok());
}

#[test]
fn calls_of_a_probe_pass_with_it() {
    let mut account = opened(START);
    let now = START + 10e6;
    let run = ask(&mut account, now).expect("a try");
    let _other = ask(&mut account, now).expect("a try");
    let mut call = Request::new("account:1", Lane::Poll);
    call.under = Some(run.clone());
    let Answer::Granted(ticket) = account.take(&POLICY, &call, now) else { panic!("its calls pass") };
    assert!(!ticket.probe);
    tell(&mut account, &run, true, now);
    assert!(
        matches!(account.take(&POLICY, &call, now), Answer::Granted(ticket) if ticket.probe),
        "the run is over: this is a try of its own"
    );
}

#[test]
fn calls_begun_before_it_opened_change_nothing() {
    let mut account = Account::default();
    let (late, later) =
        (ask(&mut account, START).expect("closed"), ask(&mut account, START).expect("closed"));
    for _ in 0..3 {
        let ticket = ask(&mut account, START).expect("closed");
        tell(&mut account, &ticket, false, START);
    }
    assert_eq!(tell(&mut account, &late, true, START + 1e6), Phase::Open);
    assert_eq!(tell(&mut account, &later, false, START + 11e6), Phase::HalfOpen);
    assert_eq!(tell(&mut account, &later, true, START + 11e6), Phase::HalfOpen);
    assert_eq!(tell(&mut account, &late, true, START + 11e6), Phase::HalfOpen);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// For any order of calls and ends: there are never more probes at once than allowed, nothing passes while it is
    /// open, it opens only on a failure, closes only on a success, and stays open within its bounds.
    #[test]
    fn any_history_keeps_the_rules(steps in prop::collection::vec((0..15_000_000u32, 0..4u8, any::<bool>(), any::<usize>()), 1..150)) {
        let (mut account, mut now) = (Account::default(), START);
        let mut out: Vec<(Ticket, f64)> = Vec::new();
        for (gap, step, works, which) in steps {
            now += f64::from(gap);
            let before = account.status("account:1", now);
            if step < 3 && out.len() < 20 {
                let tries = out.iter().filter(|(ticket, at)| ticket.probe && now < at + 20e6).count();
                match ask(&mut account, now) {
                    Ok(ticket) => {
                        prop_assert_ne!(before.phase, Phase::Open);
                        prop_assert_eq!(ticket.probe, before.phase == Phase::HalfOpen);
                        prop_assert!(!ticket.probe || tries < 2, "{} tries at once", tries + 1);
                        out.push((ticket, now));
                    }
                    Err(wait) => {
                        prop_assert_ne!(before.phase, Phase::Closed);
                        prop_assert!(wait <= 60e6);
                    }
                }
            } else if !out.is_empty() {
                let (ticket, _) = out.swap_remove(which % out.len());
                let after = tell(&mut account, &ticket, works, now);
                match (before.phase, after) {
                    (Phase::Closed | Phase::HalfOpen, Phase::Open) => prop_assert!(!works),
                    (Phase::HalfOpen, Phase::Closed) => prop_assert!(works),
                    (before, after) => prop_assert_eq!(before, after),
                }
                if after == Phase::Open {
                    let opens_in = account.status("account:1", now).opens_in.expect("a time");
                    prop_assert!(opens_in <= POLICY.longest);
                }
            }
        }
    }
}
