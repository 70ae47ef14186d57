//! Changes of issues.

use serde_json::{Value as Json, json};
use syncline_engine::{
    Value,
    ports::{ErrorKind, Written},
    value::fields_from_json,
};

use crate::world::{World, close, delete, done, field, in_part, refused, update};

/// A plain field is one request, which returns the issue; the engine has read it before.
#[tokio::test]
async fn a_plain_field_is_one_request() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one", "description": "text" }));
    let place = world.open().await;
    world.item(&*place, &id).await;
    world.forget();
    let item = done(world.write(&*place, update(&id, json!({ "summary": "two" }))).await);
    assert_eq!(world.requests(), [format!("PUT /rest/api/3/issue/{id}")]);
    assert_eq!(world.log()[0]["body"], json!({ "fields": { "summary": "two" } }));
    assert_eq!(world.item(&*place, &id).await, item);
}

#[tokio::test]
async fn every_field_can_be_changed_and_cleared() {
    let world = World::new().await;
    let epic =
        world.stored(&world.person_creates(json!({ "summary": "all", "type": "Epic" })))["key"].clone();
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    let changed = json!({
        "description": "text", "environment": "Firefox", "priority": "Low", "labels": ["a b"],
        "assignee": world.person("bruno"), "duedate": "2026-12-24", "parent": epic, "issuetype": "Bug",
    });
    let item = done(world.write(&*place, update(&id, changed.clone())).await);
    for (name, value) in changed.as_object().unwrap() {
        assert_eq!(&field(&item, name), value, "{name}");
    }
    let cleared = json!({
        "description": null, "environment": "", "labels": [], "assignee": null, "duedate": null, "parent": null,
    });
    let item = done(world.write(&*place, update(&id, cleared.clone())).await);
    for name in cleared.as_object().unwrap().keys() {
        let value = item.fields.get(name).unwrap();
        assert!(value.is_blank(), "{name}: {value}");
    }
}

/// Jira compares nothing; its history tells what an update has overwritten.
#[tokio::test]
async fn an_edit_since_the_reading_is_told_by_the_history() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one", "description": "text", "labels": ["a"] }));
    let place = world.open().await;
    world.person_edits(&id, json!({ "summary": "read", "priority": "High" }));
    world.item(&*place, &id).await;
    let bruno = world.person("bruno");
    let theirs = json!({
        "as": "bruno", "summary": "theirs", "description": "their text", "duedate": "2026-12-24",
        "assignee": "bruno", "priority": "Low", "environment": "theirs alone",
    });
    world.person_edits(&id, theirs);
    let ours = json!({
        "summary": "ours", "description": "our text", "duedate": null, "assignee": null, "priority": "Medium",
        "labels": ["b"],
    });
    let overwritten = |outcome| match outcome {
        Written::Done(done) => Value::Object(done.overwritten).to_json(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        overwritten(world.write(&*place, update(&id, ours)).await),
        json!({
            "summary": "theirs", "description": "their text", "duedate": "2026-12-24", "assignee": bruno,
            "priority": "Low",
        })
    );
    let more = json!({ "summary": "ours, too", "priority": "High" });
    assert_eq!(overwritten(world.write(&*place, update(&id, more)).await), json!({}));
    assert!(place.wrote(&id, "summary", &world.call()).await.unwrap());
    assert!(!place.wrote(&id, "environment", &world.call()).await.unwrap());
    world.person_edits(&id, json!({ "as": "bruno", "summary": "theirs again" }));
    assert!(!place.wrote(&id, "summary", &world.call()).await.unwrap());
}

/// It is read just before the write, since nothing was known of it.
#[tokio::test]
async fn an_issue_that_is_not_as_expected_is_not_written() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    world.person_edits(&id, json!({ "status": "In Progress" }));
    let mut write = update(&id, json!({ "status": "Done" }));
    write.expected = fields_from_json(&json!({ "status": "To Do" }));
    let error = refused(world.write(&*world.open().await, write).await);
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("status was \"To Do\" and is \"In Progress\""), "{error}");
    assert_eq!(world.shown(&id, "status")["name"], "In Progress");
}

/// Labels are added and removed one by one: what others add meanwhile stays.
#[tokio::test]
async fn labels_that_others_add_meanwhile_stay() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one", "labels": ["old", "kept"] }));
    let place = world.open().await;
    world.item(&*place, &id).await;
    world.person_edits(&id, json!({ "labels": ["old", "kept", "theirs"] }));
    let item = done(world.write(&*place, update(&id, json!({ "labels": ["kept", "ours"] }))).await);
    assert_eq!(field(&item, "labels"), json!(["kept", "ours", "theirs"]));
}

#[tokio::test]
async fn what_jira_refuses_of_an_update_is_left_out() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    let change = json!({ "summary": "two", "priority": "Blazing", "assignee": "nobody-1" });
    let (item, mut left_out) = in_part(world.write(&*place, update(&id, change)).await);
    left_out.sort();
    assert_eq!(
        (left_out, field(&item, "summary")),
        (vec!["assignee".to_owned(), "priority".to_owned()], json!("two"))
    );
    let (item, left_out) = in_part(world.write(&*place, update(&id, json!({ "priority": "Blazing" }))).await);
    assert_eq!((left_out, field(&item, "summary")), (vec!["priority".to_owned()], json!("two")));
}

#[tokio::test]
async fn an_issue_that_is_not_there_is_refused() {
    let world = World::new().await;
    let place = world.open().await;
    for id in ["70000", "SYNC-7"] {
        let error = refused(world.write(&*place, update(id, json!({ "summary": "x" }))).await);
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(error.message.contains(id), "{error}");
    }
}

#[tokio::test]
async fn closing_leads_to_a_status_that_is_done_and_deleting_spares_sub_tasks() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    assert_eq!(field(&done(world.write(&*place, close(&id)).await), "status"), "Done");
    world.forget();
    assert_eq!(field(&done(world.write(&*place, close(&id)).await), "status"), "Done");
    assert!(!world.requests().iter().any(|request| request.contains("transitions")), "it is closed already");
    let key = world.stored(&id)["key"].clone();
    let child = world.person_creates(json!({ "summary": "part", "type": "Subtask", "parent": key }));
    let error = refused(world.write(&*place, delete(&id)).await);
    assert!(error.message.contains("sub-tasks"), "{error}");
    for id in [&child, &id] {
        assert!(done(world.write(&*place, delete(id)).await).deleted);
    }
    assert_eq!(world.count(), 0);
    assert!(done(world.write(&*place, delete(&id)).await).deleted, "twice");
}

#[tokio::test]
async fn without_leave_nothing_is_sent() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    let call = syncline_engine::ports::Call { leave: &crate::world::Never, ..world.call() };
    for write in [
        update(&id, json!({ "summary": "x" })),
        update(&id, json!({ "status": "Done" })),
        close(&id),
        delete(&id),
    ] {
        let outcomes = place.write(&[write], &call).await;
        assert!(matches!(outcomes[..], [syncline_engine::ports::Written::NotSent(_)]), "{outcomes:?}");
    }
    assert_eq!(
        (world.shown(&id, "summary"), world.shown(&id, "status")["name"].clone()),
        (json!("one"), json!("To Do"))
    );
    let _: Json = world.stored(&id);
}
