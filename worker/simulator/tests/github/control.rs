//! The control API over HTTP, and the log.

use reqwest::StatusCode;
use serde_json::{Value, json};
use syncline_simulator::Settings;

use crate::common::{ISSUES, Place, got};

#[tokio::test]
async fn the_log_has_every_request_body() {
    let place = Place::new().await;
    place.post(ISSUES, json!({ "title": "A", "body": "Text" })).await.expect(201);
    place.patch(&format!("{ISSUES}/1"), json!({ "title": "B" })).await.expect(200);
    place.get(&format!("{ISSUES}?state=all")).await.expect(200);
    let patches = place.log("?method=PATCH&path=/repos/*/*/issues/*");
    assert_eq!(patches.len(), 1);
    assert_eq!(
        (&patches[0]["body"], &patches[0]["status"]),
        (&json!({ "title": "B" }), &json!(200)),
        "what was not sent is not there"
    );
    assert_eq!(patches[0]["headers"]["authorization"], "Bearer ***");
    let last = place.log("?after=2");
    assert_eq!(last[0]["url"], "/repos/acme/web/issues?state=all");
    place.control("DELETE", "/log", Value::Null);
    assert!(place.log("").is_empty());
}

#[tokio::test]
async fn the_log_goes_to_a_file_of_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.jsonl");
    let place = Place::with(Settings { log: Some(file.clone()), ..Settings::default() }).await;
    place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    place.get("/user").await.expect(200);
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for key in ["platform", "method", "url", "headers", "body", "status", "response_body"] {
        assert!(lines[0].get(key).is_some(), "{key} is missing");
    }
    assert_eq!((&lines[0]["platform"], &lines[0]["response_body"]["title"]), (&json!("github"), &json!("A")));
    assert!(!text.contains(&place.token));
}

#[tokio::test]
async fn control_works_over_http() {
    let place = Place::new().await;
    let url = format!("{}/_control", place.running.url());
    let overview = got(place.client.get(&url)).await.expect(200);
    assert!(overview.body["platforms"].as_array().unwrap().contains(&json!("github")));
    let made =
        got(place.client.post(format!("{url}/github/repos")).json(&json!({ "owner": "new", "name": "r" })))
            .await;
    assert_eq!(made.expect(201).body["full_name"], "new/r");
    let wrong =
        got(place.client.post(format!("{url}/github/repos")).json(&json!({ "owner": "new", "nam": "r" })))
            .await;
    assert!(wrong.expect(422).body["error"].as_str().unwrap().contains("nam"));
    got(place.client.get(format!("{url}/nothing"))).await.expect(404);
    let foreign = place
        .client
        .post(format!("{url}/reset"))
        .header("origin", "http://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    got(place.client.post(format!("{url}/reset"))).await.expect(204);
    place.get("/user").await.expect(401);
}

#[tokio::test]
async fn the_example_is_ready_to_use_and_repeats_with_its_seed() {
    let mut states = Vec::new();
    for seed in [7, 7, 8] {
        let place = Place::with(Settings { seed, ..Settings::default() }).await;
        place.control("POST", "/reset", Value::Null);
        let made = place.control("POST", "/example", json!({ "items": 12 }));
        let place = place.acting(made["github"]["token"].as_str().unwrap());
        assert_eq!(place.get("/user").await.expect(200).body["login"], "ada");
        let titles: Vec<Value> = place
            .get(&format!("{ISSUES}?state=all"))
            .await
            .body
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["title"].clone())
            .collect();
        assert_eq!(titles.len(), 12);
        assert_eq!(place.get("/repos/acme/mobile/issues?state=all").await.numbers().len(), 12);
        states.push(titles);
    }
    assert_eq!(states[0], states[1]);
    assert_ne!(states[0], states[2]);
}

#[tokio::test]
async fn the_whole_state_is_shown() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A" }));
    place.control("DELETE", "/github/repos/acme/web/issues/1", Value::Null);
    place.person_creates(json!({ "title": "B" }));
    let state = place.control("GET", "/state", Value::Null);
    let repo = &state["github"]["repositories"][0];
    assert_eq!((&repo["full_name"], &repo["issues"][0]["title"]), (&json!("acme/web"), &json!("B")));
    assert_eq!(repo["gone"], json!([{ "number": 1, "gone": "Deleted" }]));
    assert_eq!(state["github"]["tokens"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn several_simulators_run_side_by_side_and_stop() {
    let (one, other) = (Place::new().await, Place::new().await);
    one.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    assert!(other.get(ISSUES).await.numbers().is_empty());
    let url = one.running.url();
    one.running.stop().await;
    assert!(syncline_support::http::client().get(url).send().await.is_err());
    other.get("/user").await.expect(200);
}
