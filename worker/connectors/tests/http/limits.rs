//! Limits are asked before a request, and heard after it.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use rstest::rstest;
use serde_json::json;
use syncline_connectors::http::{Failed, Sent};
use syncline_engine::{
    limits::CallResult,
    ports::{ErrorKind, ErrorScope, Refusal, Stopped},
};

use crate::{
    server::Server,
    stage::{HOURLY, May, Stage, client},
};

/// In how many seconds an error allows the next try.
#[track_caller]
fn again_in(failed: &Failed) -> i64 {
    let ErrorKind::RateLimited { until } = failed.error.kind else { panic!("{failed:?}") };
    // Rounded: some milliseconds have passed.
    (until - Utc::now() + TimeDelta::milliseconds(500)).num_seconds()
}

async fn refused(status: u16, headers: &[(&str, &str)], body: &str) -> (Stage, Failed) {
    let server = Server::answering(status, headers, body).await;
    let stage = Stage::new();
    let client = client(&server.url());
    let failed = client.patch(&["items", "7"]).cost(&HOURLY, 1.0).send(&stage.call()).await.unwrap_err();
    (stage, failed)
}

#[tokio::test]
async fn costs_go_to_the_gate_and_what_headers_say_comes_back() {
    let reset = (Utc::now() + TimeDelta::seconds(600)).timestamp().to_string();
    let headers = [("x-limit", "5000"), ("x-remaining", "4321"), ("x-reset", &*reset)];
    let server = Server::answering(200, &headers, "{}").await;
    let stage = Stage::new();
    client(&server.url()).get(&["items"]).cost(&HOURLY, 2.5).send(&stage.call()).await.unwrap();
    assert_eq!(stage.gate.asked(), [[("hourly".to_owned(), 2.5)]]);
    let (result, learned) = stage.gate.ended();
    assert_eq!((result, learned.blocked_for), (CallResult::Works, None));
    let [observed] = &*learned.observed else { panic!("{learned:?}") };
    assert_eq!((observed.limit, observed.remaining), (Some(5000.0), Some(4321.0)));
    let reset_in = observed.reset_in.unwrap().as_secs();
    assert!((595..=600).contains(&reset_in), "{reset_in}");
}

#[tokio::test]
async fn times_of_resets_count_from_the_platforms_clock() {
    let headers = [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("x-remaining", "1"), ("x-reset", "784112017")];
    let server = Server::answering(200, &headers, "{}").await;
    let stage = Stage::new();
    client(&server.url()).get(&["items"]).send(&stage.call()).await.unwrap();
    assert_eq!(stage.gate.ended().1.observed[0].reset_in, Some(Duration::from_secs(240)));
}

#[rstest]
#[case::seconds(429, "120", 120)]
#[case::forbidden(403, "30", 30)]
#[case::longer_than_a_minute(429, "300", 300)]
#[case::maintenance(503, "30", 30)]
#[case::capped(429, "999999999", 24 * 3600)]
#[tokio::test]
async fn a_limit_with_retry_after_blocks_the_account_for_that_long(
    #[case] status: u16,
    #[case] retry_after: &str,
    #[case] seconds: i64,
) {
    let (stage, failed) = refused(status, &[("retry-after", retry_after)], "").await;
    assert_eq!((again_in(&failed), failed.error.scope), (seconds, ErrorScope::Account));
    assert!(failed.error.stops_the_batch());
    let (result, learned) = stage.gate.ended();
    assert_eq!(learned.blocked_for, Some(Duration::from_secs(seconds as u64)));
    // A platform that is down is no limit.
    assert_eq!(matches!(result, CallResult::Fails { .. }), status == 503);
    assert_eq!(failed.sent, if status == 503 { Sent::Unknown } else { Sent::Refused });
}

#[tokio::test]
async fn a_date_of_retry_after_counts_from_the_platforms_clock() {
    let headers =
        [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")];
    let (_, failed) = refused(429, &headers, "").await;
    assert_eq!(again_in(&failed), 60);
}

#[rstest]
#[tokio::test]
async fn a_limit_without_retry_after_ends_with_the_window_that_is_used_up(#[values(403, 429)] status: u16) {
    let reset = (Utc::now() + TimeDelta::seconds(900)).timestamp().to_string();
    let (stage, failed) = refused(status, &[("x-remaining", "0"), ("x-reset", &*reset)], "").await;
    assert!((898..=901).contains(&again_in(&failed)), "{failed:?}");
    let (result, learned) = stage.gate.ended();
    // The dimension is used up; other dimensions of the account are not.
    assert_eq!((result, learned.blocked_for), (CallResult::Unknown, None));
    assert_eq!(learned.observed[0].remaining, Some(0.0));
}

#[tokio::test]
async fn a_limit_without_any_time_pauses_for_a_minute() {
    let (stage, failed) = refused(429, &[], "").await;
    assert_eq!(again_in(&failed), 60);
    assert_eq!(stage.gate.ended().1.blocked_for, Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn a_limit_that_only_the_body_tells_is_one() {
    let body = json!({ "code": "slow_down", "message": "secondary limit" }).to_string();
    let (stage, failed) = refused(400, &[], &body).await;
    assert_eq!((again_in(&failed), failed.error.scope), (60, ErrorScope::Account));
    assert_eq!(stage.gate.ended().0, CallResult::Unknown);
}

#[tokio::test]
async fn what_the_gate_refuses_is_not_sent() {
    let server = Server::answering(200, &[], "{}").await;
    let until = Utc::now() + TimeDelta::minutes(5);
    let mut stage = Stage::new();
    stage.gate.refusal = Some(Refusal { until, why: "acme/1: the platform does not work".to_owned() });
    let client = client(&server.url());
    for request in [client.get(&["items"]), client.post(&["items"])] {
        let failed = request.send(&stage.call()).await.unwrap_err();
        assert_eq!(failed.sent, Sent::No);
        assert_eq!(
            (failed.error.kind, failed.error.scope, &*failed.error.message),
            (ErrorKind::RateLimited { until }, ErrorScope::Account, "acme/1: the platform does not work")
        );
    }
    assert_eq!((server.seen().len(), stage.meter.requests()), (0, 0));
}

#[tokio::test]
async fn without_leave_nothing_is_changed_and_nothing_taken_from_the_limits() {
    let server = Server::answering(200, &[], "{}").await;
    let stage = Stage { leave: May(false), ..Stage::new() };
    let client = client(&server.url());
    for request in [client.post(&["x"]), client.put(&["x"]), client.patch(&["x"]), client.delete(&["x"])] {
        let failed = request.send(&stage.call()).await.unwrap_err();
        assert_eq!((failed.sent, failed.error.kind), (Sent::No, ErrorKind::Stopped(Stopped::LeaseLost)));
    }
    assert_eq!((server.seen().len(), stage.gate.asked().len(), stage.meter.requests()), (0, 0, 0));
    client.get(&["x"]).send(&stage.call()).await.unwrap();
    client.post(&["search"]).reads().send(&stage.call()).await.unwrap();
    assert_eq!((server.seen().len(), stage.meter.requests()), (2, 2));
}

#[tokio::test]
async fn requests_for_one_write_count_for_it_too() {
    let server = Server::answering(500, &[], "").await;
    let stage = Stage::new();
    let client = client(&server.url());
    for _ in 0..2 {
        let call = stage.call().for_write(1);
        client.patch(&["items", "7"]).send(&call).await.unwrap_err();
    }
    assert_eq!(stage.meter.requests(), 2, "failed requests count");
}
