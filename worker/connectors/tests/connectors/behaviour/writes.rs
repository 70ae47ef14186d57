//! Updates and deletes.

use syncline_engine::{
    Value,
    ports::{Call, ErrorKind, ReadMode, Stopped, Written},
    value::Fields,
};

use super::places::Opened;
use crate::place::{
    Never, call, create, delete, fetch, fields, ids, marker, not_sent, text, update, write, write_one,
};

fn title(title: &str) -> Fields {
    fields([("title", text(title))])
}

pub(super) async fn an_update_leaves_other_fields_alone(place: &Opened) {
    let connector = &*place.connector;
    let id = place.add("one").await;
    let before = fetch(connector, &id).await.unwrap();
    let change = update(&id, title("two, \"quoted\"\nlines"), Fields::new());
    let after = write_one(connector, change).await.unwrap();
    assert_eq!(after.fields["title"], text("two, \"quoted\"\nlines"));
    assert_eq!(after.fields["points"], before.fields["points"]);
    assert_eq!(fetch(connector, &id).await.unwrap(), after);
    let cleared = update(&id, fields([("points", Value::Null)]), Fields::new());
    assert_eq!(write_one(connector, cleared).await.unwrap().fields["points"], Value::Null);
}

/// Not even leave is asked.
pub(super) async fn a_write_that_changes_nothing_is_none(place: &Opened) {
    let connector = &*place.connector;
    let id = place.add("one").await;
    let before = fetch(connector, &id).await;
    let same = update(&id, fields([("title", text("one")), ("id", text(&id))]), Fields::new());
    let call = Call { leave: &Never, ..call() };
    let outcomes = connector.write(&[same], &call).await;
    let [Written::Done { item: Some(item), .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((Some(item), fetch(connector, &id).await.as_ref()), (before.as_ref(), before.as_ref()));
}

pub(super) async fn one_refused_item_leaves_the_others(place: &Opened) {
    let connector = &*place.connector;
    let id = place.add("one").await;
    let writes = [
        update(&id, title("two"), Fields::new()),
        update(place.free_id(), title("two"), Fields::new()),
        create(marker("m1"), fields([("colour", text("red"))])),
        update(&id, fields([("id", text("99"))]), Fields::new()),
        create(marker("m2"), title("three")),
    ];
    let results = write(connector, &writes).await;
    let kinds: Vec<Option<ErrorKind>> = results.iter().map(|r| r.as_ref().err().map(|e| e.kind)).collect();
    let permanent = Some(ErrorKind::Permanent);
    assert_eq!(kinds, [None, Some(ErrorKind::NotFound), permanent, permanent, None]);
    let columns = results[2].as_ref().unwrap_err();
    assert!(columns.message.contains("\"colour\"") && columns.message.contains("id, title"), "{columns}");
    let mut found = ids(connector, ReadMode::Full).await;
    let mut expected = vec![id.clone(), results[4].as_ref().unwrap().id.clone()];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(fetch(connector, &id).await.unwrap().fields["title"], text("two"));
}

pub(super) async fn nothing_is_written_without_leave(place: &Opened) {
    let connector = &*place.connector;
    let id = place.add("one").await;
    let call = Call { leave: &Never, ..call() };
    let writes = [delete(&id), create(marker("m"), Fields::new()), update(&id, title("two"), Fields::new())];
    let error = not_sent(connector, &writes, &call).await;
    assert_eq!(error.kind, ErrorKind::Stopped(Stopped::LeaseLost));
    assert_eq!(ids(connector, ReadMode::Full).await, std::slice::from_ref(&id));
    assert_eq!(fetch(connector, &id).await.unwrap().fields["title"], text("one"));
}

pub(super) async fn a_foreign_edit_is_not_overwritten(place: &Opened) {
    let connector = &*place.connector;
    let (edited, same) = (place.add("one").await, place.add("one").await);
    let read = title("one");
    place.retitle(&edited, "one", "theirs").await;
    let ours = |id: &str| update(id, title("ours"), read.clone());
    let mut gone = delete(&edited);
    gone.expected = read.clone();
    let results = write(connector, &[ours(&edited), gone, ours(&same)]).await;
    for refused in &results[..2] {
        let refused = refused.as_ref().unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict);
        assert!(refused.message.contains("\"theirs\""), "{refused}");
    }
    assert_eq!(results[2].as_ref().unwrap().fields["title"], text("ours"));
    assert_eq!(fetch(connector, &edited).await.unwrap().fields["title"], text("theirs"));
}

/// Each write finds what the ones before it left.
pub(super) async fn writes_to_one_item_follow_their_order(place: &Opened) {
    let connector = &*place.connector;
    let id = place.add("one").await;
    let writes = [
        update(&id, title("two"), title("one")),
        update(&id, title("three"), title("one")),
        update(&id, title("four"), title("two")),
    ];
    let results = write(connector, &writes).await;
    assert_eq!(results.iter().map(Result::is_err).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(fetch(connector, &id).await.unwrap().fields["title"], text("four"));
}

pub(super) async fn deleting_twice_succeeds(place: &Opened) {
    let connector = &*place.connector;
    let (one, two) = (place.add("one").await, place.add("two").await);
    assert!(write_one(connector, delete(&one)).await.unwrap().deleted);
    assert!(write_one(connector, delete(&one)).await.unwrap().deleted);
    assert_eq!(ids(connector, ReadMode::Full).await, [two]);
}
