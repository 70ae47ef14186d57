//! Area I: paging, cursors, lag; and what an item is read with.

use serde_json::json;
use syncline_connectors::{Opening, platform};
use syncline_engine::ports::{ErrorKind, ReadMode};

use crate::{
    server::{Act, Server, response},
    world::{World, done, field, ids, marker, update},
};

/// Issues of apps and of deleted users are synced like a person's.
#[tokio::test]
async fn case_5_robots_are_users_too() {
    let world = World::new().await;
    world.control("POST", "/github/accounts", json!({ "login": "renovate[bot]", "kind": "Bot" }));
    world.person_creates(json!({ "title": "by an app", "as": "renovate[bot]" }));
    let nobody = world.person_creates(json!({ "title": "by nobody", "as": null }));
    let place = world.open().await;
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(field(&items[0], "author"), "renovate[bot]");
    let item = done(world.write(&*place, update(&nobody, json!({ "title": "edited" }))).await);
    assert_eq!((field(&item, "author"), field(&item, "title")), (json!(null), json!("edited")));
}

/// Items born with labels, assignees and the rest have them from the first reading on.
#[tokio::test]
async fn case_8_fields_present_at_birth() {
    let world = World::new().await;
    world.control("POST", "/github/repos/acme/web/milestones", json!({ "title": "1.0" }));
    world.person_creates(json!({
        "title": "T", "body": "B", "labels": ["ui", "bug"], "assignees": ["bruno", "ada"], "milestone": 1,
    }));
    let place = world.open().await;
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    let read = |name: &str| field(&items[0], name);
    assert_eq!([read("labels"), read("assignees")], [json!(["bug", "ui"]), json!(["ada", "bruno"])]);
    assert_eq!([read("milestone"), read("state")], ["1.0", "open"]);
}

/// Times are whole seconds, so an edit in the second of the cursor is not newer than it.
#[tokio::test]
async fn case_101_two_edits_in_one_second() {
    let world = World::new().await;
    world.control("POST", "/clock", json!({ "stop": true }));
    let id = world.person_creates(json!({ "title": "one" }));
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    world.person_edits(&id, json!({ "title": "two" }));
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    assert_eq!(field(&items[0], "title"), "two");
}

/// A replica of GitHub's may show a change four minutes after a later one. Each poll is one request, before and after.
#[tokio::test]
async fn case_106_and_109_late_changes_are_found() {
    let world = World::new().await;
    world.person_creates(json!({ "title": "on time" }));
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut cursor = end.cursor.unwrap();
    let time = (chrono::Utc::now() - chrono::TimeDelta::minutes(4)).to_rfc3339();
    let late = world.person_creates(json!({ "title": "late", "updated_at": time }));
    let mut found = Vec::new();
    for wait in [0, 600, 0] {
        world.advance(wait);
        world.forget();
        let (items, end) = world.list(&*place, ReadMode::Since(cursor)).await.unwrap();
        assert_eq!(world.requests().len(), 1, "{:?}", world.requests());
        found.push(items.iter().any(|item| item.id == late));
        cursor = end.cursor.unwrap();
    }
    assert_eq!((found[0], found[2]), (true, false), "{found:?}");
}

/// A list may leave out the fields of an organisation; it does not follow that they are empty.
#[tokio::test]
async fn case_107_fields_that_a_list_leaves_out_are_not_empty() {
    let world = World::new().await;
    let effort = json!({ "name": "Effort", "data_type": "number" });
    world.control("POST", "/github/orgs/acme/issue-fields", effort);
    let id = world.person_creates(json!({ "title": "T", "fields": { "Effort": 3 } }));
    let mut issue = world.stored(&id);
    issue.as_object_mut().unwrap().remove("issue_field_values").unwrap();
    world.fault(json!({
        "path": "/repos/acme/web/issues", "kind": "status", "status": 200, "times": 0, "body": [issue],
    }));
    let mapped = ["title", "fields.Effort"];
    let place = world.open_with(json!({ "repository": "acme/web" }), &world.account(), &mapped).await;
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(field(&items[0], "fields.Effort"), 3);
    // Where the sync maps none, nothing more is asked for.
    let place = world.open().await;
    world.forget();
    world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(world.requests().len(), 1);
}

/// GitHub's clock is eight hours ahead of ours. Cursors are its own times.
#[tokio::test]
async fn case_98_clocks_apart() {
    let world = World::new().await;
    world.advance(8 * 3600);
    world.control(
        "POST",
        "/github/repos/acme/web/seed",
        json!({ "items": 30, "pull_requests": 0, "every": 3600 }),
    );
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    world.advance(600);
    world.person_edits("7", json!({ "title": "edited" }));
    let mut cursor = end.cursor.unwrap();
    for poll in 0..3 {
        world.advance(60);
        let (items, end) = world.list(&*place, ReadMode::Since(cursor)).await.unwrap();
        let edited = items.iter().any(|item| item.id == "7" && field(item, "title") == "edited");
        assert!(edited || poll > 0, "{:?}", ids(&items));
        assert!(items.len() < 3, "{:?}", ids(&items));
        cursor = end.cursor.unwrap();
    }
}

/// A server that names pages in a circle.
async fn circling(page: String) -> Server {
    Server::start(move |seen| {
        let next = if seen.target().contains("after=1") { 2 } else { 1 };
        let host = seen.header("host").unwrap();
        let link = format!("<http://{host}/repos/acme/web/issues?after={next}>; rel=\"next\"");
        vec![Act::Send(response(200, &[("link", &link), ("content-type", "application/json")], &page))]
    })
    .await
}

/// With issues and without: the reading ends, and counts as incomplete, so that nothing is taken for deleted.
#[tokio::test]
async fn case_97_the_same_token_again() {
    let issue = json!({ "number": 1, "title": "T", "state": "open", "updated_at": "2026-01-01T00:00:00Z",
        "created_at": "2026-01-01T00:00:00Z" });
    for page in [json!([]), json!([issue])] {
        let (world, server) = (World::new().await, circling(page.to_string()).await);
        let (scope, account) =
            (json!({ "repository": "acme/web" }), world.account_at(server.url(), &world.token));
        let opening = Opening { account: Some(&account), entity: "issue", ..Opening::new(&scope) };
        let place = platform("github").unwrap().open(&opening, &world.call()).await.unwrap();
        let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
        assert!(!end.complete && items.len() <= 1, "{end:?}");
        assert!(server.seen().len() <= 5, "{} requests", server.seen().len());
        let error = place.probe(&[marker("sl-a")], &world.call()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient, "what may be there is not called absent");
        assert!(server.seen().len() <= 10, "{} requests", server.seen().len());
    }
}

/// An answer has all of them, and one more is written beside all others.
#[tokio::test]
async fn case_103_many_references_are_read_whole() {
    let world = World::new().await;
    let mut labels: Vec<String> = (10..50).map(|number| format!("label {number}")).collect();
    let id = world.person_creates(json!({ "title": "T", "labels": labels }));
    let place = world.open().await;
    for item in
        [world.item(&*place, &id).await, world.list(&*place, ReadMode::Full).await.unwrap().0.remove(0)]
    {
        assert_eq!(field(&item, "labels"), json!(labels));
    }
    labels.push("label 50".to_owned());
    let item = done(world.write(&*place, update(&id, json!({ "labels": labels }))).await);
    assert_eq!(field(&item, "labels").as_array().unwrap().len(), 41);
    assert_eq!(world.stored(&id)["labels"].as_array().unwrap().len(), 41);
}
