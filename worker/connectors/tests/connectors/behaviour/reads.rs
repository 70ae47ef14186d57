//! Listing and fetching.

use serde_json::json;
use syncline_engine::{
    Value,
    ports::{ErrorKind, ReadMode},
    value::Fields,
};

use super::places::Opened;
use crate::place::{
    call, create, delete, fetch, fetch_all, fields, ids, list, marker, now, text, update, write, write_one,
};

pub(super) async fn lists_the_fields_of_its_items(place: &Opened) {
    let connector = &*place.connector;
    let names: Vec<String> = connector.fields().await.unwrap().into_iter().map(|field| field.name).collect();
    assert_eq!(names, ["id", "title", "points", "updated_at"]);
    let key = connector.capabilities().key_field.as_ref();
    assert!(key.is_none_or(|key| names.contains(key)), "{key:?}");
    place.add("one").await;
    let item = list(connector, ReadMode::Full).await.0.remove(0);
    assert!(item.fields.keys().all(|name| names.contains(name)), "{item:?}");
}

pub(super) async fn what_is_declared_stays(place: &Opened) {
    let connector = &*place.connector;
    let declared = || serde_json::to_value(connector.capabilities()).unwrap();
    let before = declared();
    let id = place.add("one").await;
    list(connector, ReadMode::Full).await;
    write_one(connector, update(&id, fields([("title", text("two"))]), Fields::new())).await.unwrap();
    write_one(connector, create(marker("sl-one"), fields([("title", text("new"))]))).await.unwrap();
    write_one(connector, delete(&id)).await.unwrap();
    assert_eq!(declared(), before);
}

pub(super) async fn lists_every_item_once_over_pages(place: &Opened) {
    let connector = &*place.connector;
    // A whole number of pages, and one item more.
    for count in [1000, 1] {
        let start = list(connector, ReadMode::Full).await.0.len();
        let new =
            |number| create(marker(&format!("m{number}")), fields([("points", Value::Int(number as i64))]));
        let writes: Vec<_> = (start..start + count).map(new).collect();
        for batch in writes.chunks(connector.capabilities().create_batch) {
            assert!(write(connector, batch).await.iter().all(Result::is_ok));
        }
        let (items, end) = list(connector, ReadMode::Full).await;
        let mut found: Vec<String> = items.into_iter().map(|item| item.id).collect();
        found.sort();
        found.dedup();
        assert_eq!((found.len(), end.complete), (start + count, true));
    }
}

pub(super) async fn fetches_what_exists(place: &Opened) {
    let connector = &*place.connector;
    let (one, two) = (place.add("one").await, place.add("two").await);
    let wanted = [two, place.free_id().to_owned(), one.clone()];
    let mut items = fetch_all(connector, &wanted).await;
    items.sort_by(|a, b| a.id.cmp(&b.id));
    let titles: Vec<&Value> = items.iter().map(|item| &item.fields["title"]).collect();
    assert_eq!(titles, [&text("one"), &text("two")]);
    place.retitle(&one, "one", "edited").await;
    assert_eq!(fetch(connector, &one).await.unwrap().fields["title"], text("edited"));
    assert!(fetch_all(connector, &[]).await.is_empty());
}

pub(super) async fn an_empty_place_is_complete(place: &Opened) {
    let (items, end) = list(&*place.connector, ReadMode::Full).await;
    assert!(items.is_empty() && end.complete);
}

pub(super) async fn a_deleted_item_is_absent_from_a_complete_listing(place: &Opened) {
    let (one, two) = (place.add("one").await, place.add("two").await);
    place.remove(&one).await;
    let (items, end) = list(&*place.connector, ReadMode::Full).await;
    assert_eq!(items.iter().map(|item| &item.id).collect::<Vec<_>>(), [&two]);
    assert!(end.complete);
    assert!(fetch(&*place.connector, &one).await.is_none());
}

pub(super) async fn an_incremental_read_lists_what_changed(place: &Opened) {
    let connector = &*place.connector;
    let (old, new) = (place.add("old").await, place.add("new").await);
    let edit = |id| update(id, fields([("title", text("edited"))]), Fields::new());
    write_one(connector, edit(&new)).await.unwrap();
    let (items, end) = list(connector, ReadMode::Full).await;
    assert_eq!((items.len(), end.complete), (2, true));
    let since = || ReadMode::Since(end.cursor.clone().unwrap());
    // The last ones may be listed again; one of a year before may not.
    assert!(!ids(connector, since()).await.contains(&old));
    write_one(connector, edit(&old)).await.unwrap();
    let (items, end) = list(connector, since()).await;
    assert!(items.iter().any(|item| item.id == old && item.fields["title"] == text("edited")));
    assert!(!end.complete, "absence from it means nothing");
    assert!(end.cursor.is_some());
}

pub(super) async fn a_read_since_a_cursor_is_refused(place: &Opened) {
    let connector = &*place.connector;
    place.add("one").await;
    assert_eq!(list(connector, ReadMode::Full).await.1.cursor, None);
    let refused = connector.list(ReadMode::Since(json!({})), None, &call()).await.err().unwrap();
    assert_eq!(refused.kind, ErrorKind::Permanent);
}

pub(super) async fn items_tell_when_they_were_modified(place: &Opened) {
    let connector = &*place.connector;
    let id = place.add("one").await;
    let before = fetch(connector, &id).await.unwrap().modified.unwrap();
    assert!(before.at < now());
    let edit = update(&id, fields([("title", text("two"))]), Fields::new());
    assert_eq!(write_one(connector, edit).await.unwrap().modified.unwrap().at, now());
    assert_eq!(fetch(connector, &id).await.unwrap().modified.unwrap().at, now());
    assert!(list(connector, ReadMode::Full).await.0.iter().all(|item| item.modified.is_some()));
}

pub(super) async fn items_have_no_time_that_nobody_tells(place: &Opened) {
    let connector = &*place.connector;
    let id = place.add("one").await;
    assert_eq!(fetch(connector, &id).await.unwrap().modified, None);
    let edit = update(&id, fields([("title", text("two"))]), Fields::new());
    assert_eq!(write_one(connector, edit).await.unwrap().modified, None);
    assert_eq!(list(connector, ReadMode::Full).await.0[0].modified, None);
}
