//! Tokens of apps: refresh tokens that can be used once, and client credentials.

use serde_json::{Value, json};

use crate::common::{Got, Place, form, got};

const WHO: &str = "{ viewer { displayName } }";

/// An app, and the tokens that it got from `bruno`.
struct App {
    client: String,
    secret: String,
    access: String,
    refresh: String,
}

fn app(place: &Place) -> App {
    let made = place.control("POST", "/linear/apps", json!({ "name": "syncline", "teams": ["ENG"] }));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let client = text(&made["client_id"]);
    let tokens = place.control(
        "POST",
        "/linear/tokens",
        json!({ "user": "bruno", "kind": "oauth", "client": client }),
    );
    App {
        secret: text(&made["client_secret"]),
        access: text(&tokens["token"]),
        refresh: text(&tokens["refresh_token"]),
        client,
    }
}

async fn token(place: &Place, fields: &[(&str, &str)]) -> Got {
    got(form(place.client.post(format!("{}/oauth/token", place.running.linear())), fields)).await
}

async fn refresh(place: &Place, app: &App, refresh: &str) -> Got {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_id", &app.client),
        ("client_secret", &app.secret),
    ];
    token(place, &fields).await
}

#[tokio::test]
async fn an_access_token_expires_and_is_refreshed() {
    let place = Place::new().await;
    let app = app(&place);
    let place = place.acting(&format!("Bearer {}", app.access));
    assert_eq!(place.graphql(WHO, json!({})).await.data()["viewer"]["displayName"], "bruno");
    place.advance(86_400.0);
    place.graphql(WHO, json!({})).await.expect(401);
    let body = refresh(&place, &app, &app.refresh).await.expect(200).body;
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["scope"]),
        (&json!("Bearer"), &json!(86_399), &json!("read write"))
    );
    assert_ne!(body["refresh_token"], json!(app.refresh));
    let place = place.acting(&format!("Bearer {}", body["access_token"].as_str().unwrap()));
    assert_eq!(place.graphql(WHO, json!({})).await.data()["viewer"]["displayName"], "bruno");
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_use() {
    let place = Place::new().await;
    let app = app(&place);
    let first = refresh(&place, &app, &app.refresh).await.expect(200).body;
    let again = refresh(&place, &app, &app.refresh).await.expect(400);
    assert_eq!(again.body["error"], "invalid_grant");
    let next = refresh(&place, &app, first["refresh_token"].as_str().unwrap()).await.expect(200).body;

    place.switch(json!({ "refresh_grace_seconds": 60 }));
    let last = next["refresh_token"].as_str().unwrap();
    let one = refresh(&place, &app, last).await.expect(200).body;
    let same = refresh(&place, &app, last).await.expect(200).body;
    assert_eq!(
        (&one["access_token"], &one["refresh_token"]),
        (&same["access_token"], &same["refresh_token"])
    );
    place.advance(61.0);
    refresh(&place, &app, last).await.expect(400);
    let unused = one["refresh_token"].as_str().unwrap();
    place.control("PATCH", &format!("/linear/tokens/{unused}"), json!({ "revoked": true }));
    assert_eq!(refresh(&place, &app, unused).await.expect(400).body["error"], "invalid_grant");
}

#[tokio::test]
async fn client_credentials_act_as_the_app() {
    let place = Place::new().await;
    let app = app(&place);
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", "read,write"),
        ("client_id", app.client.as_str()),
        ("client_secret", app.secret.as_str()),
    ];
    let body = token(&place, &fields).await.expect(200).body;
    assert_eq!((&body["expires_in"], body.get("refresh_token")), (&json!(2_591_999), None));
    let place = place.acting(&format!("Bearer {}", body["access_token"].as_str().unwrap()));
    assert_eq!(place.graphql(WHO, json!({})).await.data()["viewer"]["displayName"], "syncline");
    let made = place.create(json!({ "title": "A", "createAsUser": "Ada on GitHub" })).await;
    let read =
        place.read(made["id"].as_str().unwrap(), "creator { displayName app } botActor { name }").await;
    assert_eq!(read["creator"], json!({ "displayName": "syncline", "app": true }));
    assert_eq!(read["botActor"], json!({ "name": "Ada on GitHub" }));
}

#[tokio::test]
async fn other_requests_for_tokens_are_refused() {
    let place = Place::new().await;
    let app = app(&place);
    let (client, secret) = (app.client.as_str(), app.secret.as_str());
    for (fields, status, error) in [
        (
            vec![("client_id", client), ("client_secret", "wrong"), ("grant_type", "refresh_token")],
            401,
            "invalid_client",
        ),
        (vec![("client_id", client), ("client_secret", secret)], 400, "invalid_request"),
        (
            vec![("client_id", client), ("client_secret", secret), ("grant_type", "password")],
            400,
            "unsupported_grant_type",
        ),
        (
            vec![("client_id", client), ("client_secret", secret), ("grant_type", "authorization_code")],
            400,
            "invalid_grant",
        ),
        (
            vec![
                ("client_id", client),
                ("client_secret", secret),
                ("grant_type", "refresh_token"),
                ("refresh_token", "x"),
            ],
            400,
            "invalid_grant",
        ),
    ] {
        let got = token(&place, &fields).await;
        assert_eq!((got.status, &got.body["error"]), (status, &json!(error)), "{fields:?}");
    }
    let url = format!("{}/oauth/token", place.running.linear());
    got(place.client.post(url).json(&json!({ "grant_type": "refresh_token" }))).await.expect(400);

    let url = format!("{}/oauth/revoke", place.running.linear());
    let place = place.acting(&format!("Bearer {}", app.access));
    got(form(place.client.post(&url), &[("token", &app.access)])).await.expect(200);
    place.graphql(WHO, json!({})).await.expect(401);
    got(form(place.client.post(&url), &[("token", &app.refresh)])).await.expect(200);
    refresh(&place, &app, &app.refresh).await.expect(400);
}
