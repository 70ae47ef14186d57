use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use syncline_engine::ports::{ConnectorError, ErrorKind, ErrorScope, Refusal};
use syncline_limits::{Cause, Dimension, MemoryLimits, Phase, TestClock};

use super::*;
use crate::clock::SystemClock;

fn limits() -> Arc<dyn Limits> {
    Arc::new(MemoryLimits::default())
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn accounts(source: Option<i64>, target: Option<i64>) -> Accounts<'static> {
    Accounts::new(Pair::new(source, target), Pair::new("jira", "github"))
}

fn failed() -> CallResult {
    CallResult::Fails { error: "HTTP 503".to_owned() }
}

/// Makes requests of one run to its target, each with one of these results.
async fn requests(limits: &Arc<dyn Limits>, results: impl IntoIterator<Item = CallResult>) {
    let admitted = admit(limits, accounts(Some(1), Some(2)), Lane::Poll).await.expect("a run");
    let gates = admitted.gates(&clock());
    for result in results {
        let pass = gates.target.ask(&[]).await.expect("a request");
        pass.report(result, Learned::default()).await;
    }
    admitted.release().await;
}

async fn refusal(gate: &dyn Gate, costs: &[(&Dimension, f64)]) -> Refusal {
    gate.ask(costs).await.err().expect("a refusal")
}

#[tokio::test]
async fn places_without_accounts_ask_nobody() {
    let admitted = admit(&limits(), accounts(None, None), Lane::Edit).await.expect("a run");
    assert!(admitted.accounts.is_empty());
    let huge = Dimension::steady("any", 1.0, Duration::from_secs(3600));
    admitted.gates(&clock()).source.ask(&[(&huge, 1e9)]).await.expect("no limit");
}

#[tokio::test]
async fn failed_requests_park_the_runs_of_their_account_alone() {
    let limits = limits();
    // All of one run: the breaker counts its requests even if the run itself does not fail.
    requests(&limits, vec![failed(); 5]).await;
    let refused = admit(&limits, accounts(None, Some(2)), Lane::Edit).await.expect_err("parked");
    assert_eq!(refused.cause, Some(Cause::Breaker));
    assert!(refused.to_string().starts_with("github/2: the platform does not work"), "{refused}");
    admit(&limits, accounts(Some(1), Some(3)), Lane::Poll).await.expect("others run");
}

#[tokio::test]
async fn a_run_that_fails_counts_no_more_than_its_requests() {
    let limits = limits();
    for failures in 1..5 {
        requests(&limits, [failed()]).await;
        assert_eq!(limits.status("account:2").await.expect("the store").failures, failures);
    }
    requests(&limits, [CallResult::Works]).await;
    assert_eq!(limits.status("account:2").await.expect("the store").failures, 0);
    assert_eq!(limits.status("account:1").await.expect("the store").failures, 0);
}

#[tokio::test]
async fn an_open_breaker_stops_the_requests_of_running_runs_as_well() {
    let limits = limits();
    let admitted = admit(&limits, accounts(None, Some(2)), Lane::Edit).await.expect("a run");
    requests(&limits, vec![failed(); 5]).await;
    let refused = refusal(&*admitted.gates(&clock()).target, &[]).await;
    assert!(refused.why.starts_with("github/2: the platform does not work"), "{refused}");
    assert!(refused.until > Utc::now() + TimeDelta::seconds(20), "{refused:?}");
}

#[tokio::test]
async fn a_refusal_is_an_error_of_the_account_with_its_time() {
    let limits = limits();
    let admitted = admit(&limits, accounts(Some(1), Some(2)), Lane::Edit).await.expect("a run");
    let gates = admitted.gates(&clock());
    let pass = gates.target.ask(&[]).await.expect("a request");
    let learned = Learned { blocked_for: Some(Duration::from_secs(600)), ..Learned::default() };
    pass.report(CallResult::Unknown, learned).await;
    let refused = refusal(&*gates.target, &[]).await;
    let error = ConnectorError::from(refused.clone());
    assert_eq!(
        (error.kind, error.scope),
        (ErrorKind::RateLimited { until: refused.until }, ErrorScope::Account)
    );
    assert!(error.message.starts_with("github/2: the platform asked to wait"), "{error}");
    let in_ten_minutes: DateTime<Utc> = Utc::now() + TimeDelta::seconds(590);
    assert!(refused.until > in_ten_minutes, "{refused:?}");
    assert!(error.answer.is_none() && error.stops_the_batch());
    // A rate limit is no outage, and the other account is not affected.
    assert_eq!(limits.status("account:2").await.expect("the store").phase, Phase::Closed);
    gates.source.ask(&[]).await.expect("another account");
}

#[tokio::test]
async fn the_requests_of_a_run_share_the_limits_of_its_lane() {
    let admitted = admit(&limits(), accounts(Some(1), Some(2)), Lane::Backfill).await.expect("a run");
    let gates = admitted.gates(&clock());
    assert_eq!(gates.target.lane(), Lane::Backfill);
    let hourly = Dimension::steady("rest", 10.0, Duration::from_secs(36_000)).with_burst(10.0);
    for _ in 0..5 {
        gates.target.ask(&[(&hourly, 1.0)]).await.expect("the lane's half");
    }
    let refused = refusal(&*gates.target, &[(&hourly, 1.0)]).await;
    assert!(refused.why.contains("its limit \"rest\" is used up for now"), "{refused}");
    gates.source.ask(&[(&hourly, 1.0)]).await.expect("another account");
}

#[tokio::test]
async fn both_sides_of_one_account_are_one() {
    let limits = limits();
    let admitted = admit(&limits, accounts(Some(7), Some(7)), Lane::Poll).await.expect("a run");
    assert_eq!(admitted.accounts.len(), 1);
    let gates = admitted.gates(&clock());
    let one = Dimension::steady("one", 1.0, Duration::from_secs(36_000));
    gates.source.ask(&[(&one, 1.0)]).await.expect("the first");
    refusal(&*gates.target, &[(&one, 1.0)]).await;
}

/// The run's permit is the probe; its requests belong to the probe, and close the breaker when they succeed.
#[tokio::test]
async fn after_an_outage_one_run_tries_with_its_requests() {
    let clock_of_limits = TestClock::at(1_800_000_000_000_000);
    let limits: Arc<dyn Limits> = Arc::new(MemoryLimits::default().with_clock(clock_of_limits.clone()));
    requests(&limits, vec![failed(); 5]).await;
    clock_of_limits.advance(31_000_000);
    let probe = admit(&limits, accounts(None, Some(2)), Lane::Poll).await.expect("a probe");
    let hasty = admit(&limits, accounts(None, Some(2)), Lane::Poll).await.expect_err("another");
    assert_eq!(hasty.cause, Some(Cause::Breaker));
    let gates = probe.gates(&clock());
    for _ in 0..2 {
        gates
            .target
            .ask(&[])
            .await
            .expect("part of the probe")
            .report(CallResult::Works, Learned::default())
            .await;
    }
    probe.release().await;
    assert_eq!(limits.status("account:2").await.expect("the store").phase, Phase::Closed);
}

#[test]
fn people_go_first_and_retries_after_them() {
    assert_eq!(lane_of(RunKind::Sync, SyncMethod::Manual, 1), Lane::Edit);
    assert_eq!(lane_of(RunKind::Resolve, SyncMethod::Batch, 1), Lane::Edit);
    assert_eq!(lane_of(RunKind::Sync, SyncMethod::Webhook, 1), Lane::Edit);
    assert_eq!(lane_of(RunKind::Sync, SyncMethod::Manual, 2), Lane::Retry);
    assert_eq!(lane_of(RunKind::Sync, SyncMethod::Poll, 1), Lane::Poll);
}
