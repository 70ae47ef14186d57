//! Updates: only what changed, states, sets, and edits made meanwhile.

use serde_json::{Value as Json, json};
use syncline_engine::{
    ports::{Call, ErrorKind, ErrorScope, Found, Written},
    value::Fields,
};

use crate::world::{Never, World, close, delete, done, field, in_part, refused, update};

/// The body of the last PATCH.
fn sent(world: &World) -> Json {
    let log = world.log();
    let patch = log.iter().rev().find(|entry| entry["method"] == "PATCH").unwrap_or(&Json::Null);
    patch["body"].clone()
}

#[tokio::test]
async fn only_what_is_given_is_sent() {
    let world = World::new().await;
    let id =
        world.person_creates(json!({ "title": "one", "body": "B", "labels": ["bug"], "assignees": ["ada"] }));
    let place = world.open().await;
    world.forget();
    let item = done(world.write(&*place, update(&id, json!({ "title": "two" }))).await);
    assert_eq!((field(&item, "title"), field(&item, "body")), (json!("two"), json!("B")));
    assert_eq!(world.requests(), ["PATCH /repos/acme/web/issues/1"]);
    assert_eq!(sent(&world), json!({ "title": "two" }));
    // The marker is part of the body, and this place has not read the issue yet.
    let place = world.open().await;
    world.forget();
    done(world.write(&*place, update(&id, json!({ "body": "C" }))).await);
    assert_eq!(world.requests(), ["GET /repos/acme/web/issues/1", "PATCH /repos/acme/web/issues/1"]);
}

#[tokio::test]
async fn states_and_reasons() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    for (fields, status) in [
        (json!({ "state": "closed" }), "completed"),
        (json!({ "state": "open" }), "open"),
        (json!({ "state": "closed", "state_reason": "not_planned" }), "not_planned"),
        (json!({ "state": "closed" }), "not_planned"),
        (json!({ "status": "open" }), "open"),
        (json!({ "status": "duplicate" }), "duplicate"),
    ] {
        let item = done(world.write(&*place, update(&id, fields)).await);
        assert_eq!(field(&item, "status"), status);
    }
}

/// GitHub takes a reason only with a change of the state.
#[tokio::test]
async fn the_reason_of_a_closed_issue_stays() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T", "state": "closed" }));
    let place = world.open().await;
    let change = json!({ "status": "not_planned", "title": "U" });
    let (item, left_out) = in_part(world.write(&*place, update(&id, change)).await);
    assert_eq!((left_out, field(&item, "title")), (vec!["status".to_owned()], json!("U")));
    let fields = json!({ "state": "closed", "state_reason": "not_planned" });
    let (_, left_out) = in_part(world.write(&*place, update(&id, fields)).await);
    assert_eq!(left_out, ["state_reason"]);
}

/// A finer state elsewhere maps to open: an edit of another field touches neither state nor reason.
#[tokio::test]
async fn case_41_lossy_map_keeps_detail() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T", "state": "closed", "state_reason": "duplicate" }));
    let place = world.open().await;
    world.forget();
    let item = done(world.write(&*place, update(&id, json!({ "title": "U" }))).await);
    assert_eq!((sent(&world), field(&item, "status")), (json!({ "title": "U" }), json!("duplicate")));
    let item = done(world.write(&*place, update(&id, json!({ "state": "closed" }))).await);
    assert_eq!(field(&item, "status"), "duplicate");
}

#[tokio::test]
async fn closing_what_is_no_longer_wanted() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    assert_eq!(field(&done(world.write(&*place, close(&id)).await), "status"), "not_planned");
    world.forget();
    done(world.write(&*place, close(&id)).await);
    assert_eq!(world.requests(), ["GET /repos/acme/web/issues/1"], "it is closed already");
    let done_before = world.person_creates(json!({ "title": "T", "state": "closed" }));
    assert_eq!(field(&done(world.write(&*place, close(&done_before)).await), "status"), "completed");
}

#[tokio::test]
async fn sets_are_replaced_and_cleared() {
    let world = World::new().await;
    let id =
        world.person_creates(json!({ "title": "T", "labels": ["b", "a"], "assignees": ["ada", "bruno"] }));
    let place = world.open().await;
    let read = world.item(&*place, &id).await;
    assert_eq!(
        (field(&read, "labels"), field(&read, "assignees")),
        (json!(["a", "b"]), json!(["ada", "bruno"]))
    );
    let same = json!({ "labels": ["B", "a"], "assignees": ["bruno", "ADA"] });
    let item = done(world.write(&*place, update(&id, same)).await);
    // A write within the next second leaves another time.
    let others = |fields: &Fields| {
        fields
            .iter()
            .filter(|(name, _)| name.as_str() != "updated_at")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(others(&item.fields), others(&read.fields), "neither order nor case counts");
    let item =
        done(world.write(&*place, update(&id, json!({ "labels": null, "assignees": ["bruno"] }))).await);
    assert_eq!((field(&item, "labels"), field(&item, "assignees")), (json!([]), json!(["bruno"])));
}

#[tokio::test]
async fn a_body_that_github_cuts_is_left_out() {
    let world = World::new().await;
    world.switch(json!({ "body_limit": 100, "long_body": "cut" }));
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    let (_, left_out) = in_part(world.write(&*place, update(&id, json!({ "body": "x".repeat(200) }))).await);
    assert_eq!(left_out, ["body"]);
}

/// Whoever may read an issue and not edit it is told so.
#[tokio::test]
async fn an_issue_that_may_not_be_edited_is_refused() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T", "as": "ada" }));
    let place = world.open_as(&world.token_of("emil")).await;
    let error = refused(world.write(&*place, update(&id, json!({ "title": "U" }))).await);
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert_eq!(error.answer.unwrap().status, 403);
}

#[tokio::test]
async fn requests_count_for_the_item_that_they_are_for() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    let before = world.call().meter.requests();
    done(world.write(&*place, update(&id, json!({ "title": "U" }))).await);
    assert_eq!(world.call().meter.requests() - before, 1);
}

#[tokio::test]
async fn deleting_is_for_administrators() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open_as(&world.token_of("bruno")).await;
    let error = refused(world.write(&*place, delete(&id)).await);
    assert_eq!((error.kind, error.scope), (ErrorKind::Permanent, ErrorScope::Item));
    assert!(error.message.contains("only administrators"), "{error}");
    assert_eq!(world.count(), 1);

    let place = world.open().await;
    let call = Call { leave: &Never, ..world.call() };
    assert!(matches!(place.write(&[delete(&id)], &call).await[..], [Written::NotSent(_)]));
    for _ in 0..2 {
        let item = done(world.write(&*place, delete(&id)).await);
        assert_eq!((item.id.as_str(), item.deleted), (id.as_str(), true));
    }
    assert_eq!(world.fetch(&*place, &id).await, Ok(Found::Gone));
    assert_eq!(refused(world.write(&*place, delete("99")).await).kind, ErrorKind::NotFound);
}
