//! Values that places are known to change: every script, long texts, nothing, sets, days.

use serde_json::json;
use syncline_engine::{
    Value,
    ports::ReadMode,
    value::{Fields, parse_date},
};

use super::stage::Stage;
use crate::place::{create, fields, marker, text, update};

/// Writes a value, and returns what is read of it: in the answer, by id and in a listing.
async fn written(place: &dyn Stage, id: &str, field: &str, value: Value) -> Value {
    let item = place.write_one(update(id, fields([(field, value)]), Fields::new())).await.unwrap();
    let fetched = place.fetch(id).await.unwrap();
    let listed = place.list(ReadMode::Full).await.0;
    assert_eq!(listed.iter().find(|listed| listed.id == id), Some(&fetched));
    let value = fetched.fields.get(field).cloned().unwrap_or(Value::Null);
    assert_eq!(item.fields.get(field).unwrap_or(&Value::Null), &value);
    value
}

pub(super) async fn every_script_survives(place: &dyn Stage) {
    let line = "Größe 📏 — 日本語 עברית\u{200d}👩‍👩‍👧 <b>&amp;</b> `a|b` 2 ** 3 @ada #1 \\ \"\u{0301}e, ';";
    let roles = place.roles();
    let long = match roles.shortens {
        None => format!("{line}\n\n- [ ] {line}\n\ttabs\n"),
        // Markup has rules of its own, and tests of its own.
        Some(_) => format!("{0}\n\n- {0}\n", line.replace("<b>&amp;</b>", "<").replace('\\', "")),
    };
    let values = fields([(roles.title, text(line)), (roles.text, text(&long))]);
    let made = place.write_one(create(marker("sl-one"), values.clone())).await.unwrap();
    let read = place.fetch(&made.id).await.unwrap();
    for item in [&made, &read] {
        assert_eq!(item.fields[roles.title], text(line));
        assert!(place.is_same_text(&item.fields[roles.text], &long), "{:?}", item.fields[roles.text]);
    }
    let id = place.add("one").await;
    let read = written(place, &id, roles.text, text(&long)).await;
    assert!(place.is_same_text(&read, &long), "{read:?}");
    assert_eq!(written(place, &id, roles.text, read.clone()).await, read);
    assert_eq!(written(place, &id, roles.title, text(line)).await, text(line));
}

/// 64 KB, or as much as the place takes, arrive whole. What is longer is refused before it is sent, or shortened.
pub(super) async fn long_texts_arrive_whole_or_are_refused_before(place: &dyn Stage) {
    let id = place.add("one").await;
    let (field, shortens) = (place.roles().text, place.roles().shortens);
    for (number, letter) in ["x", "ä", "📏"].into_iter().enumerate() {
        let long = |bytes: usize| text(&letter.repeat(bytes / letter.len()));
        let mut bytes = shortens.map_or(64 << 10, |characters| characters * letter.len());
        while let Err(why) = place.place().accepts(field, &long(bytes)) {
            assert!(why.contains("characters") && shortens.is_none(), "{why}");
            bytes -= 10;
        }
        assert!(bytes > 60_000 || shortens.is_some(), "it takes {bytes} bytes of {letter}");
        assert_eq!(written(place, &id, field, long(bytes)).await, long(bytes));
        let made = create(marker(&format!("sl-{number}")), {
            let mut fields = place.titled(letter);
            fields.insert(field.to_owned(), long(bytes));
            fields
        });
        let made = place.write_one(made).await.unwrap();
        assert_eq!(place.fetch(&made.id).await.unwrap().fields[field], long(bytes));
        if shortens.is_some() {
            let read = written(place, &id, field, long(8 * bytes)).await;
            let Value::Text(read) = read else { panic!("{read:?}") };
            assert!(read.len() >= bytes && read.len() < 8 * bytes && read.starts_with(letter));
        }
    }
}

/// A place may keep either, but what it shows is blank, and showing it is no change.
pub(super) async fn null_and_empty_are_blank_and_stay_so(place: &dyn Stage) {
    let id = place.add("one").await;
    let field = place.roles().text;
    for blank in [Value::Null, text("")] {
        assert_eq!(written(place, &id, field, text("something")).await, text("something"));
        let read = written(place, &id, field, blank.clone()).await;
        assert!(read.is_blank() && read.same(&blank), "{read:?}");
        assert_eq!(written(place, &id, field, read.clone()).await, read);
    }
    let mut new = place.titled("blank from the start");
    new.insert(field.to_owned(), text(""));
    let made = place.write_one(create(marker("sl-one"), new)).await.unwrap();
    assert!(place.fetch(&made.id).await.unwrap().fields[field].is_blank());
}

/// Neither order nor repetition counts, and a person's removal stays one.
pub(super) async fn sets_have_no_order(place: &dyn Stage) {
    let field = place.roles().set.unwrap();
    let set = |names: &[&str]| Value::List(names.iter().map(|name| text(name)).collect());
    let id = place.add("one").await;
    let read = written(place, &id, field, set(&["b", "needs triage", "a", "b"])).await;
    for order in [&["a", "b", "needs triage"], &["needs triage", "b", "a"]] {
        assert_eq!(written(place, &id, field, set(order)).await, read);
    }
    place.edit(&id, field, json!(["b", "a"])).await;
    let fewer = place.fetch(&id).await.unwrap().fields[field].clone();
    place.edit(&id, field, json!(["a", "b"])).await;
    assert_eq!(place.fetch(&id).await.unwrap().fields[field], fewer);
    place.write_one(update(&id, place.titled("two"), Fields::new())).await.unwrap();
    assert_eq!(place.fetch(&id).await.unwrap().fields[field], fewer);
    assert!(written(place, &id, field, set(&[])).await.is_blank());
    assert!(written(place, &id, field, Value::Null).await.is_blank());
}

pub(super) async fn days_stay_the_day(place: &dyn Stage) {
    let field = place.roles().date.unwrap();
    let id = place.add("one").await;
    // Around the changes of clocks, the ends of years and a leap day.
    for day in ["2026-03-29", "2026-10-25", "2026-12-31", "2027-01-01", "2028-02-29"] {
        let read = written(place, &id, field, Value::Date(parse_date(day).unwrap())).await;
        assert_eq!(read.to_json(), day);
    }
    assert!(written(place, &id, field, Value::Null).await.is_blank());
    place.edit(&id, field, json!("2026-06-15")).await;
    assert_eq!(place.fetch(&id).await.unwrap().fields[field].to_json(), "2026-06-15");
}
