//! Faults on demand.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{ISSUES, Place};

async fn fails(place: &Place) -> reqwest::Error {
    let request =
        place.request("POST", ISSUES).json(&json!({ "title": "A" })).timeout(Duration::from_millis(400));
    match request.send().await {
        Ok(response) => response.bytes().await.expect_err("the fault"),
        Err(error) => error,
    }
}

async fn count(place: &Place) -> usize {
    place.get(&format!("{ISSUES}?state=all")).await.numbers().len()
}

#[tokio::test]
async fn statuses_are_answered_without_an_effect() {
    let place = Place::limited().await;
    for status in [401, 403, 404, 429, 500, 502, 503] {
        place.fault(
            json!({ "method": "POST", "path": "/repos/*/*/issues", "kind": "status", "status": status }),
        );
        let refused = place.post(ISSUES, json!({ "title": "A" })).await.expect(status);
        assert!(!refused.message().is_empty());
        assert!(refused.headers.contains_key("x-ratelimit-remaining"));
    }
    place.fault(json!({ "kind": "status", "status": 503, "retry_after": 7, "body": "<html>busy</html>" }));
    let refused = place.get("/user").await.expect(503);
    assert_eq!((refused.header("retry-after"), refused.text.as_str()), ("7", "<html>busy</html>"));
    assert_eq!(count(&place).await, 0);
}

#[tokio::test]
async fn limits_are_answered_in_both_forms() {
    let place = Place::new().await;
    place.fault(json!({ "kind": "rate_limit", "limit": "primary" }));
    let primary = place.get("/user").await.expect(403);
    assert_eq!(primary.header("x-ratelimit-remaining"), "0");
    assert!(primary.headers.get("retry-after").is_none());
    place.fault(
        json!({ "kind": "rate_limit", "status": 429, "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT" }),
    );
    let secondary = place.get("/user").await.expect(429);
    assert!(
        secondary.message().contains("secondary rate limit") && secondary.number("x-ratelimit-remaining") > 0
    );
    assert!(secondary.header("retry-after").ends_with("GMT"));
    place.fault(json!({ "kind": "rate_limit", "limit": "primary" }));
    let graphql = place.post("/graphql", json!({ "query": "{ viewer { login } }" })).await.expect(200);
    assert_eq!(graphql.body["errors"][0]["type"], "RATE_LIMITED");
    place.fault(json!({ "kind": "rate_limit" }));
    assert!(place.get("/user").await.expect(403).headers.get("retry-after").is_none());
}

#[tokio::test]
async fn a_time_out_may_come_before_or_after_the_effect() {
    let place = Place::new().await;
    place.fault(json!({ "method": "POST", "kind": "hang" }));
    assert!(fails(&place).await.is_timeout());
    assert_eq!(count(&place).await, 0);
    place.fault(json!({ "method": "POST", "kind": "hang", "when": "after" }));
    assert!(fails(&place).await.is_timeout());
    assert_eq!(count(&place).await, 1, "committed, and never answered");
    place.fault(json!({ "method": "POST", "kind": "hang", "seconds": 0.05 }));
    assert!(!fails(&place).await.is_timeout(), "after its seconds the connection closes");
}

#[tokio::test]
async fn connections_are_reset_before_or_after_the_effect() {
    let place = Place::new().await;
    place.fault(json!({ "method": "POST", "kind": "reset" }));
    let error = format!("{:?}", fails(&place).await);
    assert!(error.contains("ConnectionReset") || error.contains("reset"), "{error}");
    assert_eq!(count(&place).await, 0);
    place.fault(json!({ "method": "POST", "kind": "reset", "when": "after" }));
    fails(&place).await;
    assert_eq!(count(&place).await, 1);
    place.get("/user").await.expect(200);
}

#[tokio::test]
async fn a_body_is_cut_in_the_middle() {
    let place = Place::new().await;
    place.fault(json!({ "method": "POST", "kind": "truncate", "keep": 0.5 }));
    let error = fails(&place).await;
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(count(&place).await, 1, "the request took effect");
}

#[tokio::test]
async fn faults_begin_end_and_choose_by_body() {
    let place = Place::new().await;
    place.fault(json!({ "method": "POST", "nth": 2, "times": 2, "kind": "status", "status": 500 }));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(place.post(ISSUES, json!({ "title": "A" })).await.status);
    }
    assert_eq!(statuses, [201, 500, 500, 201]);
    place.fault(json!({ "body_contains": "needle", "times": 0, "kind": "status", "status": 500 }));
    place.post(ISSUES, json!({ "title": "hay" })).await.expect(201);
    place.post(ISSUES, json!({ "title": "a needle" })).await.expect(500);
    let set = place.control("GET", "/faults", Value::Null);
    assert_eq!((&set[0]["hits"], &set[1]["hits"]), (&json!(2), &json!(1)));
    place.control("DELETE", "/faults", Value::Null);
    place.post(ISSUES, json!({ "title": "a needle" })).await.expect(201);
    let (status, _) =
        place.running.control("POST", "/faults", &json!({ "kind": "status", "status": 500, "nht": 2 }));
    assert_eq!(status, 422);
}

#[tokio::test]
async fn responses_may_be_late() {
    let place = Place::new().await;
    place.fault(json!({ "kind": "delay", "millis": 150 }));
    let start = Instant::now();
    place.get("/user").await.expect(200);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn requests_that_met_a_fault_are_in_the_log() {
    let place = Place::new().await;
    place.fault(json!({ "method": "POST", "kind": "reset", "when": "before" }));
    fails(&place).await;
    let log = place.log("?method=POST");
    assert_eq!((&log[0]["fault"], &log[0]["status"]), (&json!("reset"), &Value::Null));
    assert_eq!(log[0]["body"]["title"], "A");
}
