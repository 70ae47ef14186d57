//! Creates: their ids, and what keeps a repeated one from making a second item.

use syncline_engine::ports::{ErrorKind, Marker, ReadMode};

use super::places::Opened;
use crate::place::{create, delete, fetch, fields, ids, marker, probe, text, update, write, write_one};

pub(super) async fn creating_twice_makes_one_item(place: &Opened) {
    let connector = &*place.connector;
    let one = || create(marker("sl-one"), fields([("title", text("one"))]));
    let id = write_one(connector, one()).await.unwrap().id;
    place.retitle(&id, "one", "edited").await;
    for result in write(connector, &[one(), one()]).await {
        let item = result.unwrap();
        assert_eq!((&item.id, &item.fields["title"]), (&id, &text("edited")));
    }
    assert_eq!(ids(connector, ReadMode::Full).await, [id]);
}

pub(super) async fn a_created_item_is_found_at_once(place: &Opened) {
    let connector = &*place.connector;
    assert_eq!(probe(connector, &[marker("sl-one")]).await, [None]);
    let one = create(marker("sl-one"), fields([("title", text("one"))]));
    let made = write_one(connector, one).await.unwrap();
    let found = probe(connector, &[marker("sl-two"), marker("sl-one")]).await;
    assert_eq!((&found[0], &found[1].as_ref().unwrap().id), (&None, &made.id));
    assert_eq!(found.len(), 2);
}

/// An unanswered create is left for a person.
pub(super) async fn a_create_that_leaves_no_trace_is_not_found(place: &Opened) {
    let connector = &*place.connector;
    let one = || create(marker("sl-one"), fields([("title", text("one"))]));
    let first = write_one(connector, one()).await.unwrap();
    assert_eq!(probe(connector, &[marker("sl-one")]).await, [None]);
    let second = write_one(connector, one()).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(ids(connector, ReadMode::Full).await.len(), 2);
}

/// So that later writes of one call may name it.
pub(super) async fn a_marker_is_the_id_of_its_item(place: &Opened) {
    let connector = &*place.connector;
    let one = create(marker("sl-one"), fields([("title", text("one"))]));
    let other = update("sl-one", fields([("title", text("two"))]), fields([("title", text("one"))]));
    let results = write(connector, &[one, other, delete("sl-one")]).await;
    assert!(
        results.iter().all(|result| result.as_ref().is_ok_and(|item| item.id == "sl-one")),
        "{results:?}"
    );
    let again = create(marker("sl-one"), fields([("title", text("again"))]));
    write_one(connector, again).await.unwrap();
    assert_eq!(fetch(connector, "sl-one").await.unwrap().fields["title"], text("again"));
}

fn asked(id: &str) -> Marker {
    Marker { text: "sl-one".to_owned(), id: Some(id.to_owned()) }
}

pub(super) async fn an_asked_id_is_given(place: &Opened) {
    let connector = &*place.connector;
    let id = place.free_id();
    let one = create(asked(id), fields([("id", text(id)), ("title", text("one"))]));
    assert_eq!(write_one(connector, one).await.unwrap().id, id);
    assert_eq!(probe(connector, &[asked(id)]).await[0].as_ref().unwrap().id, id);
    assert_eq!(ids(connector, ReadMode::Full).await, [id]);
}

pub(super) async fn an_asked_id_that_is_taken_is_refused(place: &Opened) {
    let connector = &*place.connector;
    let id = place.add("theirs").await;
    let one = create(asked(&id), fields([("id", text(&id)), ("title", text("ours"))]));
    let refused = write_one(connector, one).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.message.contains("already") && refused.message.contains(&id), "{refused}");
    assert_eq!(fetch(connector, &id).await.unwrap().fields["title"], text("theirs"));
}
