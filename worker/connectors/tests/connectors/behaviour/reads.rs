//! Listing, fetching and looking.

use serde_json::json;
use syncline_engine::{
    Value,
    ports::{ErrorKind, MatchKey, ReadMode},
    value::Fields,
};

use super::stage::Stage;
use crate::place::{call, create, delete, ids, marker, text, update};

pub(super) async fn lists_the_fields_of_its_items(place: &dyn Stage) {
    let names: Vec<String> =
        place.place().fields(&call()).await.unwrap().into_iter().map(|field| field.name).collect();
    let roles = place.roles();
    let used = [Some(roles.title), Some(roles.text), Some(roles.fixed), roles.set, roles.date];
    for name in used.into_iter().flatten().chain(roles.state.map(|state| state.0)) {
        assert!(names.iter().any(|known| known == name), "{name} is none of {names:?}");
    }
    let key = place.capabilities().key_field.as_ref();
    assert!(key.is_none_or(|key| names.contains(key)), "{key:?}");
    place.add("one").await;
    let item = place.list(ReadMode::Full).await.0.remove(0);
    assert!(item.fields.keys().all(|name| names.contains(name)), "{item:?}");
}

pub(super) async fn what_is_declared_stays(place: &dyn Stage) {
    let declared = || serde_json::to_value(place.capabilities()).unwrap();
    let before = declared();
    let id = place.add("one").await;
    place.list(ReadMode::Full).await;
    place.write_one(update(&id, place.titled("two"), Fields::new())).await.unwrap();
    place.write_one(create(marker("sl-one"), place.titled("new"))).await.unwrap();
    place.write_one(delete(&id)).await.unwrap();
    assert_eq!(declared(), before);
}

pub(super) async fn fetches_what_exists(place: &dyn Stage) {
    let (one, two) = (place.add("one").await, place.add("two").await);
    let wanted = [two.clone(), place.free_id().to_owned(), one.clone()];
    let answers = place.place().fetch(&wanted, &call()).await;
    let mut answered: Vec<&String> = answers.iter().map(|(id, _)| id).collect();
    answered.sort();
    let mut asked: Vec<&String> = wanted.iter().collect();
    asked.sort();
    assert_eq!(answered, asked);
    for (id, title) in [(&one, "one"), (&two, "two")] {
        assert_eq!(place.title_of(&place.fetch(id).await.unwrap()), text(title));
    }
    assert_eq!(place.fetch(place.free_id()).await, None);
    place.edit(&one, place.roles().title, "edited".into()).await;
    assert_eq!(place.title_of(&place.fetch(&one).await.unwrap()), text("edited"));
}

pub(super) async fn a_removed_item_is_absent_from_a_complete_listing(place: &dyn Stage) {
    let (one, two) = (place.add("one").await, place.add("two").await);
    assert_eq!(place.ids().await.len(), 2);
    place.remove(&one).await;
    let (items, end) = place.list(ReadMode::Full).await;
    assert_eq!(items.iter().map(|item| &item.id).collect::<Vec<_>>(), [&two]);
    assert!(end.complete);
    assert!(place.fetch(&one).await.is_none());
}

pub(super) async fn an_incremental_read_lists_what_changed(place: &dyn Stage) {
    let (old, new) = (place.add("old").await, place.add("new").await);
    let edit = |id| update(id, place.titled("edited"), Fields::new());
    place.write_one(edit(&new)).await.unwrap();
    let (items, end) = place.list(ReadMode::Full).await;
    assert_eq!((items.len(), end.complete), (2, true));
    let since = || ReadMode::Since(end.cursor.clone().unwrap());
    // The last ones may be listed again; one of a year before may not.
    assert!(!ids(place.place(), since()).await.contains(&old));
    place.write_one(edit(&old)).await.unwrap();
    let (items, end) = place.list(since()).await;
    assert!(items.iter().any(|item| item.id == old && place.title_of(item) == text("edited")));
    assert!(!end.complete, "absence from it means nothing");
    assert!(end.cursor.is_some());
}

/// The first item comes after the first reading.
pub(super) async fn an_empty_place_can_be_read_from_its_cursor(place: &dyn Stage) {
    let (items, end) = place.list(ReadMode::Full).await;
    assert!(items.is_empty());
    place.write_one(create(marker("sl-one"), place.titled("one"))).await.unwrap();
    // Without one the next reading is whole.
    let (items, _) = place.list(end.cursor.map_or(ReadMode::Full, ReadMode::Since)).await;
    assert_eq!(items.iter().map(|item| place.title_of(item)).collect::<Vec<_>>(), [text("one")]);
}

pub(super) async fn a_read_since_a_cursor_is_refused(place: &dyn Stage) {
    place.add("one").await;
    assert_eq!(place.list(ReadMode::Full).await.1.cursor, None);
    let refused = place.place().list(ReadMode::Since(json!({})), None, &call()).await.err().unwrap();
    assert_eq!(refused.kind, ErrorKind::Permanent);
}

pub(super) async fn items_tell_when_they_were_modified(place: &dyn Stage) {
    let id = place.add("one").await;
    let before = place.fetch(&id).await.unwrap().modified.unwrap();
    assert!(before.at < place.now());
    let edit = update(&id, place.titled("two"), Fields::new());
    let written = place.write_one(edit).await.unwrap().modified.unwrap();
    assert!((written.at - place.now()).num_seconds().abs() <= 2, "{written:?}");
    assert_eq!(place.fetch(&id).await.unwrap().modified.unwrap(), written);
    assert!(place.list(ReadMode::Full).await.0.iter().all(|item| item.modified.is_some()));
}

pub(super) async fn items_have_no_time_that_nobody_tells(place: &dyn Stage) {
    let id = place.add("one").await;
    assert_eq!(place.fetch(&id).await.unwrap().modified, None);
    let edit = update(&id, place.titled("two"), Fields::new());
    assert_eq!(place.write_one(edit).await.unwrap().modified, None);
    assert_eq!(place.list(ReadMode::Full).await.0[0].modified, None);
}

pub(super) async fn items_are_found_by_a_value(place: &dyn Stage) {
    let wanted = place.add("the dark theme").await;
    place.add("the export").await;
    // GitHub's description of its searches knows no item without a text, although there are some.
    place.edit(&wanted, place.roles().text, "we talked about it".into()).await;
    // An index may be behind.
    place.pass(std::time::Duration::from_secs(60)).await;
    for (title, found) in [("the dark theme", Some(&wanted)), ("sorting by colour", None)] {
        let keys = vec![MatchKey { fields: place.titled(title) }];
        let answers = place.place().find(&keys, &call()).await.unwrap();
        let [candidates] = &answers[..] else { panic!("{answers:?}") };
        let same = candidates.items.iter().filter(|item| place.title_of(item) == text(title));
        assert_eq!(same.map(|item| &item.id).collect::<Vec<_>>(), found.into_iter().collect::<Vec<_>>());
        assert!(candidates.complete);
    }
}

/// Values that cannot be looked for, and a title that nobody has.
pub(super) async fn a_search_is_not_taken_for_complete_without_a_value(place: &dyn Stage) {
    place.add("one").await;
    let key = MatchKey { fields: Fields::from([(place.roles().title.to_owned(), Value::Null)]) };
    let found = place.place().find(&[key], &call()).await.unwrap();
    assert!(found[0].items.is_empty() && !found[0].complete);
}
