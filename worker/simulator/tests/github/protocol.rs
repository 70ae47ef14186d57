//! Rules of every request: user agents, versions, conditional requests, methods.

use serde_json::json;

use crate::common::{ISSUES, Place, got};

#[tokio::test]
async fn a_user_agent_is_required() {
    let place = Place::new().await;
    let url = format!("{}/user", place.running.github());
    let refused = got(place.client.get(url).bearer_auth(&place.token)).await.expect(403);
    assert!(refused.text.contains("User-Agent header"));
}

#[tokio::test]
async fn versions_are_chosen_by_header() {
    let place = Place::limited().await;
    place.person_creates(json!({ "title": "A", "assignees": ["bruno"] }));
    let at = |version: &'static str| {
        let request = place.request("GET", &format!("{ISSUES}/1")).header("x-github-api-version", version);
        got(request)
    };
    let usual = place.get(&format!("{ISSUES}/1")).await;
    assert_eq!(usual.header("x-github-api-version-selected"), "2022-11-28");
    assert_eq!(usual.body["assignee"]["login"], "bruno");
    let newer = at("2026-03-10").await.expect(200);
    assert!(newer.body.get("assignee").is_none() && newer.body["assignees"][0]["login"] == "bruno");
    let unknown = at("v3").await.expect(400);
    assert!(unknown.message().contains("\"v3\", is not a supported version"));

    let create = |version: &'static str| {
        let request = place.request("POST", ISSUES).header("x-github-api-version", version);
        got(request.json(&json!({ "title": "B", "assignee": "bruno" })))
    };
    assert_eq!(create("2022-11-28").await.expect(201).body["assignees"][0]["login"], "bruno");
    create("2026-03-10").await.expect(422);
    let limits = got(place.request("GET", "/rate_limit").header("x-github-api-version", "2026-03-10")).await;
    assert!(limits.body.get("rate").is_none() && limits.body["resources"]["core"]["limit"].is_u64());
    assert!(place.get("/rate_limit").await.body["rate"]["limit"].is_u64());
}

#[tokio::test]
async fn unchanged_responses_are_304_and_cost_nothing() {
    let place = Place::limited().await;
    place.person_creates(json!({ "title": "A" }));
    let first = place.get(ISSUES).await.expect(200);
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with("W/\""));
    let again = got(place.request("GET", ISSUES).header("if-none-match", &etag)).await.expect(304);
    assert!(again.text.is_empty());
    assert_eq!(again.number("x-ratelimit-used"), first.number("x-ratelimit-used"));
    place.person_creates(json!({ "title": "B" }));
    got(place.request("GET", ISSUES).header("if-none-match", &etag)).await.expect(200);
    let path = format!("{ISSUES}/1");
    let modified = place.get(&path).await.header("last-modified").to_owned();
    let again = || got(place.request("GET", &path).header("if-modified-since", &modified));
    again().await.expect(304);
    place.control("POST", "/clock", json!({ "advance": 2 }));
    place.patch(&path, json!({ "title": "C" })).await.expect(200);
    again().await.expect(200);
    // ETags depend on the token.
    let place = {
        let token = place.token_of("bruno");
        place.acting(&token)
    };
    assert_ne!(place.get(ISSUES).await.header("etag"), etag);
}

#[tokio::test]
async fn unknown_paths_methods_and_bodies_are_refused() {
    let place = Place::new().await;
    for (method, path) in
        [("GET", "/user/"), ("PUT", ISSUES), ("DELETE", ISSUES), ("GET", "/repos/acme/web/issues/x")]
    {
        let refused = place.send(method, path, json!(null)).await.expect(404);
        assert_eq!((refused.message(), refused.body["status"].as_str()), ("Not Found", Some("404")));
    }
    let broken = got(place.request("POST", ISSUES).body("{\"title\":")).await.expect(400);
    assert_eq!(broken.message(), "Problems parsing JSON");
    place.post(ISSUES, json!(["title"])).await.expect(400);
}

#[tokio::test]
async fn former_names_redirect_to_the_repository_by_id() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A" }));
    let id = place.get("/repos/acme/web").await.body["id"].as_u64().unwrap();
    place.control("PATCH", "/github/repos/acme/web", json!({ "name": "site" }));
    let moved = place.get(&format!("{ISSUES}/1?x=1")).await.expect(301);
    assert_eq!(moved.message(), "Moved Permanently");
    assert!(moved.header("location").ends_with(&format!("/github/repositories/{id}/issues/1?x=1")));
    assert_eq!(moved.body["url"], moved.header("location"));
    assert_eq!(place.get(moved.header("location")).await.expect(200).body["title"], "A");
    // A redirect must not turn a write into a read.
    place.post(ISSUES, json!({ "title": "B" })).await.expect(307);
    place.get("/repos/ACME/Site").await.expect(200);
    assert_eq!(place.get(&format!("/repositories/{id}")).await.expect(200).body["full_name"], "acme/site");
}

#[tokio::test]
async fn accounts_and_repositories_are_listed() {
    let place = Place::new().await;
    place.control("PATCH", "/github/accounts/ada", json!({ "name": "Ada", "email": "ada@acme.example" }));
    let own = place.get("/user").await.expect(200);
    assert_eq!((&own.body["login"], &own.body["email"]), (&json!("ada"), &json!("ada@acme.example")));
    assert_eq!(own.header("x-oauth-scopes"), "repo, read:org");
    assert!(place.get("/users/emil").await.expect(200).body["email"].is_null());
    place.get("/users/stranger").await.expect(404);
    let names = |got: crate::common::Got| -> Vec<String> {
        got.body
            .as_array()
            .unwrap()
            .iter()
            .map(|repo| repo["full_name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(place.get("/user/repos").await), ["acme/secret", "acme/web"]);
    let page = place.get("/user/repos?per_page=1").await;
    assert!(page.link("next").unwrap().contains("page=2") && page.link("last").is_some());
    assert_eq!(names(place.get(&page.link("next").unwrap()).await), ["acme/web"]);
    assert_eq!(names(place.get("/orgs/acme/repos?type=public").await), ["acme/web"]);
    place.get("/orgs/ada/repos").await.expect(404);
    let people = place.get("/repos/acme/web/assignees").await.expect(200);
    assert_eq!(people.body.as_array().unwrap().len(), 4);
    place.get("/repos/acme/web/assignees/emil").await.expect(204);
    place.get("/repos/acme/web/assignees/stranger").await.expect(404);
}
