//! Tokens, permissions, and hidden records.

use serde_json::{Value, json};

use crate::common::{ISSUES, Place};

const SECRET: &str = "/repos/acme/secret/issues";

#[tokio::test]
async fn bad_expired_and_revoked_tokens_are_401() {
    let place = Place::new().await;
    let token = place.token.clone();
    place.get("/user").await.expect(200);
    place.control("PATCH", &format!("/github/tokens/{token}"), json!({ "expires_in": 60 }));
    assert!(
        place
            .get("/user")
            .await
            .expect(200)
            .header("github-authentication-token-expiration")
            .ends_with("UTC")
    );
    place.control("POST", "/clock", json!({ "advance": 61 }));
    let refused = place.get("/user").await.expect(401);
    assert_eq!((refused.message(), refused.body["status"].as_str()), ("Bad credentials", Some("401")));
    // With bad credentials not even public records are shown.
    place.get("/repos/acme/web").await.expect(401);
    place.control("PATCH", &format!("/github/tokens/{token}"), json!({ "expires_in": null }));
    place.get("/user").await.expect(200);
    place.control("PATCH", &format!("/github/tokens/{token}"), json!({ "revoked": true }));
    place.get("/user").await.expect(401);
    let place = place.acting("ghp_unknown");
    place.get("/user").await.expect(401);
}

#[tokio::test]
async fn without_credentials_only_public_things_can_be_read() {
    let place = Place::new().await.acting("");
    place.get("/repos/acme/web").await.expect(200);
    place.get("/repos/acme/secret").await.expect(404);
    assert_eq!(place.get("/user").await.expect(401).message(), "Requires authentication");
    place.post(ISSUES, json!({ "title": "A" })).await.expect(401);
}

#[tokio::test]
async fn a_lost_membership_hides_a_private_repository() {
    let place = Place::new().await;
    place.post(SECRET, json!({ "title": "A" })).await.expect(201);
    place.get(&format!("{SECRET}/1")).await.expect(200);
    place.control("DELETE", "/github/repos/acme/secret/members/ada", Value::Null);
    assert_eq!(place.get(&format!("{SECRET}/1")).await.expect(404).message(), "Not Found");
    place.get("/repos/acme/secret").await.expect(404);
    place.patch(&format!("{SECRET}/1"), json!({ "title": "B" })).await.expect(404);
}

#[tokio::test]
async fn scopes_limit_classic_tokens() {
    let place = Place::new().await;
    let token = place.token.clone();
    place.control("PATCH", &format!("/github/tokens/{token}"), json!({ "scopes": ["public_repo"] }));
    place.get("/repos/acme/secret").await.expect(404);
    place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    place.control("PATCH", &format!("/github/tokens/{token}"), json!({ "scopes": [] }));
    place.get(ISSUES).await.expect(200);
    place.post(ISSUES, json!({ "title": "A" })).await.expect(403);
}

#[tokio::test]
async fn fine_grained_tokens_have_repositories_and_permissions() {
    let place = Place::new().await;
    let new = json!({ "account": "ada", "kind": "fine_grained", "repositories": ["acme/secret"], "permissions": { "issues": "write" } });
    let token = place.control("POST", "/github/tokens", new)["token"].as_str().unwrap().to_owned();
    let place = place.acting(&token);
    let path = format!("/github/tokens/{token}");
    place.post(SECRET, json!({ "title": "A" })).await.expect(201);
    place.get(ISSUES).await.expect(200);
    let refused = place.post(ISSUES, json!({ "title": "A" })).await.expect(403);
    assert_eq!(refused.message(), "Resource not accessible by personal access token");
    assert!(place.get("/user").await.expect(200).headers.get("x-oauth-scopes").is_none());

    place.control("PATCH", &path, json!({ "permissions": { "issues": "read" } }));
    place.get(SECRET).await.expect(200);
    place.patch(&format!("{SECRET}/1"), json!({ "title": "B" })).await.expect(403);
    place.control("PATCH", &path, json!({ "permissions": {} }));
    place.get(SECRET).await.expect(403);
    place.control("PATCH", &path, json!({ "repositories": [] }));
    place.get(SECRET).await.expect(404);
}

#[tokio::test]
async fn changes_without_rights_are_dropped_or_refused() {
    let place = Place::new().await;
    let number = place.person_creates(json!({ "title": "Of ada", "as": "ada" }));
    let (reader, triager) = (place.token_of("emil"), place.token_of("dora"));
    let place = place.acting(&reader);
    let made = place
        .post(ISSUES, json!({ "title": "A", "labels": ["bug"], "assignees": ["bruno"] }))
        .await
        .expect(201);
    assert_eq!((&made.body["labels"], &made.body["assignees"]), (&json!([]), &json!([])));
    let own = format!("{ISSUES}/{}", made.body["number"]);
    let edited = place.patch(&own, json!({ "title": "B", "labels": ["bug"] })).await.expect(200);
    assert_eq!((&edited.body["title"], &edited.body["labels"]), (&json!("B"), &json!([])));
    let refused = place.patch(&format!("{ISSUES}/{number}"), json!({ "title": "C" })).await.expect(403);
    assert_eq!(refused.message(), "Must have admin rights to Repository.");
    place.post(&format!("{own}/labels"), json!({ "labels": ["bug"] })).await.expect(403);
    place.post("/repos/acme/web/labels", json!({ "name": "x" })).await.expect(403);

    // Triage may set existing labels, and may not create any.
    let place = place.acting(&triager);
    let labelled = place.patch(&own, json!({ "labels": ["bug"] })).await.expect(200);
    assert_eq!(labelled.body["labels"][0]["name"], "bug");
    place.patch(&own, json!({ "labels": ["unheard of"] })).await.expect(422);
}

#[tokio::test]
async fn archived_repositories_are_read_only() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A" }));
    place.control("PATCH", "/github/repos/acme/web", json!({ "archived": true }));
    place.get(ISSUES).await.expect(200);
    let refused = place.patch(&format!("{ISSUES}/1"), json!({ "title": "B" })).await.expect(403);
    assert_eq!(refused.message(), "Repository was archived so is read-only.");
}
