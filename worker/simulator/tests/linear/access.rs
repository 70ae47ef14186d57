//! Credentials, scopes, and what a user sees.

use serde_json::{Value, json};

use crate::common::Place;

const WHO: &str = "{ viewer { displayName isMe } }";

#[tokio::test]
async fn a_key_is_sent_bare_and_an_access_token_with_bearer() {
    let place = Place::new().await;
    let key = place.credentials.clone();
    assert_eq!(
        place.graphql(WHO, json!({})).await.data()["viewer"],
        json!({ "displayName": "ada", "isMe": true })
    );
    let made = place.control("POST", "/linear/tokens", json!({ "user": "bruno", "kind": "oauth" }));
    let token = made["token"].as_str().unwrap();
    assert!(key.starts_with("lin_api_") && token.starts_with("lin_oauth_"));

    let place = place.acting(&format!("Bearer {key}"));
    let wrong = place.graphql(WHO, json!({})).await.expect(401);
    assert_eq!(wrong.code(), "AUTHENTICATION_ERROR");
    assert_eq!(
        wrong.message(),
        "It looks like you're trying to use an API key as a Bearer token. Remove the Bearer prefix from the Authorization header."
    );
    place.switch(json!({ "wrong_form_status": 400 }));
    place.graphql(WHO, json!({})).await.expect(400);

    let place = place.acting(token);
    assert_eq!(place.graphql(WHO, json!({})).await.expect(401).code(), "AUTHENTICATION_ERROR");
    let place = place.acting(&format!("Bearer {token}"));
    assert_eq!(place.graphql(WHO, json!({})).await.data()["viewer"]["displayName"], "bruno");
}

#[tokio::test]
async fn expired_and_revoked_credentials_are_401() {
    let place = Place::new().await;
    let place = place.acting("");
    let none = place.graphql(WHO, json!({})).await.expect(401);
    assert_eq!(none.message(), "Authentication required, not authenticated");
    assert_eq!(none.error()["extensions"]["type"], "authentication error");
    let place = place.acting("lin_api_unknown");
    place.graphql(WHO, json!({})).await.expect(401);

    let key = place.key_of("emil");
    let place = place.acting(&key);
    place.graphql(WHO, json!({})).await.data();
    place.control("PATCH", &format!("/linear/tokens/{key}"), json!({ "revoked": true }));
    place.graphql(WHO, json!({})).await.expect(401);
    place.control("PATCH", &format!("/linear/tokens/{key}"), json!({ "revoked": false, "expires_in": 60 }));
    place.graphql(WHO, json!({})).await.data();
    place.advance(61.0);
    place.graphql(WHO, json!({})).await.expect(401);
    place.control("PATCH", &format!("/linear/tokens/{key}"), json!({ "expires_in": null }));
    place.control("PATCH", "/linear/users/emil", json!({ "active": false }));
    place.graphql(WHO, json!({})).await.expect(401);
}

#[tokio::test]
async fn scopes_are_required() {
    let place = Place::new().await;
    let issue = place.person_creates(json!({ "title": "A" }));
    let id = issue["id"].as_str().unwrap();
    let token = |scopes: Value| {
        let made = place.control("POST", "/linear/tokens", json!({ "user": "ada", "scopes": scopes }));
        made["token"].as_str().unwrap().to_owned()
    };
    let (read, create, write) =
        (token(json!(["read"])), token(json!(["read", "issues:create"])), token(json!(["write"])));
    let place = place.acting(&read);
    place.graphql(WHO, json!({})).await.data();
    let refused = place.update(id, json!({ "title": "B" })).await.expect(200);
    assert_eq!((refused.code(), refused.message()), ("FORBIDDEN", "Invalid scope: `write` required"));
    assert_eq!(
        place.try_create(json!({ "title": "B" })).await.message(),
        "Invalid scope: `issues:create` required"
    );
    let place = place.acting(&create);
    place.create(json!({ "title": "B" })).await;
    assert_eq!(place.update(id, json!({ "title": "B" })).await.code(), "FORBIDDEN");
    let place = place.acting(&write);
    place.graphql(WHO, json!({})).await.data();
    place.update(id, json!({ "title": "B" })).await.data();
}

#[tokio::test]
async fn private_teams_are_hidden_from_others() {
    let place = Place::new().await;
    let secret = place.control("POST", "/linear/teams/OPS/issues", json!({ "title": "S" }));
    let open = place.person_creates(json!({ "title": "A" }));
    place.control("POST", "/linear/labels", json!({ "name": "secret", "team": "OPS" }));
    let private = "{ teams(filter: {visibility: {eq: private}}) { nodes { key visibility private } } }";
    let found = place.graphql(private, json!({})).await.data();
    assert_eq!(found["teams"]["nodes"], json!([{ "key": "OPS", "visibility": "private", "private": true }]));
    let teams = "{ teams { nodes { key } } issueLabels { nodes { name } } workflowStates { nodes { team { key } } } }";
    let seen = place.graphql(teams, json!({})).await.data();
    assert_eq!(seen["teams"]["nodes"].as_array().unwrap().len(), 2);

    let key = place.key_of("emil");
    let place = place.acting(&key);
    let seen = place.graphql(teams, json!({})).await.data();
    assert_eq!(seen["teams"]["nodes"], json!([{ "key": "ENG" }]));
    assert_eq!(seen["issueLabels"]["nodes"], json!([{ "name": "bug" }]));
    assert!(!seen["workflowStates"].to_string().contains("OPS"));
    assert_eq!(place.identifiers("").await, ["ENG-1"]);
    let ops = secret["id"].as_str().unwrap();
    assert_eq!(place.update(ops, json!({ "title": "B" })).await.message(), "Entity not found: Issue");
    let query = "query($id: String!) { issue(id: $id) { id } }";
    assert_eq!(place.graphql(query, json!({ "id": "OPS-1" })).await.message(), "Entity not found: Issue");
    assert_eq!(
        place.try_create(json!({ "title": "A", "teamId": "OPS" })).await.message(),
        "Entity not found: Team"
    );

    place.control("PUT", "/linear/teams/OPS/members/emil", Value::Null);
    place.read("OPS-1", "id").await;
    place.control("POST", &format!("/linear/issues/{}/hide", open["id"].as_str().unwrap()), json!({}));
    assert_eq!(place.identifiers("").await, ["OPS-1"], "a hidden issue is in no list");
    assert_eq!(place.graphql(query, json!({ "id": "ENG-1" })).await.message(), "Entity not found: Issue");
}

#[tokio::test]
async fn guests_and_restricted_keys_see_their_teams_only() {
    let place = Place::new().await;
    place.control("POST", "/linear/users", json!({ "display_name": "gast", "guest": true }));
    place.person_creates(json!({ "title": "A" }));
    let key = place.key_of("gast");
    let place = place.acting(&key);
    assert!(place.identifiers("").await.is_empty());
    place.control("PUT", "/linear/teams/ENG/members/gast", Value::Null);
    assert_eq!(place.identifiers("").await, ["ENG-1"]);
    let made = place.control("POST", "/linear/tokens", json!({ "user": "ada", "teams": ["OPS"] }));
    let place = place.acting(made["token"].as_str().unwrap());
    assert!(place.identifiers("").await.is_empty());
}

#[tokio::test]
async fn people_are_found_by_their_address() {
    let place = Place::new().await;
    place.control("POST", "/linear/users", json!({ "display_name": "gone", "active": false }));
    place.control("POST", "/linear/apps", json!({ "name": "robot" }));
    let by_email =
        "{ users(filter: {email: {eqIgnoreCase: \"Emil@acme.example\"}}) { nodes { displayName } } }";
    assert_eq!(
        place.graphql(by_email, json!({})).await.data()["users"]["nodes"],
        json!([{ "displayName": "emil" }])
    );
    let all = "query($all: Boolean) { users(includeDisabled: $all) { nodes { displayName active app isAssignable guest } } }";
    let names = |data: Value| data["users"]["nodes"].to_string();
    assert!(!names(place.graphql(all, json!({})).await.data()).contains("gone"));
    let whole = names(place.graphql(all, json!({ "all": true })).await.data());
    assert!(whole.contains("gone"), "{whole}");
    let robot = "{ users(filter: {app: {eq: true}}) { nodes { displayName isAssignable } } }";
    let robots = place.graphql(robot, json!({})).await.data();
    assert_eq!(robots["users"]["nodes"], json!([{ "displayName": "robot", "isAssignable": false }]));
}
