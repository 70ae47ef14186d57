//! Faults in Linear's form.

use serde_json::{Value, json};

use crate::common::{Place, form, got};

const WHO: &str = "{ viewer { id } }";

#[tokio::test]
async fn limits_and_errors_on_demand() {
    let place = Place::new().await;
    place.fault(json!({ "platform": "linear", "kind": "rate_limit", "limit": "primary" }));
    let got = place.graphql(WHO, json!({})).await.expect(400);
    assert_eq!((got.code(), got.error()["extensions"]["statusCode"].as_u64()), ("RATELIMITED", Some(429)));
    assert_eq!(
        (got.number("x-ratelimit-requests-remaining"), got.number("x-ratelimit-requests-limit")),
        (0, 2_500)
    );
    place.fault(json!({ "body_contains": "issueCreate", "kind": "rate_limit", "retry_after": 7 }));
    let got = place.try_create(json!({ "title": "A" })).await.expect(400);
    assert_eq!(
        (got.code(), got.header("x-ratelimit-endpoint-name"), got.header("retry-after")),
        ("RATELIMITED", "issueCreate", "7")
    );
    for (status, code, category) in [
        (401, "AUTHENTICATION_ERROR", "authentication error"),
        (403, "FORBIDDEN", "forbidden"),
        (400, "INPUT_ERROR", "invalid input"),
        (500, "INTERNAL_SERVER_ERROR", "internal error"),
        (502, "INTERNAL_SERVER_ERROR", "internal error"),
        (503, "LOCK_TIMEOUT", "lock timeout"),
    ] {
        place.fault(json!({ "kind": "status", "status": status }));
        let got = place.graphql(WHO, json!({})).await.expect(status);
        assert_eq!((got.code(), &got.error()["extensions"]["type"]), (code, &json!(category)));
    }
    place.graphql(WHO, json!({})).await.data();
}

#[tokio::test]
async fn a_create_with_a_lost_response_is_found_by_its_id() {
    let place = Place::new().await;
    place.fault(json!({ "body_contains": "issueCreate", "kind": "reset", "when": "after" }));
    let id = "0c2f7d1e-5a6b-4c3d-8e9f-0a1b2c3d4e5f";
    let body = json!({
        "query": "mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success } }",
        "variables": { "input": { "id": id, "teamId": place.team, "title": "A" } },
    });
    let url = format!("{}/graphql", place.running.linear());
    let lost = place.client.post(url).header("authorization", &place.credentials).json(&body).send().await;
    assert!(lost.is_err());
    assert_eq!(place.read(id, "title").await["title"], "A");
    assert_eq!(place.raw(&body).await.message(), "conflict on insert of Issue");
    assert_eq!(place.control("GET", "/linear/teams/ENG/issues", Value::Null).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_token_endpoint_may_fail() {
    let place = Place::new().await;
    place.fault(json!({ "path": "/oauth/token", "kind": "status", "status": 503 }));
    let url = format!("{}/oauth/token", place.running.linear());
    let fields = [("grant_type", "refresh_token")];
    got(form(place.client.post(&url), &fields)).await.expect(503);
    got(form(place.client.post(&url), &fields)).await.expect(401);
}
