//! New issues.

use serde_json::{Value as Json, json};
use syncline_engine::ports::{ErrorKind, ReadMode, Write, Written};

use crate::world::{World, create, done, field, in_part, refused};

fn numbered(count: usize) -> Vec<Write> {
    (0..count).map(|n| create(&format!("sl-{n}"), json!({ "summary": format!("new {n}") }))).collect()
}

#[tokio::test]
async fn an_issue_is_created_with_all_its_fields() {
    let world = World::new().await;
    let place = world.open().await;
    let parent = world.person_creates(json!({ "summary": "all of it", "type": "Epic" }));
    let parent = world.stored(&parent)["key"].clone();
    let fields = json!({
        "summary": "Export to CSV", "description": "It has no header.", "environment": "Firefox",
        "priority": "High", "labels": ["needs triage", "bug"], "assignee": world.person("bruno"),
        "reporter": world.person("ada"), "issuetype": "Bug", "duedate": "2026-12-24", "parent": parent,
    });
    let item = done(world.write(&*place, create("sl-a", fields.clone())).await);
    for (name, value) in fields.as_object().unwrap() {
        let expected = if name == "labels" { &json!(["bug", "needs triage"]) } else { value };
        assert_eq!(&field(&item, name), expected, "{name}");
    }
    assert_eq!(world.shown(&item.id, "labels"), json!(["bug", "needs␣triage"]));
    assert_eq!(world.item(&*place, &item.id).await, item);
    assert_eq!(item.url.as_deref(), Some(&*format!("{}/browse/SYNC-2", world.running.jira())));
}

/// 50 to a request, and one more to read them.
#[tokio::test]
async fn a_first_sync_creates_in_batches_of_fifty() {
    let world = World::new().await;
    let place = world.open().await;
    world.list(&*place, ReadMode::Full).await.unwrap();
    world.forget();
    let writes = numbered(1_000);
    for some in writes.chunks(place.capabilities().create_batch) {
        assert!(place.write(some, &world.call()).await.iter().all(Written::is_done));
    }
    let requests = world.requests();
    let count = |path: &str| requests.iter().filter(|request| request.contains(path)).count();
    let (creates, reads) = (count("POST /rest/api/3/issue/bulk"), count("bulkfetch"));
    assert_eq!((creates - reads, reads, count("createmeta")), (20, 20, 2), "{requests:?}");
    assert_eq!(requests.len(), 42);
    assert!((requests.len() - reads) as f64 <= 20.0 * 1.1);
    assert_eq!(world.count(), 1_000);
}

/// One issue that is refused is no reason to refuse the others of its request.
#[tokio::test]
async fn what_jira_refuses_of_one_issue_leaves_the_others() {
    let world = World::new().await;
    let place = world.open().await;
    let mut writes = numbered(4);
    writes[1] = create("sl-1", json!({ "summary": "odd", "priority": "Blazing", "description": "kept" }));
    writes[2] = create("sl-2", json!({ "summary": "no parent", "issuetype": "Subtask" }));
    let outcomes = place.write(&writes, &world.call()).await;
    let (item, left_out) = in_part(outcomes[1].clone());
    assert_eq!((left_out, field(&item, "description")), (vec!["priority".to_owned()], json!("kept")));
    let Written::Refused(error) = &outcomes[2] else { panic!("{:?}", outcomes[2]) };
    assert!(error.message.contains("SYNC") && error.message.contains("parent"), "{error}");
    assert!(outcomes[0].is_done() && outcomes[3].is_done());
    assert_eq!(world.count(), 3);
    for (outcome, title) in [(0, "new 0"), (1, "odd"), (3, "new 3")] {
        assert_eq!(field(&in_part(outcomes[outcome].clone()).0, "summary"), title);
    }
}

/// A field that the screen does not have is left out by name, and not sent.
#[tokio::test]
async fn a_field_that_is_not_on_the_screen_is_left_out() {
    let world = World::new().await;
    let place = world.open_with(json!({ "project_key": "TEAM" }), &world.account(), &[]).await;
    world.forget();
    let new = create("sl-a", json!({ "summary": "T", "environment": "Firefox" }));
    let (item, left_out) = in_part(world.write(&*place, new).await);
    assert_eq!((left_out, field(&item, "environment")), (vec!["environment".to_owned()], Json::Null));
    let log = world.log();
    let sent = log.iter().find(|entry| entry["url"] == "/rest/api/3/issue/bulk").unwrap();
    assert!(sent["body"]["issueUpdates"][0]["fields"].get("environment").is_none());
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let place = world.open().await;
    for (fields, part) in [
        (json!({ "description": "x" }), "needs a summary"),
        (
            json!({ "summary": "x", "issuetype": "Wish" }),
            "field issuetype: the project SYNC has no issue type \"Wish\"; it has Epic",
        ),
        (json!({ "summary": "x", "created": "2026-01-01" }), "field created: Jira sets it"),
        (json!({ "summary": "x", "assignee": "ada@acme.example" }), "is no account id"),
    ] {
        let error = refused(world.write(&*place, create("sl-a", fields)).await);
        assert_eq!(error.kind, ErrorKind::Permanent);
        assert!(error.message.contains(part), "{error}");
    }
    assert_eq!(world.count(), 0);
}

/// A status takes transitions after the create.
#[tokio::test]
async fn a_new_issue_gets_its_status() {
    let world = World::new().await;
    let place = world.open().await;
    let item = done(world.write(&*place, create("sl-a", json!({ "summary": "T", "status": "Done" }))).await);
    assert_eq!(field(&item, "status"), "Done");
    assert_eq!(world.item(&*place, &item.id).await, item);
}

#[tokio::test]
async fn an_issue_that_could_not_be_read_back_is_known_by_its_id() {
    let world = World::new().await;
    let place = world.open().await;
    world.list(&*place, ReadMode::Full).await.unwrap();
    world.fault(json!({ "path": "/rest/api/3/issue/bulkfetch", "kind": "status", "status": 503 }));
    let item = done(world.write(&*place, create("sl-a", json!({ "summary": "T" }))).await);
    assert_eq!(
        (item.id.as_str(), field(&item, "summary")),
        (world.item(&*place, &item.id).await.id.as_str(), json!("T"))
    );
}
