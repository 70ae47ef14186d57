//! Creates: their ids, and what keeps a repeated one from making a second item.

use syncline_engine::{
    ports::{ErrorKind, Marker, Probed, Write, Written},
    value::Fields,
};

use super::stage::{Fault, Stage};
use crate::place::{call, create, delete, fields, marker, probe, text, update, write, write_one};

/// Creates with the marker `sl-one`.
fn one(place: &dyn Stage) -> Write {
    create(marker("sl-one"), place.titled("one"))
}

pub(super) async fn creating_twice_makes_one_item(place: &dyn Stage) {
    let id = place.write_one(one(place)).await.unwrap().id;
    place.edit(&id, place.roles().title, "edited".into()).await;
    let mut results = write(place.place(), &[one(place), one(place)]).await;
    // Another process has seen nothing of it.
    results.push(write_one(&*place.again().await, one(place)).await);
    for result in results {
        let item = result.unwrap();
        assert_eq!((&item.id, place.title_of(&item)), (&id, text("edited")));
    }
    assert_eq!(place.ids().await, [id]);
}

/// The process starts anew after an answer that was lost.
pub(super) async fn a_create_without_an_answer_is_made_once(place: &dyn Stage) {
    place.fail(Fault::LostAnswer).await;
    let outcomes = place.send(&[one(place)]).await;
    assert!(matches!(outcomes[..], [Written::Unknown(_)]), "{outcomes:?}");
    place.pass(place.capabilities().marker_visible_after).await;
    let found = place.again().await.probe(&[marker("sl-one")], &call()).await.unwrap();
    let [Probed::Found(found)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(place.ids().await, std::slice::from_ref(&found.id));
    for again in [place.write_one(one(place)).await, write_one(&*place.again().await, one(place)).await] {
        assert_eq!(again.unwrap().id, found.id);
    }
    assert_eq!(place.ids().await.len(), 1);
}

pub(super) async fn a_created_item_is_found_by_its_marker(place: &dyn Stage) {
    assert_eq!(probe(place.place(), &[marker("sl-one")]).await, [None]);
    let made = place.write_one(one(place)).await.unwrap();
    place.seed(3).await;
    place.pass(place.capabilities().marker_visible_after).await;
    for place in [place.place(), &*place.again().await] {
        let found = probe(place, &[marker("sl-two"), marker("sl-one")]).await;
        assert_eq!((&found[0], &found[1].as_ref().unwrap().id), (&None, &made.id));
        assert_eq!(found.len(), 2);
    }
}

pub(super) async fn a_created_item_is_found_at_once(place: &dyn Stage) {
    let made = place.write_one(one(place)).await.unwrap();
    let found = probe(&*place.again().await, &[marker("sl-one")]).await;
    assert_eq!(found[0].as_ref().unwrap().id, made.id);
}

/// An unanswered create is left for a person.
pub(super) async fn a_create_that_leaves_no_trace_is_not_found(place: &dyn Stage) {
    let first = place.write_one(one(place)).await.unwrap();
    assert_eq!(probe(place.place(), &[marker("sl-one")]).await, [None]);
    let second = place.write_one(one(place)).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(place.ids().await.len(), 2);
}

/// So that later writes of one call may name it.
pub(super) async fn a_marker_is_the_id_of_its_item(place: &dyn Stage) {
    let other = update("sl-one", place.titled("two"), place.titled("one"));
    let results = write(place.place(), &[one(place), other, delete("sl-one")]).await;
    assert!(
        results.iter().all(|result| result.as_ref().is_ok_and(|item| item.id == "sl-one")),
        "{results:?}"
    );
    place.write_one(create(marker("sl-one"), place.titled("again"))).await.unwrap();
    assert_eq!(place.title_of(&place.fetch("sl-one").await.unwrap()), text("again"));
}

fn asked(place: &dyn Stage, id: &str, title: &str) -> Write {
    let marker = Marker { text: "sl-one".to_owned(), id: Some(id.to_owned()) };
    let key = place.capabilities().key_field.clone().unwrap();
    let mut fields: Fields = place.titled(title);
    fields.insert(key, text(id));
    create(marker, fields)
}

pub(super) async fn an_asked_id_is_given(place: &dyn Stage) {
    let id = place.free_id();
    assert_eq!(place.write_one(asked(place, id, "one")).await.unwrap().id, id);
    let marker = Marker { text: "sl-one".to_owned(), id: Some(id.to_owned()) };
    assert_eq!(probe(place.place(), &[marker]).await[0].as_ref().unwrap().id, id);
    assert_eq!(place.ids().await, [id]);
}

pub(super) async fn an_asked_id_that_is_taken_is_refused(place: &dyn Stage) {
    let id = place.add("theirs").await;
    let refused = place.write_one(asked(place, &id, "ours")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.message.contains("already") && refused.message.contains(&id), "{refused}");
    assert_eq!(place.title_of(&place.fetch(&id).await.unwrap()), text("theirs"));
}

/// As many as it declares, in one call each.
pub(super) async fn batches_may_be_as_large_as_declared(place: &dyn Stage) {
    let can = place.capabilities();
    let new = |n| create(marker(&format!("m{n}")), place.titled(&format!("new {n}")));
    let writes: Vec<Write> = (0..can.create_batch).map(new).collect();
    let made: Vec<String> =
        write(place.place(), &writes).await.into_iter().map(|made| made.unwrap().id).collect();
    let mut listed = place.ids().await;
    let mut expected = made.clone();
    expected.sort();
    assert_eq!(listed, expected);

    let edit = |id: &String| update(id, place.titled("edited"), Fields::new());
    let edits: Vec<Write> = made.iter().take(can.update_batch).map(edit).collect();
    assert!(write(place.place(), &edits).await.iter().all(Result::is_ok));
    place.seed(can.fetch_batch.saturating_sub(made.len())).await;
    listed = place.ids().await;
    listed.truncate(can.fetch_batch);
    let found = place.place().fetch(&listed, &call()).await;
    let items = found.iter().filter(|(_, found)| matches!(found, Ok(syncline_engine::ports::Found::Item(_))));
    assert_eq!(items.count(), listed.len());
    // Nothing to do is no request, and no error.
    assert!(place.send(&[]).await.is_empty() && place.place().fetch(&[], &call()).await.is_empty());
    assert!(probe(place.place(), &[]).await.is_empty());
    let titled = place.fetch(&made[0]).await.unwrap();
    assert_eq!(titled.fields.get(place.roles().title), fields([("", text("edited"))]).get(""));
}
