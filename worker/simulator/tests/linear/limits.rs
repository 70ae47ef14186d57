//! Complexity, and budgets of requests and points.

use serde_json::{Value, json};

use crate::common::Place;

const WHO: &str = "{ user(id: \"me\") { name } }";

#[tokio::test]
async fn complexity_is_computed_as_documented() {
    let place = Place::new().await;
    for (query, points) in [
        // The two examples of Linear's page.
        (WHO, 2),
        ("{ user(id: \"me\") { createdIssues { nodes { id title createdAt } } } }", 66),
        ("{ user(id: \"me\") { createdIssues(first: 10) { nodes { id title createdAt } } } }", 14),
        ("{ issues(first: 5) { nodes { id labels(first: 3) { nodes { id } } } } }", 22),
        ("{ issues(first: 5) { nodes { id labels { nodes { id } } } } }", 281),
        ("query($n: Int) { issues(first: $n) { nodes { id } pageInfo { endCursor } } }", 22),
    ] {
        let variables = if query.contains("$n") { json!({ "n": 10 }) } else { json!({}) };
        let got = place.graphql(query, variables).await.expect(200);
        assert_eq!(got.number("x-complexity"), points, "{query}");
        assert!(got.headers.get("x-ratelimit-requests-limit").is_none(), "limits are off");
    }
}

#[tokio::test]
async fn a_query_that_is_too_complex_is_refused() {
    let place = Place::new().await;
    let query = "{ issues(first: 250) { nodes { id children { nodes { id } } } } }";
    let got = place.graphql(query, json!({})).await.expect(400);
    assert_eq!((got.message(), got.number("x-complexity")), ("Query too complex", 14_025));
    place.switch(json!({ "max_complexity": 20_000 }));
    place.graphql(query, json!({})).await.data();
}

#[tokio::test]
async fn every_response_has_the_budgets() {
    let place = Place::limited().await;
    place.stop_clock();
    let now = place.control("GET", "/clock", Value::Null)["now_ms"].as_u64().unwrap();
    let got = place.graphql(WHO, json!({})).await.expect(200);
    assert_eq!(
        (got.number("x-ratelimit-requests-limit"), got.number("x-ratelimit-requests-remaining")),
        (2_500, 2_499)
    );
    assert_eq!(
        (got.number("x-ratelimit-complexity-limit"), got.number("x-ratelimit-complexity-remaining")),
        (3_000_000, 2_999_998)
    );
    assert_eq!(
        got.number("x-ratelimit-requests-reset"),
        now + 1_440,
        "one request drains in an hour divided by 2,500"
    );
    let refused = place.graphql("{ nobody }", json!({})).await.expect(400);
    assert_eq!(
        refused.number("x-ratelimit-requests-remaining"),
        2_499,
        "what is not carried out costs nothing"
    );
    place.switch(json!({ "reset_in_seconds": true }));
    let got = place.graphql(WHO, json!({})).await;
    assert_eq!(got.number("x-ratelimit-requests-reset"), (now + 2_880) / 1_000);

    let made = place.control("POST", "/linear/tokens", json!({ "user": "ada", "kind": "oauth" }));
    let place = place.acting(&format!("Bearer {}", made["token"].as_str().unwrap()));
    let got = place.graphql(WHO, json!({})).await;
    assert_eq!(
        (got.number("x-ratelimit-requests-limit"), got.number("x-ratelimit-requests-remaining")),
        (5_000, 4_999)
    );
    assert_eq!(got.number("x-ratelimit-complexity-limit"), 2_000_000);
}

#[tokio::test]
async fn a_spent_budget_is_a_400_and_refills_continuously() {
    let place = Place::limited().await;
    place.stop_clock();
    place.switch(json!({ "key_requests": 3_600 }));
    place.control("PUT", "/linear/budget", json!({ "user": "ada", "resource": "requests", "remaining": 1 }));
    place.graphql(WHO, json!({})).await.data();
    let spent = place.try_create(json!({ "title": "A" })).await.expect(400);
    assert_eq!(spent.code(), "RATELIMITED");
    let extensions = &spent.error()["extensions"];
    assert_eq!((&extensions["type"], &extensions["statusCode"]), (&json!("ratelimited"), &json!(429)));
    assert!(spent.message().starts_with("Rate limit exceeded. Only 3600 requests are allowed per 1 hour."));
    assert_eq!(spent.number("x-ratelimit-requests-remaining"), 0);
    assert!(spent.headers.get("retry-after").is_none());
    assert!(place.control("GET", "/linear/teams/ENG/issues", Value::Null).as_array().unwrap().is_empty());
    place.advance(2.0);
    place.graphql(WHO, json!({})).await.data();
    place.graphql(WHO, json!({})).await.data();
    place.switch(json!({ "limit_status": 429, "retry_after": true }));
    let spent = place.graphql(WHO, json!({})).await.expect(429);
    assert!(spent.number("retry-after") > 3_000);
    place.control("DELETE", "/linear/budget", Value::Null);
    place.graphql(WHO, json!({})).await.data();
}

#[tokio::test]
async fn keys_of_a_user_share_a_budget_and_points_are_one_too() {
    let place = Place::limited().await;
    place.stop_clock();
    place.graphql(WHO, json!({})).await.data();
    let other = place.key_of("ada");
    let place = place.acting(&other);
    assert_eq!(place.graphql(WHO, json!({})).await.number("x-ratelimit-requests-remaining"), 2_498);
    place.control(
        "PUT",
        "/linear/budget",
        json!({ "user": "ada", "resource": "complexity", "remaining": 60 }),
    );
    let list = "{ issues { nodes { id } } }";
    assert_eq!(place.graphql(list, json!({})).await.number("x-ratelimit-complexity-remaining"), 5);
    let spent = place.graphql(list, json!({})).await.expect(400);
    assert_eq!((spent.code(), spent.number("x-complexity")), ("RATELIMITED", 55));
    place.graphql(WHO, json!({})).await.data();
    let bruno = place.key_of("bruno");
    place.acting(&bruno).graphql(list, json!({})).await.data();
}

#[tokio::test]
async fn single_mutations_may_have_their_own_limit() {
    let place = Place::limited().await;
    place.stop_clock();
    place.switch(json!({ "endpoint_limits": { "issueCreate": [2, 60] } }));
    place.create(json!({ "title": "A" })).await;
    place.create(json!({ "title": "B" })).await;
    let spent = place.try_create(json!({ "title": "C" })).await.expect(400);
    assert_eq!((spent.code(), spent.header("x-ratelimit-endpoint-name")), ("RATELIMITED", "issueCreate"));
    assert_eq!(
        (
            spent.number("x-ratelimit-endpoint-requests-limit"),
            spent.number("x-ratelimit-endpoint-requests-remaining")
        ),
        (2, 0)
    );
    assert!(spent.number("x-ratelimit-requests-remaining") > 2_000);
    place.graphql(WHO, json!({})).await.data();
    place.advance(60.0);
    place.create(json!({ "title": "C" })).await;
}

#[tokio::test]
async fn budgets_can_be_queried() {
    let place = Place::limited().await;
    place.stop_clock();
    let query = "{ rateLimitStatus { kind identifier limits { type allowedAmount remainingAmount period reset requestedAmount } } }";
    let status = place.graphql(query, json!({})).await.data()["rateLimitStatus"].clone();
    assert_eq!((&status["kind"], &status["limits"][0]["type"]), (&json!("apiKey"), &json!("requests")));
    assert_eq!(
        (&status["limits"][0]["allowedAmount"], &status["limits"][0]["remainingAmount"]),
        (&json!(2_500), &json!(2_499))
    );
    place.control("PATCH", "/settings", json!({ "limits": "off" }));
    assert_eq!(place.graphql(query, json!({})).await.data()["rateLimitStatus"]["limits"], json!([]));
}
