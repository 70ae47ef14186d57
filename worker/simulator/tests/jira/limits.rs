//! Rate limits, enforced and ordered through the control API.

use serde_json::{Value, json};

use crate::common::{Place, got};

#[tokio::test]
async fn each_endpoint_takes_so_many_requests_a_second() {
    let place = Place::limited().await;
    place.control("POST", "/clock", json!({ "stop": true }));
    for _ in 0..99 {
        place.get("/myself").await.expect(200);
    }
    let last = place.get("/myself").await.expect(200);
    assert_eq!((last.header("x-ratelimit-limit"), last.header("x-ratelimit-remaining")), ("100", "0"));
    assert_eq!(last.header("x-ratelimit-nearlimit"), "true");
    let refused = place.get("/myself").await.expect(429);
    assert_eq!(
        (refused.header("ratelimit-reason"), refused.header("retry-after")),
        ("jira-burst-based", "1")
    );
    let reset: chrono::DateTime<chrono::Utc> = refused.header("x-ratelimit-reset").parse().unwrap();
    let now = place.control("GET", "/clock", Value::Null)["now_ms"].as_i64().unwrap();
    assert!((now..=now + 2_000).contains(&reset.timestamp_millis()), "{reset} is no time to wait for");
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    place.get("/field").await.expect(200);
    place.control("POST", "/clock", json!({ "advance": 1 }));
    place.get("/myself").await.expect(200);
    place.settings(json!({ "issue_writes_2s": 0, "issue_writes_30s": 0 }));
    let key = place.creates(json!({})).await;
    for at in 0..50 {
        place.edit(&key, json!({ "summary": format!("{at}") })).await.expect(204);
    }
    let refused = place.edit(&key, json!({ "summary": "B" })).await.expect(429);
    assert_eq!(
        (refused.header("ratelimit-reason"), refused.header("x-ratelimit-limit")),
        ("jira-burst-based", "50")
    );
    place.settings(json!({ "retry_after": false }));
    assert!(place.edit(&key, json!({})).await.expect(429).headers.get("retry-after").is_none());
}

#[tokio::test]
async fn one_issue_takes_so_many_writes() {
    let place = Place::limited().await;
    place.control("POST", "/clock", json!({ "stop": true }));
    let (one, other) = (place.creates(json!({})).await, place.creates(json!({})).await);
    for at in 0..20 {
        place.put(&format!("/issue/{one}/properties/x"), json!(at)).await;
    }
    let refused = place.edit(&one, json!({ "summary": "B" })).await.expect(429);
    assert_eq!(
        (refused.header("ratelimit-reason"), refused.header("retry-after")),
        ("jira-per-issue-on-write", "2")
    );
    place.edit(&other, json!({ "summary": "B" })).await.expect(204);
    place.get(&format!("/issue/{one}")).await.expect(200);
    for _ in 0..4 {
        place.control("POST", "/clock", json!({ "advance": 2 }));
        for at in 0..20 {
            let status = place.put(&format!("/issue/{one}/properties/x"), json!(at)).await.status;
            assert_eq!(status, 200);
        }
    }
    place.control("POST", "/clock", json!({ "advance": 2 }));
    let refused = place.edit(&one, json!({ "summary": "C" })).await.expect(429);
    assert_eq!((refused.header("x-ratelimit-limit"), refused.header("retry-after")), ("100", "20"));
    place.control("POST", "/clock", json!({ "advance": 20 }));
    place.edit(&one, json!({ "summary": "C" })).await.expect(204);
}

#[tokio::test]
async fn points_are_those_of_oauth_apps_and_end_with_the_hour() {
    let place = Place::limited().await;
    place.control("POST", "/jira/projects/SYNC/seed", json!({ "items": 10 }));
    place.settings(json!({ "quota_points": 20 }));
    let grant = place.control("POST", "/jira/grants", json!({ "user": "ada" }));
    let url = format!(
        "{}/ex/jira/{}/rest/api/3/search/jql?jql=project=SYNC",
        place.running.jira(),
        grant["cloud_id"].as_str().unwrap()
    );
    let search = || got(place.client.get(&url).bearer_auth(grant["access_token"].as_str().unwrap()));
    assert_eq!(
        search().await.expect(200).header("x-ratelimit-remaining"),
        "9",
        "one and one for each result"
    );
    search().await.expect(200);
    let refused = search().await.expect(429);
    assert_eq!(refused.header("ratelimit-reason"), "jira-quota-global-based");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 3_600);
    place.search("project = SYNC").await.expect(200);
    place.settings(json!({ "quota_of_tenant": true }));
    assert_eq!(search().await.expect(429).header("ratelimit-reason"), "jira-quota-tenant-based");
    let fresh = place.control(
        "PATCH",
        &format!("/jira/grants/{}", grant["access_token"].as_str().unwrap()),
        json!({ "expires_in": 7_200 }),
    );
    assert!(fresh.is_null());
    place.control("POST", "/clock", json!({ "advance": 3_600 }));
    search().await.expect(200);
}

#[tokio::test]
async fn refusals_are_ordered_while_limits_are_off() {
    let place = Place::new().await;
    assert!(place.get("/myself").await.headers.get("x-ratelimit-limit").is_none());
    for reason in
        ["jira-burst-based", "jira-quota-global-based", "jira-quota-tenant-based", "jira-per-issue-on-write"]
    {
        place.control(
            "POST",
            "/jira/limits",
            json!({ "reason": reason, "retry_after": 7, "path": "/rest/api/3/myself" }),
        );
        place.get("/field").await.expect(200);
        let refused = place.get("/myself").await.expect(429);
        assert_eq!((refused.header("ratelimit-reason"), refused.header("retry-after")), (reason, "7"));
        place.get("/myself").await.expect(200);
    }
    place.control("POST", "/jira/limits", json!({ "reason": "jira-burst-based", "times": 2 }));
    assert!(place.get("/myself").await.expect(429).headers.get("retry-after").is_none());
    place.get("/myself").await.expect(429);
    place.get("/myself").await.expect(200);
    let (status, _) = place.running.control("POST", "/jira/limits", &json!({ "reason": "other" }));
    assert_eq!(status, 422);
}

#[tokio::test]
async fn faults_have_jiras_form() {
    let place = Place::new().await;
    let fault = |fault: Value| place.control("POST", "/faults", fault);
    fault(json!({ "platform": "jira", "kind": "rate_limit", "limit": "primary" }));
    assert_eq!(place.get("/myself").await.expect(429).header("ratelimit-reason"), "jira-quota-global-based");
    fault(json!({ "platform": "jira", "kind": "rate_limit", "retry_after": 9 }));
    let refused = place.get("/myself").await.expect(429);
    assert_eq!(
        (refused.header("ratelimit-reason"), refused.header("retry-after")),
        ("jira-burst-based", "9")
    );
    fault(
        json!({ "path": "/rest/api/3/issue/*", "method": "GET", "kind": "status", "status": 503, "retry_after": 3 }),
    );
    let refused = place.get("/issue/SYNC-1").await.expect(503);
    assert!(
        refused.header("retry-after") == "3"
            && !refused.message().is_empty()
            && refused.header("atl-traceid").len() == 32
    );
    fault(json!({ "path": "/rest/api/3/issue", "method": "POST", "kind": "reset", "when": "after" }));
    let lost = place.request("POST", "/issue").json(&crate::common::draft(json!({}))).send().await;
    assert!(lost.is_err());
    assert_eq!(place.search("project = SYNC").await.keys(), ["SYNC-1"], "it took effect");
}
