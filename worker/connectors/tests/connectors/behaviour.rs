//! What every connector promises, whatever it speaks. Cases that need a capability look for it and test the claim.

use rstest::rstest;
use syncline_engine::{
    Value,
    capability::{ConcurrencyControl, CreateIdempotency, Removal},
    ports::{ErrorKind, Marker, ReadMode, Stopped, WriteContext},
    value::Fields,
};

use crate::place::{
    Never, On, Place, create, delete, fetch, fields, ids, list, marker, now, text, update, write, write_one,
};

#[rstest]
#[tokio::test]
async fn declares_its_fields_and_key(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let connector = place.open().await;
    let names: Vec<String> = connector.fields().await.unwrap().into_iter().map(|field| field.name).collect();
    assert_eq!(names, ["id", "title", "points", "updated_at"]);
    assert_eq!(connector.capabilities().key_field.as_deref(), Some("id"));
    assert_eq!(connector.capabilities().create_idempotency, CreateIdempotency::Native);
}

#[rstest]
#[tokio::test]
async fn an_empty_place_is_complete(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let (items, end) = list(&*place.open().await, ReadMode::Full).await;
    assert!(items.is_empty() && end.complete);
}

#[rstest]
#[tokio::test]
async fn lists_every_item_once_over_pages(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let connector = place.open().await;
    // A whole number of pages, and one item more.
    for count in [1000, 1] {
        let start = list(&*connector, ReadMode::Full).await.0.len();
        let writes: Vec<_> = (start..start + count)
            .map(|number| {
                create(marker(&format!("m{number}")), fields([("points", Value::Int(number as i64))]))
            })
            .collect();
        for batch in writes.chunks(connector.capabilities().write_batch) {
            assert!(write(&*connector, batch).await.iter().all(Result::is_ok));
        }
        let (items, end) = list(&*connector, ReadMode::Full).await;
        let mut found: Vec<String> = items.into_iter().map(|item| item.id).collect();
        found.sort();
        found.dedup();
        assert_eq!((found.len(), end.complete), (start + count, true));
    }
}

#[rstest]
#[tokio::test]
async fn fetches_what_exists(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.insert("a", "one").await;
    place.insert("b", "two").await;
    let connector = place.open().await;
    let wanted = ["b", "nowhere", "a"].map(str::to_owned);
    let mut items = connector.fetch(&wanted).await.unwrap();
    items.sort_by(|a, b| a.id.cmp(&b.id));
    let titles: Vec<&Value> = items.iter().map(|item| &item.fields["title"]).collect();
    assert_eq!(titles, [&text("one"), &text("two")]);
    assert!(items[0].modified.is_some(), "the modified column tells the time");
    place.retitle("a", "one", "edited").await;
    assert_eq!(fetch(&*connector, "a").await.unwrap().fields["title"], text("edited"));
    assert!(connector.fetch(&[]).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn creating_twice_makes_one_item(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let connector = place.open().await;
    let one = || create(marker("sl-one"), fields([("title", text("one"))]));
    assert_eq!(connector.probe(&[marker("sl-one")]).await.unwrap(), [None]);
    let first = write_one(&*connector, one()).await.unwrap();
    assert_eq!(first.id, "sl-one");
    place.retitle("sl-one", "one", "edited").await;
    let again = write(&*connector, &[one(), one()]).await;
    for result in again {
        let item = result.unwrap();
        assert_eq!((item.id.as_str(), &item.fields["title"]), ("sl-one", &text("edited")));
    }
    let found = connector.probe(&[marker("sl-two"), marker("sl-one")]).await.unwrap();
    assert_eq!(found[0], None);
    assert_eq!(found[1].as_ref().unwrap().id, "sl-one");
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["sl-one"]);
}

#[rstest]
#[tokio::test]
async fn an_asked_id_is_given_or_refused(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let connector = place.open().await;
    let asked = || Marker { text: "sl-one".to_owned(), id: Some("T-1".to_owned()) };
    let one = || create(asked(), fields([("id", text("T-1")), ("title", text("one"))]));
    assert_eq!(write_one(&*connector, one()).await.unwrap().id, "T-1");
    let refused = write_one(&*connector, one()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.message.contains("already") && refused.message.contains("T-1"), "{refused}");
    assert_eq!(connector.probe(&[asked()]).await.unwrap()[0].as_ref().unwrap().id, "T-1");
}

#[rstest]
#[tokio::test]
async fn an_update_leaves_other_fields_alone(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.insert("a", "one").await;
    let connector = place.open().await;
    let before = fetch(&*connector, "a").await.unwrap();
    let change = update("a", fields([("title", text("two, \"quoted\"\nlines"))]), Fields::new());
    let after = write_one(&*connector, change).await.unwrap();
    assert_eq!(after.fields["title"], text("two, \"quoted\"\nlines"));
    assert_eq!(after.fields["points"], before.fields["points"]);
    assert_eq!(after.modified.unwrap().at, now(), "the modified column records the write");
    assert_eq!(fetch(&*connector, "a").await.unwrap(), after);
    let cleared = update("a", fields([("points", Value::Null)]), Fields::new());
    assert_eq!(write_one(&*connector, cleared).await.unwrap().fields["points"], Value::Null);
}

#[rstest]
#[tokio::test]
async fn a_write_that_changes_nothing_is_none(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.insert("a", "one").await;
    let connector = place.open().await;
    let same = update("a", fields([("title", text("one")), ("id", text("a"))]), Fields::new());
    // Not even leave is asked.
    let context = WriteContext { leave: &Never, now: now() };
    let item = connector.write(&[same], &context).await.unwrap().remove(0).unwrap();
    assert_ne!(item.modified.unwrap().at, now());
}

#[rstest]
#[tokio::test]
async fn a_foreign_edit_is_not_overwritten(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    for id in ["a", "b"] {
        place.insert(id, "one").await;
    }
    let connector = place.open().await;
    assert_eq!(connector.capabilities().concurrency, ConcurrencyControl::Fields);
    let read = fields([("title", fetch(&*connector, "a").await.unwrap().fields["title"].clone())]);
    place.retitle("a", "one", "theirs").await;
    let ours = |id| update(id, fields([("title", text("ours"))]), read.clone());
    let mut gone = delete("a");
    gone.expected = read.clone();
    let results = write(&*connector, &[ours("a"), gone, ours("b")]).await;
    for refused in &results[..2] {
        let refused = refused.as_ref().unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict);
        assert!(refused.message.contains("\"theirs\""), "{refused}");
    }
    assert_eq!(results[2].as_ref().unwrap().fields["title"], text("ours"));
    assert_eq!(fetch(&*connector, "a").await.unwrap().fields["title"], text("theirs"));
}

#[rstest]
#[tokio::test]
async fn deleting_twice_succeeds(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.insert("a", "one").await;
    place.insert("b", "two").await;
    let connector = place.open().await;
    assert!(connector.capabilities().removals.contains(&Removal::Delete));
    assert!(write_one(&*connector, delete("a")).await.unwrap().deleted);
    assert!(write_one(&*connector, delete("a")).await.unwrap().deleted);
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["b"]);
}

#[rstest]
#[tokio::test]
async fn one_refused_item_leaves_the_others(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.insert("a", "one").await;
    let connector = place.open().await;
    let mut writes = vec![
        update("a", fields([("title", text("two"))]), Fields::new()),
        update("nowhere", fields([("title", text("two"))]), Fields::new()),
        create(marker("m1"), fields([("colour", text("red"))])),
        update("a", fields([("id", text("z"))]), Fields::new()),
        create(marker("m2"), fields([("title", text("three"))])),
    ];
    if on != On::Csv {
        // Refused by the database itself: a check constraint, and a type.
        writes.push(create(marker("m3"), fields([("title", text("bad"))])));
        writes.push(create(marker("m4"), fields([("points", text("many"))])));
        writes.push(create(marker("m5"), fields([("title", text("four"))])));
    }
    let results = write(&*connector, &writes).await;
    let kinds: Vec<Option<ErrorKind>> = results.iter().map(|r| r.as_ref().err().map(|e| e.kind)).collect();
    let permanent = Some(ErrorKind::Permanent);
    assert_eq!(kinds[..5], [None, Some(ErrorKind::NotFound), permanent, permanent, None]);
    let columns = results[2].as_ref().unwrap_err();
    assert!(columns.message.contains("\"colour\"") && columns.message.contains("id, title"), "{columns}");
    let mut expected = vec!["a", "m2"];
    if on != On::Csv {
        assert_eq!(kinds[5..], [permanent, permanent, None]);
        let kind = results[6].as_ref().unwrap_err();
        assert!(kind.message.contains("points") && kind.message.contains("\"many\""), "{kind}");
        expected.push("m5");
    }
    let mut found = ids(&*connector, ReadMode::Full).await;
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(fetch(&*connector, "a").await.unwrap().fields["title"], text("two"));
}

#[rstest]
#[tokio::test]
async fn writes_to_one_item_follow_their_order(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let connector = place.open().await;
    let title = |title| fields([("title", text(title))]);
    let results = write(
        &*connector,
        &[
            create(marker("m"), title("one")),
            update("m", title("two"), title("one")),
            update("m", title("three"), title("one")),
            delete("m"),
            create(marker("m"), title("four")),
        ],
    )
    .await;
    let refused: Vec<bool> = results.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, false, true, false, false]);
    assert_eq!(fetch(&*connector, "m").await.unwrap().fields["title"], text("four"));
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["m"]);
}

#[rstest]
#[tokio::test]
async fn nothing_is_written_without_leave(#[values(On::Csv, On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.insert("a", "one").await;
    let connector = place.open().await;
    let context = WriteContext { leave: &Never, now: now() };
    let writes = [delete("a"), create(marker("m"), Fields::new())];
    let error = connector.write(&writes, &context).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Stopped(Stopped::LeaseLost));
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["a"]);
    assert_eq!(fetch(&*connector, "a").await.unwrap().fields["title"], text("one"));
}
