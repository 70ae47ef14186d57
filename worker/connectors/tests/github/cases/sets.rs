//! Labels and people: sets of names.

use serde_json::{Value as Json, json};

use crate::world::{World, create, done, field, refused, update};

/// A label that was removed here stays removed.
#[tokio::test]
async fn case_25_a_removed_label_stays_removed() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T", "labels": ["a", "b"] }));
    let place = world.open().await;
    world.person_edits(&id, json!({ "labels": ["a"] }));
    assert_eq!(field(&world.item(&*place, &id).await, "labels"), json!(["a"]));
    done(world.write(&*place, update(&id, json!({ "title": "U" }))).await);
    assert_eq!(field(&world.item(&*place, &id).await, "labels"), json!(["a"]));
}

/// GitHub takes spaces, and the two spellings are two labels.
#[tokio::test]
async fn case_71_labels_with_spaces() {
    let world = World::new().await;
    let place = world.open().await;
    let both = json!(["needs triage", "needs-triage"]);
    let fields = json!({ "title": "T", "labels": both });
    let id = done(world.write(&*place, create("sl-a", fields)).await).id;
    assert_eq!(field(&world.item(&*place, &id).await, "labels"), both);
    let item = done(world.write(&*place, update(&id, json!({ "labels": ["needs-triage"] }))).await);
    assert_eq!(field(&item, "labels"), json!(["needs-triage"]));
    assert_eq!(field(&world.item(&*world.open().await, &id).await, "labels"), json!(["needs-triage"]));
}

/// People are named by their logins, in `assignees` alone; a display name is sent nowhere.
#[tokio::test]
async fn case_46_people_are_named_by_login() {
    let world = World::new().await;
    let place = world.open().await;
    world.forget();
    let id =
        done(world.write(&*place, create("sl-a", json!({ "title": "T", "assignees": ["ada"] }))).await).id;
    done(world.write(&*place, update(&id, json!({ "assignees": ["bruno", "dora"] }))).await);
    for fields in [
        json!({ "title": "T", "assignees": ["Ada Quist"] }),
        json!({ "title": "T", "assignees": ["ada@acme.example"] }),
    ] {
        let error = refused(world.write(&*place, create("sl-b", fields)).await);
        assert!(error.message.contains("is no login of GitHub"), "{error}");
    }
    let bodies: Vec<Json> =
        world.log().iter().map(|entry| entry["body"].clone()).filter(|body| !body.is_null()).collect();
    assert_eq!(
        bodies.iter().map(|body| body["assignees"].clone()).collect::<Vec<_>>(),
        [json!(["ada"]), json!(["bruno", "dora"])]
    );
    assert!(bodies.iter().all(|body| body.get("assignee").is_none()), "{bodies:?}");
}
