//! OAuth 2.0: tokens that expire, refresh tokens that are valid once, scopes.

use serde_json::{Value, json};

use crate::common::{Got, Place, got};

/// Returns a place, and a grant of a user of it.
async fn granted(more: Value) -> (Place, Value) {
    let place = Place::new().await;
    place.person_creates(json!({ "summary": "A" }));
    let mut wanted = json!({ "user": "ada" });
    wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let grant = place.control("POST", "/jira/grants", wanted);
    (place, grant)
}

/// Returns a request through the gateway.
async fn through(place: &Place, grant: &Value, access: &str, path: &str) -> Got {
    let url =
        format!("{}/ex/jira/{}/rest/api/3{path}", place.running.jira(), grant["cloud_id"].as_str().unwrap());
    got(place.client.get(url).bearer_auth(access)).await
}

async fn refresh(place: &Place, grant: &Value, token: &Value) -> Got {
    let body = json!({
        "grant_type": "refresh_token", "client_id": grant["client_id"], "client_secret": grant["client_secret"],
        "refresh_token": token,
    });
    got(place.client.post(format!("{}/oauth/token", place.running.jira())).json(&body)).await
}

#[tokio::test]
async fn the_gateway_takes_access_tokens() {
    let (place, grant) = granted(json!({})).await;
    let access = grant["access_token"].as_str().unwrap();
    let sites = format!("{}/oauth/token/accessible-resources", place.running.jira());
    let sites = got(place.client.get(&sites).bearer_auth(access)).await.expect(200);
    assert_eq!(sites.body[0]["id"], grant["cloud_id"]);
    let read = through(&place, &grant, access, "/issue/SYNC-1").await.expect(200);
    let base = format!("/ex/jira/{}/rest/api/3/issue/", grant["cloud_id"].as_str().unwrap());
    assert!(read.body["self"].as_str().unwrap().contains(&base));
    let other = json!({ "cloud_id": "11111111-1111-4111-8111-111111111111" });
    through(&place, &other, access, "/myself").await.expect(404);
    assert_eq!(through(&place, &grant, "wrong", "/myself").await.expect(401).body["message"], "Unauthorized");
    let direct = place.client.get(format!("{}/rest/api/3/myself", place.running.jira())).bearer_auth(access);
    got(direct).await.expect(403);
    // An API token with scopes goes through the gateway, too.
    let scoped =
        place.control("POST", "/jira/tokens", json!({ "user": "ada", "scopes": ["read:jira-user"] }));
    let url = |path: &str| {
        format!("{}/ex/jira/{}/rest/api/3{path}", place.running.jira(), grant["cloud_id"].as_str().unwrap())
    };
    let basic =
        |path: &str| place.client.get(url(path)).basic_auth("ada@acme.example", scoped["token"].as_str());
    got(basic("/myself")).await.expect(200);
    got(basic("/issue/SYNC-1")).await.expect(401);
}

#[tokio::test]
async fn scopes_limit_what_a_token_does() {
    let (place, grant) = granted(json!({ "scopes": ["read:jira-work"] })).await;
    assert_eq!(grant["refresh_token"], Value::Null, "offline_access was not asked for");
    let access = grant["access_token"].as_str().unwrap();
    through(&place, &grant, access, "/issue/SYNC-1").await.expect(200);
    let refused = through(&place, &grant, access, "/myself").await.expect(401);
    assert_eq!(refused.body["message"], "Unauthorized; scope does not match");
    let url = format!(
        "{}/ex/jira/{}/rest/api/3/issue/SYNC-1",
        place.running.jira(),
        grant["cloud_id"].as_str().unwrap()
    );
    got(place.client.put(url).bearer_auth(access).json(&json!({ "fields": { "summary": "B" } })))
        .await
        .expect(401);
}

#[tokio::test]
async fn access_tokens_end_and_refresh_tokens_hold_once() {
    let (place, grant) = granted(json!({})).await;
    let access = grant["access_token"].as_str().unwrap().to_owned();
    place.control("POST", "/clock", json!({ "advance": 3_600 }));
    through(&place, &grant, &access, "/myself").await.expect(401);
    let fresh = refresh(&place, &grant, &grant["refresh_token"]).await.expect(200).body;
    assert_eq!((&fresh["expires_in"], &fresh["token_type"]), (&json!(3_600), &json!("Bearer")));
    assert_ne!(fresh["refresh_token"], grant["refresh_token"]);
    through(&place, &grant, fresh["access_token"].as_str().unwrap(), "/myself").await.expect(200);
    let again = refresh(&place, &grant, &grant["refresh_token"]).await.expect(403);
    assert_eq!(again.body["error_description"], "refresh_token is invalid");
    let next = refresh(&place, &grant, &fresh["refresh_token"]).await.expect(200).body;
    // With the strict rule, the reuse of a token revokes the whole grant.
    place.settings(json!({ "reuse_ends_grant": true }));
    refresh(&place, &grant, &fresh["refresh_token"]).await.expect(403);
    refresh(&place, &grant, &next["refresh_token"]).await.expect(403);
    through(&place, &grant, next["access_token"].as_str().unwrap(), "/myself").await.expect(401);
}

#[tokio::test]
async fn the_token_endpoint_takes_forms_and_knows_its_clients() {
    let (place, grant) = granted(json!({ "client_id": "app", "client_secret": "s" })).await;
    let url = format!("{}/oauth/token", place.running.jira());
    let form = |secret: &str| {
        format!(
            "grant_type=refresh_token&client_id=app&client_secret={secret}&refresh_token={}",
            grant["refresh_token"].as_str().unwrap()
        )
    };
    let post = |body: String| {
        got(place.client.post(&url).header("content-type", "application/x-www-form-urlencoded").body(body))
    };
    post(form("wrong")).await.expect(403);
    post("grant_type=password".to_owned()).await.expect(403);
    post(form("s")).await.expect(200);
}
