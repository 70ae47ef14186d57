//! Creates that are answered too late, and what projects ask of them.

use serde_json::json;
use syncline_engine::ports::{Probed, ReadMode, Written};

use crate::world::{World, create, done, field, marker, refused, update};

/// The create is there, and the process that sent it is gone.
#[tokio::test]
async fn case_2_a_create_that_is_answered_too_late_is_adopted() {
    let world = World::new().await;
    let place = world.open().await;
    world.fault(json!({ "path": "/rest/api/3/issue/bulk", "kind": "hang", "when": "after", "seconds": 5 }));
    let new = create("sl-a", json!({ "summary": "T" }));
    let outcome = world.write(&*place, new.clone()).await;
    assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
    let again = world.open().await;
    let [Some(found)] = &world.probe(&*again, &["sl-a"]).await[..] else { panic!("not found") };
    assert_eq!(&done(world.write(&*again, new).await).id, found);
    assert_eq!(world.count(), 1);
}

/// The probe reads the issues themselves, once the declared time is over.
#[tokio::test]
async fn case_4_a_probe_survives_the_lag_of_the_index() {
    let world = World::new().await;
    world.switch(json!({ "index_lag_ms": 60_000 }));
    let place = world.open().await;
    world.fault(json!({ "path": "/rest/api/3/issue/bulk", "kind": "reset", "when": "after" }));
    let outcome = world.write(&*place, create("sl-a", json!({ "summary": "T" }))).await;
    assert!(matches!(outcome, Written::Unknown(_)));
    let again = world.open().await;
    assert_eq!(world.probe(&*again, &["sl-a"]).await, [None], "this is why it is waited for");
    let lag = again.capabilities().marker_visible_after;
    assert!(lag.as_secs() >= 60);
    world.advance(lag.as_secs());
    let found = again.probe(&[marker("sl-a")], &world.call()).await.unwrap();
    assert!(matches!(&found[..], [Probed::Found(_)]), "{found:?}");
}

/// What is created is known to the place that created it, whatever the index shows.
#[tokio::test]
async fn case_100_an_issue_that_the_index_lacks_is_read_by_its_id() {
    let world = World::new().await;
    world.switch(json!({ "index_lag_ms": 30_000 }));
    let place = world.open().await;
    let made = done(world.write(&*place, create("sl-a", json!({ "summary": "T" }))).await);
    assert_eq!(world.item(&*place, &made.id).await, made);
    assert_eq!(world.item(&*world.open().await, &made.id).await, made);
    // The listing of the same run asks for it by its id.
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items.len(), 1);
    let filtered = json!({ "project_key": "SYNC", "jql": "summary ~ \"T\"" });
    let filtered = world.open_with(filtered, &world.account(), &[]).await;
    assert_eq!(
        field(&world.item(&*filtered, &made.id).await, "summary"),
        "T",
        "it is not taken for outside the filter"
    );
    assert_eq!(done(world.write(&*place, create("sl-a", json!({ "summary": "T" }))).await).id, made.id);
}

/// The same name has other ids elsewhere; a team-managed project shares none.
#[tokio::test]
async fn case_86_types_are_those_of_the_project() {
    let world = World::new().await;
    for project in ["SYNC", "TEAM"] {
        let place = world.open_with(json!({ "project_key": project }), &world.account(), &[]).await;
        let new = create("sl-a", json!({ "summary": "T", "issuetype": "Bug" }));
        let item = done(world.write(&*place, new).await);
        assert_eq!(field(&item, "issuetype"), "Bug", "{project}");
    }
}

/// Creates name the field and the project; updates of other items go on.
#[tokio::test]
async fn case_88_a_new_required_field_is_named() {
    let world = World::new().await;
    let old = world.person_creates(json!({ "summary": "old" }));
    let place = world.open().await;
    done(world.write(&*place, create("sl-a", json!({ "summary": "before" }))).await);
    let id = world.field(json!({ "name": "Team", "kind": "text", "required": true }));
    // Once with what was kept of the screen, once with the screen as it is.
    for _ in 0..2 {
        let error = refused(world.write(&*place, create("sl-b", json!({ "summary": "new" }))).await);
        assert!(error.message.contains("SYNC") && error.message.contains(&id), "{error}");
    }
    done(world.write(&*place, update(&old, json!({ "summary": "edited" }))).await);
    let mapped = ["summary", "fields.Team"];
    let place = world.open_with(json!({ "project_key": "SYNC" }), &world.account(), &mapped).await;
    let new = create("sl-b", json!({ "summary": "new", "fields.Team": "Blue" }));
    assert_eq!(field(&done(world.write(&*place, new).await), "fields.Team"), "Blue");
}
