//! Updates and removals.

use syncline_engine::{
    Value,
    capability::Removal,
    ports::{Call, Done, ErrorKind, Stopped, Write, WriteOp, Written},
    value::Fields,
};

use super::stage::Stage;
use crate::place::{Never, call, create, delete, fields, marker, not_sent, text, update, write, write_one};

pub(super) async fn an_update_leaves_other_fields_alone(place: &dyn Stage) {
    let (id, roles) = (place.add("one").await, place.roles());
    let before = place.fetch(&id).await.unwrap();
    let change = update(&id, fields([(roles.text, text("two, \"quoted\"\nlines"))]), Fields::new());
    let after = place.write_one(change).await.unwrap();
    assert!(place.is_same_text(&after.fields[roles.text], "two, \"quoted\"\nlines"), "{after:?}");
    // Its time changes, and nothing else.
    let changed: Vec<&String> =
        before.fields.keys().filter(|name| before.fields[*name] != after.fields[*name]).collect();
    assert!(
        changed.iter().all(|name| [roles.text, "updated_at", "updated"].contains(&name.as_str())),
        "{changed:?}"
    );
    assert_eq!(place.fetch(&id).await.unwrap(), after);
    let cleared = update(&id, fields([(roles.text, Value::Null)]), Fields::new());
    assert_eq!(place.write_one(cleared).await.unwrap().fields[roles.text], Value::Null);
}

/// The connector has not seen it.
pub(super) async fn an_edit_of_another_field_stays(place: &dyn Stage) {
    let (id, roles) = (place.add("one").await, place.roles());
    place.fetch(&id).await.unwrap();
    place.edit(&id, roles.text, "theirs".into()).await;
    let item = place.write_one(update(&id, place.titled("ours"), place.titled("one"))).await.unwrap();
    assert_eq!((place.title_of(&item), &item.fields[roles.text]), (text("ours"), &text("theirs")));
}

/// The history tells of an edit since the reading, and of nothing else.
pub(super) async fn an_overwritten_edit_is_told(place: &dyn Stage) {
    let id = place.add("one").await;
    place.fetch(&id).await.unwrap();
    place.edit(&id, place.roles().title, "theirs".into()).await;
    assert_eq!(overwritten(place, &id, "ours").await, place.titled("theirs"));
    assert_eq!(overwritten(place, &id, "ours, too").await, Fields::new());
    assert!(place.place().wrote(&id, place.roles().title, &call()).await.unwrap());
}

pub(super) async fn an_overwritten_edit_is_lost(place: &dyn Stage) {
    let id = place.add("one").await;
    place.fetch(&id).await.unwrap();
    place.edit(&id, place.roles().title, "theirs".into()).await;
    assert_eq!(overwritten(place, &id, "ours").await, Fields::new());
    assert!(!place.place().wrote(&id, place.roles().title, &call()).await.unwrap());
}

async fn overwritten(place: &dyn Stage, id: &str, title: &str) -> Fields {
    let write = update(id, place.titled(title), place.titled("one"));
    match &place.place().write(&[write], &call()).await[..] {
        [Written::Done(done)] => done.overwritten.clone(),
        other => panic!("{other:?}"),
    }
}

/// Not even leave is asked.
pub(super) async fn a_write_that_changes_nothing_is_none(place: &dyn Stage) {
    let id = place.add("one").await;
    let before = place.fetch(&id).await;
    let mut same = place.titled("one");
    same.extend(place.capabilities().key_field.clone().map(|key| (key, text(&id))));
    let call = Call { leave: &Never, ..call() };
    let outcomes = place.place().write(&[update(&id, same, Fields::new())], &call).await;
    let [Written::Done(Done { item: Some(item), .. })] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((Some(item), place.fetch(&id).await.as_ref()), (before.as_ref(), before.as_ref()));
}

pub(super) async fn writing_the_same_again_changes_nothing(place: &dyn Stage) {
    let id = place.add("one").await;
    let before = place.fetch(&id).await;
    let same = update(&id, place.titled("one"), place.titled("one"));
    assert_eq!(Some(place.write_one(same).await.unwrap()), before);
    assert_eq!(place.fetch(&id).await, before);
}

pub(super) async fn one_refused_item_leaves_the_others(place: &dyn Stage) {
    let (id, roles) = (place.add("one").await, place.roles());
    let writes = [
        update(&id, place.titled("two"), Fields::new()),
        update(place.free_id(), place.titled("two"), Fields::new()),
        create(marker("m1"), {
            let mut fields = place.titled("red");
            fields.insert("colour".to_owned(), text("red"));
            fields
        }),
        update(&id, fields([(roles.fixed, text("99"))]), Fields::new()),
        create(marker("m2"), place.titled("three")),
        update(&id, fields([("colour", text("red"))]), Fields::new()),
    ];
    let results = place.write(&writes).await;
    let kinds: Vec<Option<ErrorKind>> = results.iter().map(|r| r.as_ref().err().map(|e| e.kind)).collect();
    let permanent = Some(ErrorKind::Permanent);
    assert_eq!(kinds, [None, Some(ErrorKind::NotFound), permanent, permanent, None, permanent]);
    for (result, field) in [(2, "\"colour\""), (3, roles.fixed), (5, "\"colour\"")] {
        let error = results[result].as_ref().unwrap_err();
        assert!(error.message.contains(field), "{field}: {error}");
    }
    let mut expected = vec![id.clone(), results[4].as_ref().unwrap().id.clone()];
    expected.sort();
    assert_eq!(place.ids().await, expected);
    assert_eq!(place.title_of(&place.fetch(&id).await.unwrap()), text("two"));
}

pub(super) async fn nothing_is_written_without_leave(place: &dyn Stage) {
    let id = place.add("one").await;
    let call = Call { leave: &Never, ..call() };
    let writes = [
        delete(&id),
        create(marker("m"), place.titled("new")),
        update(&id, place.titled("two"), Fields::new()),
    ];
    for writes in place.calls(&writes) {
        let error = not_sent(place.place(), &writes, &call).await;
        assert_eq!(error.kind, ErrorKind::Stopped(Stopped::LeaseLost));
    }
    assert_eq!(place.ids().await, std::slice::from_ref(&id));
    assert_eq!(place.title_of(&place.fetch(&id).await.unwrap()), text("one"));
}

pub(super) async fn a_foreign_edit_is_not_overwritten(place: &dyn Stage) {
    let (edited, same) = (place.add("one").await, place.add("one").await);
    let read = place.titled("one");
    place.edit(&edited, place.roles().title, "theirs".into()).await;
    let ours = |id: &str| update(id, place.titled("ours"), read.clone());
    let mut gone = delete(&edited);
    gone.expected = read.clone();
    let results = write(place.place(), &[ours(&edited), gone, ours(&same)]).await;
    for refused in &results[..2] {
        let refused = refused.as_ref().unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Conflict);
        assert!(refused.message.contains("\"theirs\""), "{refused}");
    }
    assert_eq!(place.title_of(results[2].as_ref().unwrap()), text("ours"));
    assert_eq!(place.title_of(&place.fetch(&edited).await.unwrap()), text("theirs"));
}

/// Each write finds what the ones before it left.
pub(super) async fn writes_to_one_item_follow_their_order(place: &dyn Stage) {
    let id = place.add("one").await;
    let writes = [
        update(&id, place.titled("two"), place.titled("one")),
        update(&id, place.titled("three"), place.titled("one")),
        update(&id, place.titled("four"), place.titled("two")),
    ];
    let results = write(place.place(), &writes).await;
    assert_eq!(results.iter().map(Result::is_err).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(place.title_of(&place.fetch(&id).await.unwrap()), text("four"));
}

/// The last one wins, since the place cannot compare.
pub(super) async fn an_item_is_written_alone(place: &dyn Stage) {
    let id = place.add("one").await;
    assert!(
        place.capabilities().update_batch == 1 || place.writes_at_once(),
        "nothing is written between the reading and the write"
    );
    let writes = ["two", "three"].map(|title| update(&id, place.titled(title), Fields::new()));
    assert!(place.write(&writes).await.iter().all(Result::is_ok));
    assert_eq!(place.title_of(&place.fetch(&id).await.unwrap()), text("three"));
}

pub(super) async fn deleting_twice_succeeds(place: &dyn Stage) {
    let (one, two) = (place.add("one").await, place.add("two").await);
    assert!(place.write_one(delete(&one)).await.unwrap().deleted);
    assert!(place.write_one(delete(&one)).await.unwrap().deleted);
    // By a process that has not seen it.
    assert!(write_one(&*place.again().await, delete(&one)).await.unwrap().deleted);
    assert_eq!(place.ids().await, [two]);
    assert!(place.fetch(&one).await.is_none());
}

fn close(id: &str) -> Write {
    let op = WriteOp::Remove { id: id.to_owned(), how: Removal::Close };
    Write { op, expected: Fields::new(), version: None }
}

/// By its field, and as a removal.
pub(super) async fn an_item_closes_and_opens_again(place: &dyn Stage) {
    let (field, open, closed) = place.roles().state.unwrap();
    let id = place.add("one").await;
    let set = |value: &str| update(&id, fields([(field, text(value))]), Fields::new());
    for (write, state) in [
        (set(closed), closed),
        (set(open), open),
        (close(&id), closed),
        (close(&id), closed),
        (set(open), open),
    ] {
        assert_eq!(place.write_one(write).await.unwrap().fields[field], text(state));
        assert_eq!(place.fetch(&id).await.unwrap().fields[field], text(state));
    }
    assert_eq!(place.ids().await, [id], "a closed item is still one of the place");
}
