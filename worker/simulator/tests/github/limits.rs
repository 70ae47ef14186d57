//! Rate limits, enforced and not.

use serde_json::{Value, json};

use crate::common::{Got, ISSUES, Place, got};

#[tokio::test]
async fn every_response_has_the_budget() {
    let place = Place::limited().await;
    let first = place.get("/user").await.expect(200);
    assert_eq!((first.number("x-ratelimit-limit"), first.number("x-ratelimit-remaining")), (5_000, 4_999));
    assert_eq!((first.number("x-ratelimit-used"), first.header("x-ratelimit-resource")), (1, "core"));
    let reset = first.number("x-ratelimit-reset");
    let now = place.control("GET", "/clock", Value::Null)["now_ms"].as_u64().unwrap() / 1000;
    assert!((now + 3_590..=now + 3_600).contains(&reset));
    assert_eq!(place.get("/rate_limit").await.number("x-ratelimit-used"), 1, "the limits cost nothing");
    // All tokens of a person share the budget.
    let place = {
        let token = place.token_of("ada");
        place.acting(&token)
    };
    assert_eq!(place.get("/user").await.number("x-ratelimit-used"), 2);
    let place = {
        let token = place.token_of("bruno");
        place.acting(&token)
    };
    assert_eq!(place.get("/user").await.number("x-ratelimit-used"), 1);
}

#[tokio::test]
async fn an_exhausted_budget_is_refused_until_its_window_ends() {
    let place = Place::limited().await;
    place.control("PUT", "/github/budget", json!({ "account": "ada", "remaining": 1, "reset_in": 120 }));
    place.get("/user").await.expect(200);
    let refused = place.get("/user").await.expect(403);
    assert!(refused.message().starts_with("API rate limit exceeded for user ID"));
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    assert!(refused.headers.get("retry-after").is_none());
    place.control("PATCH", "/github/settings", json!({ "limit_status": 429 }));
    place.get("/user").await.expect(429);
    place.control("POST", "/clock", json!({ "advance": 121 }));
    assert_eq!(place.get("/user").await.expect(200).number("x-ratelimit-remaining"), 4_999);
}

#[tokio::test]
async fn without_credentials_the_budget_is_sixty() {
    let place = Place::limited().await.acting("");
    assert_eq!(place.get("/repos/acme/web").await.number("x-ratelimit-limit"), 60);
    for _ in 1..60 {
        place.get("/repos/acme/web").await.expect(200);
    }
    assert!(place.get("/repos/acme/web").await.expect(403).message().contains("127.0.0.1"));
}

#[tokio::test]
async fn eighty_creations_a_minute_and_five_hundred_an_hour() {
    let place = Place::limited().await;
    place.control("POST", "/clock", json!({ "stop": true }));
    for _ in 0..80 {
        place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    }
    let refused = place.post(ISSUES, json!({ "title": "B" })).await.expect(403);
    assert!(refused.message().contains("temporarily blocked from content creation"));
    assert_eq!(refused.header("retry-after"), "60");
    assert!(refused.number("x-ratelimit-remaining") > 4_000, "the primary budget is not the reason");
    place.patch(&format!("{ISSUES}/1"), json!({ "title": "C" })).await.expect(200);
    for minute in 1..=6 {
        place.control("POST", "/clock", json!({ "advance": 60 }));
        for _ in 0..(if minute < 6 { 80 } else { 20 }) {
            place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
        }
    }
    place.post(ISSUES, json!({ "title": "A" })).await.expect(403);
    place.control("POST", "/clock", json!({ "advance": 60 }));
    place.post(ISSUES, json!({ "title": "A" })).await.expect(403);
    place.control("POST", "/clock", json!({ "advance": 3_600 }));
    place.control(
        "PATCH",
        "/github/settings",
        json!({ "secondary_retry_after": false, "creates_a_minute": 0 }),
    );
    let silent = place.post(ISSUES, json!({ "title": "A" })).await.expect(403);
    assert!(silent.headers.get("retry-after").is_none());
}

#[tokio::test]
async fn points_a_minute_count_writes_five_times() {
    let place = Place::limited().await;
    place.control("POST", "/clock", json!({ "stop": true }));
    place.person_creates(json!({ "title": "A" }));
    for at in 0..180 {
        place.patch(&format!("{ISSUES}/1"), json!({ "title": format!("{at}") })).await.expect(200);
    }
    let refused = place.patch(&format!("{ISSUES}/1"), json!({ "title": "B" })).await.expect(403);
    assert!(refused.message().starts_with("You have exceeded a secondary rate limit."));
    place.get(ISSUES).await.expect(200);
    place.control("POST", "/clock", json!({ "advance": 60 }));
    place.patch(&format!("{ISSUES}/1"), json!({ "title": "B" })).await.expect(200);
}

#[tokio::test]
async fn too_many_requests_at_once_are_refused() {
    let place = Place::limited().await;
    place.control("PATCH", "/settings", json!({ "latency_ms": 300 }));
    place.control("PATCH", "/github/settings", json!({ "concurrent": 5 }));
    let requests = (0..10).map(|_| got(place.request("GET", "/user")));
    let statuses: Vec<u16> =
        futures_util::future::join_all(requests).await.iter().map(|got| got.status).collect();
    assert!(statuses.contains(&403) && statuses.contains(&200), "{statuses:?}");
}

#[tokio::test]
async fn search_and_graphql_have_their_own_budgets() {
    let place = Place::limited().await;
    let search = "/search/issues?q=repo:acme/web%20x";
    for _ in 0..30 {
        assert_eq!(place.get(search).await.expect(200).header("x-ratelimit-resource"), "search");
    }
    place.get(search).await.expect(403);
    place.get("/user").await.expect(200);
    place.control("POST", "/clock", json!({ "advance": 60 }));
    place.get(search).await.expect(200);
    place.control(
        "PUT",
        "/github/budget",
        json!({ "account": "ada", "resource": "graphql", "remaining": 0 }),
    );
    let refused = place.post("/graphql", json!({ "query": "{ viewer { login } }" })).await.expect(200);
    assert_eq!(refused.body["errors"][0]["type"], "RATE_LIMITED");
}

/// As Enterprise Server responds unless an administrator enables its limits.
#[tokio::test]
async fn a_server_without_limits_reports_none() {
    let place = Place::new().await;
    for _ in 0..120 {
        place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    }
    let silent = |got: &Got| got.headers.keys().all(|name| !name.as_str().starts_with("x-ratelimit"));
    assert!(
        silent(&place.get("/user").await.expect(200)) && silent(&place.get("/nothing").await.expect(404))
    );
    let refused = place.get("/rate_limit").await.expect(404);
    assert_eq!(refused.message(), "Rate limiting is not enabled.");
    assert!(silent(&refused));
    let query = json!({ "query": "{ rateLimit { cost } }" });
    assert_eq!(place.post("/graphql", query).await.expect(200).body["data"], json!({ "rateLimit": null }));
    // A budget set by the control API is still enforced.
    place.control("PUT", "/github/budget", json!({ "account": "ada", "remaining": 1 }));
    assert_eq!(place.get("/user").await.expect(200).number("x-ratelimit-remaining"), 0);
    place.get("/user").await.expect(403);
    place.get("/rate_limit").await.expect(200);
    place.control("DELETE", "/github/budget", Value::Null);
    place.control("PATCH", "/settings", json!({ "limits": "real" }));
    assert_eq!(place.get("/user").await.number("x-ratelimit-limit"), 5_000);
}
