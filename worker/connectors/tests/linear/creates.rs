//! Creates: in batches, each once.

use serde_json::json;
use syncline_engine::{
    capability::Removal,
    ports::{ErrorKind, Written},
};

use crate::world::{World, create, done, field, in_part, refused, remove};

#[tokio::test]
async fn an_issue_is_created_with_everything() {
    let world = World::new().await;
    let parent = world.person_creates(json!({ "title": "parent" }));
    let place = world.open().await;
    let fields = json!({
        "title": "Größe 📏", "description": "one\n\ntwo", "status": "In Progress", "priority": "High", "estimate": 5,
        "labels": ["Frontend", "bug"], "assignee": "bruno@acme.example", "due_date": "2026-12-24", "parent": "ENG-1",
    });
    let item = done(world.write(&*place, create("sl-a", fields)).await);
    let stored = world.stored(&item.id);
    assert_eq!(stored["title"], "Größe 📏");
    assert_eq!(
        [&stored["state"], &stored["assignee"], &stored["due_date"]],
        ["In Progress", "bruno", "2026-12-24"]
    );
    assert_eq!([&stored["priority"], &stored["estimate"]], [&json!(2), &json!(5)]);
    assert_eq!(stored["parent"], "ENG-1");
    assert_eq!(stored["labels"].as_array().unwrap().len(), 2);
    assert_eq!(item.key.as_deref(), Some("ENG-2"));
    assert_eq!(field(&item, "labels"), json!(["Bug", "Frontend"]));
    assert_eq!([field(&item, "assignee"), field(&item, "priority")], ["bruno", "High"]);
    assert_eq!(world.item(&*place, &item.id).await, item);
    assert_ne!(item.id, parent);
}

/// 50 issues are one request, once it is known what the team calls things.
#[tokio::test]
async fn a_batch_is_one_request() {
    let world = World::new().await;
    let place = world.open().await;
    let new = |n: usize| create(&format!("sl-{n}"), json!({ "title": format!("new {n}"), "status": "Todo" }));
    let batch = |from: usize| (from..from + place.capabilities().create_batch).map(new).collect::<Vec<_>>();
    world.forget();
    for written in place.write(&batch(0), &world.call()).await {
        done(written);
    }
    assert_eq!(world.operations(), ["Team", "Create"]);
    world.forget();
    for written in place.write(&batch(100), &world.call()).await {
        done(written);
    }
    assert_eq!(world.operations(), ["Create"]);
    assert_eq!(world.count(), 100);
    // The same again makes nothing: the refusal, and what is there.
    world.forget();
    for written in place.write(&batch(0), &world.call()).await {
        done(written);
    }
    assert_eq!(world.operations(), ["Create", "Fetch"]);
    assert_eq!(world.count(), 100);
}

/// Linear makes all of a batch or none. What it refuses in one issue keeps none of the others.
#[tokio::test]
async fn one_refused_issue_leaves_the_others() {
    for failed in ["null", "partial", "stop"] {
        let world = World::new().await;
        world.switch(json!({ "failed_mutation": failed, "title_limit": 20 }));
        let place = world.open().await;
        done(world.write(&*place, create("sl-1", json!({ "title": "before" }))).await);
        let long = "a title that is far too long";
        let titles = ["zero", "again", long, "three", "four", long, "six"];
        let writes: Vec<_> = titles
            .iter()
            .enumerate()
            .map(|(n, title)| create(&format!("sl-{n}"), json!({ "title": title })))
            .collect();
        let outcomes = place.write(&writes, &world.call()).await;
        let bad: Vec<usize> = (0..7).filter(|n| matches!(outcomes[*n], Written::Refused(_))).collect();
        assert_eq!(bad, [2, 5], "{failed}: {outcomes:?}");
        assert!(outcomes.iter().enumerate().all(|(n, outcome)| outcome.is_done() || bad.contains(&n)));
        let error = outcomes[2].error().unwrap();
        assert!(error.kind == ErrorKind::Permanent && error.message.contains("title"), "{error}");
        assert_eq!(world.count(), 5, "{failed}");
        assert_eq!(world.stored(&done(outcomes[1].clone()).id)["title"], "before");
    }
}

/// What cannot be as wanted is left out; the issue is made.
#[tokio::test]
async fn what_the_team_does_not_know_is_left_out() {
    let world = World::new().await;
    let place = world.open().await;
    let fields = json!({
        "title": "T", "status": "Shipping", "assignee": "zoe", "estimate": 4, "labels": ["Frontend", "Backend"],
    });
    let (item, left_out) = in_part(world.write(&*place, create("sl-a", fields)).await);
    let told = |field: &str, text: &str| {
        let found = left_out.iter().find(|told| told.starts_with(&format!("{field}: ")));
        assert!(found.is_some_and(|told| told.contains(text)), "{field}: {left_out:?}");
    };
    told("status", "the team has no status \"Shipping\"; map the value to one of ");
    told("assignee", "no active person \"zoe\"");
    told("estimate", "no 4; map the value to 1, 2, 3, 5, 8");
    told("labels", "\"Backend\" and \"Frontend\" are both of the group \"Area\"");
    assert_eq!(left_out.len(), 4);
    assert_eq!(field(&item, "title"), "T");
}

/// As GitHub does it.
#[tokio::test]
async fn labels_that_are_missing_are_made_once() {
    let world = World::new().await;
    let place = world.open().await;
    let labelled =
        |n: usize| create(&format!("sl-{n}"), json!({ "title": "T", "labels": ["new one", "bug", "other"] }));
    world.forget();
    for written in place.write(&[labelled(0), labelled(1)], &world.call()).await {
        assert_eq!(field(&done(written), "labels"), json!(["Bug", "new one", "other"]));
    }
    assert_eq!(world.operations(), ["Team", "Labels", "Write", "Create"]);
    world.forget();
    done(world.write(&*place, labelled(2)).await);
    assert_eq!(world.operations(), ["Create"]);
}

#[tokio::test]
async fn a_create_without_a_title_is_refused_before_it_is_sent() {
    let world = World::new().await;
    let place = world.open().await;
    world.forget();
    let error = refused(world.write(&*place, create("sl-a", json!({ "description": "x" }))).await);
    assert_eq!(error.message, "an issue needs a title; map the field title");
    assert!(place.creates(&["description"]).is_err() && place.creates(&["title"]).is_ok());
    assert!(world.log().is_empty());
}

/// Its id is taken for as long as the trash keeps it.
#[tokio::test]
async fn what_was_put_into_the_trash_is_not_made_again() {
    let world = World::new().await;
    let place = world.open().await;
    let made = done(world.write(&*place, create("sl-a", json!({ "title": "T" }))).await);
    done(world.write(&*place, remove(&made.id, Removal::Delete)).await);
    let error = refused(world.write(&*place, create("sl-a", json!({ "title": "T" }))).await);
    assert!(error.kind == ErrorKind::NotFound && error.message.contains("trash"), "{error}");
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_next_create_finds_the_issue() {
    let world = World::new().await;
    let place = world.open().await;
    place.statuses("status", &world.call()).await.unwrap();
    world.fault(json!({ "kind": "reset", "when": "after" }));
    let outcome = world.write(&*place, create("sl-a", json!({ "title": "T" }))).await;
    assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
    let again = world.open().await;
    assert_eq!(world.probe(&*again, &["sl-a", "sl-b"]).await.iter().flatten().count(), 1);
    done(world.write(&*again, create("sl-a", json!({ "title": "T" }))).await);
    assert_eq!(world.count(), 1);
}
