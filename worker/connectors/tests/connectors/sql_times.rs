//! Incremental reads: cursors, overlap, equal times, and the forms in which times are stored.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Value,
    ports::{Place, ReadMode},
    value::Fields,
};

use crate::place::{On, TestPlace, fetch, fields, ids, list, now, open, text, update, write_one};

async fn cursor(connector: &dyn Place, mode: ReadMode) -> Json {
    list(connector, mode).await.1.cursor.unwrap()
}

#[rstest]
#[tokio::test]
async fn an_incremental_read_finds_what_changed(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    for number in 0..1200 {
        if number % 400 == 0 {
            // Equal times over more than two pages.
            let rows: Vec<String> = (number..number + 400)
                .map(|number| format!("('r{number}', 't', {number}, '2025-01-01 10:00:00')"))
                .collect();
            place.execute(&format!("INSERT INTO tasks VALUES {}", rows.join(", "))).await;
        }
    }
    let connector = place.open().await;
    assert!(connector.capabilities().incremental);
    let (items, end) = list(&*connector, ReadMode::Full).await;
    assert_eq!((items.len(), end.complete), (1200, true));
    let first = end.cursor.unwrap();

    // Everything within the overlap is read again, each row once.
    let (items, end) = list(&*connector, ReadMode::Since(first.clone())).await;
    let mut found: Vec<String> = items.into_iter().map(|item| item.id).collect();
    found.sort();
    found.dedup();
    assert_eq!((found.len(), end.complete), (1200, false));

    place
        .execute("UPDATE tasks SET title = 'u', updated_at = '2025-01-01 10:00:05' WHERE id IN ('r7', 'r9')")
        .await;
    place.execute("UPDATE tasks SET updated_at = NULL WHERE id = 'r3'").await;
    let second = cursor(&*connector, ReadMode::Since(first.clone())).await;
    assert_ne!(first, second);
    assert_eq!(ids(&*connector, ReadMode::Since(second.clone())).await, ["r3", "r7", "r9"]);

    // The overlap finds a row that appears a second late; the high water does not go back.
    place.execute("INSERT INTO tasks VALUES ('late', 't', 1, '2025-01-01 10:00:04')").await;
    assert_eq!(ids(&*connector, ReadMode::Since(second.clone())).await, ["r3", "late", "r7", "r9"]);
    place.execute("DELETE FROM tasks WHERE id IN ('r7', 'r9', 'late')").await;
    assert_eq!(cursor(&*connector, ReadMode::Since(second.clone())).await, second);
}

#[rstest]
#[case::text("TEXT", "'2025-01-01 10:00:00'", "'2025-01-01 10:01:00'", "2026-02-03 04:05:06")]
#[case::rfc("TEXT", "'2025-01-01T10:00:00Z'", "'2025-01-01T10:01:00Z'", "2026-02-03T04:05:06Z")]
#[case::datetime(
    "DATETIME",
    "'2025-01-01 10:00:00.25'",
    "'2025-01-01 10:01:00.5'",
    "2026-02-03 04:05:06.000"
)]
#[case::mixed("TEXT", "'2025-01-01T10:00:00Z'", "'2025-01-01 10:01:00'", "2026-02-03T04:05:06Z")]
#[case::zones(
    "TEXT",
    "'2025-01-01T10:00:00+00:00'",
    "'2025-01-01T12:01:00+02:00'",
    "2026-02-03T04:05:06+00:00"
)]
#[case::seconds("INTEGER", "1735725600", "1735725660", "1770091506")]
#[case::millis("INTEGER", "1735725600123", "1735725660456", "1770091506000")]
#[case::number_as_datetime("TIMESTAMP", "1735725600", "1735725660", "1770091506")]
#[tokio::test]
async fn sqlite_times_keep_their_form(
    #[case] type_name: &str,
    #[case] early: &str,
    #[case] late: &str,
    #[case] written: &str,
) {
    let place = TestPlace::new(On::Sqlite).await;
    place.execute(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, title TEXT, at {type_name})")).await;
    place.execute(&format!("INSERT INTO t VALUES (1, 'a', {early}), (2, 'b', {late})")).await;
    let scope = json!({ "url": place.url(), "table": "t", "modified": "at" });
    let connector = open(&scope).await.unwrap();
    let (items, end) = list(&*connector, ReadMode::Full).await;
    let minute = items[1].modified.unwrap().at - items[0].modified.unwrap().at;
    assert_eq!(minute.num_seconds(), 60, "{items:?}");
    // With mixed forms, the first high water may be too early, never too late.
    let next = cursor(&*connector, ReadMode::Since(end.cursor.unwrap())).await;
    assert_eq!(ids(&*connector, ReadMode::Since(next)).await, ["2"]);
    let item =
        write_one(&*connector, update("1", fields([("title", text("c"))]), Fields::new())).await.unwrap();
    assert_eq!(item.modified.unwrap().at, now());
    place.execute("CREATE TABLE stored AS SELECT CAST(at AS TEXT) AS id FROM t WHERE id = 1").await;
    place.execute("CREATE UNIQUE INDEX only ON stored (id)").await;
    let stored = open(&json!({ "url": place.url(), "table": "stored" })).await.unwrap();
    assert_eq!(ids(&*stored, ReadMode::Full).await, [written]);
}

#[rstest]
#[case::zoned("timestamptz", "'2025-01-01 10:00:00.123456+00'", "'2025-01-01 10:01:00+00'")]
#[case::unzoned("timestamp", "'2025-01-01 10:00:00.123456'", "'2025-01-01 10:01:00'")]
#[case::seconds_only("timestamp(0)", "'2025-01-01 10:00:00'", "'2025-01-01 10:01:00'")]
#[case::date("date", "'2025-01-01'", "'2025-01-03'")]
#[case::epoch("bigint", "1735725600", "1735725660")]
#[case::text("text", "'2025-01-01T10:00:00Z'", "'2025-01-03 10:01:00'")]
#[tokio::test]
async fn postgres_times_keep_their_type(#[case] type_name: &str, #[case] early: &str, #[case] late: &str) {
    let place = TestPlace::new(On::Postgres).await;
    place.execute(&format!("CREATE TABLE t (id int PRIMARY KEY, title text, at {type_name})")).await;
    place.execute(&format!("INSERT INTO t VALUES (1, 'a', {early}), (2, 'b', {late}), (3, 'c', NULL)")).await;
    let scope = json!({ "url": place.url(), "table": "t", "modified": "at" });
    let connector = open(&scope).await.unwrap();
    let cursor = cursor(&*connector, ReadMode::Full).await;
    assert_eq!(ids(&*connector, ReadMode::Since(cursor.clone())).await, ["3", "2"]);
    let item =
        write_one(&*connector, update("1", fields([("title", text("c"))]), Fields::new())).await.unwrap();
    let expected =
        if type_name == "date" { now().date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc() } else { now() };
    assert_eq!(item.modified.unwrap().at, expected);
    assert_eq!(ids(&*connector, ReadMode::Since(cursor)).await, ["3", "2", "1"]);
}

#[rstest]
#[tokio::test]
async fn a_time_in_the_future_does_not_end_reading(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    place.execute("INSERT INTO tasks VALUES ('far', 't', 1, '9999-01-01 00:00:00')").await;
    let connector = place.open().await;
    let first = cursor(&*connector, ReadMode::Full).await;
    // Written just now, by a clock like ours.
    let at = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S");
    place.execute(&format!("INSERT INTO tasks VALUES ('new', 't', 1, '{at}')")).await;
    assert_eq!(ids(&*connector, ReadMode::Since(first)).await, ["new", "far"]);
}

/// The row reports it, and a write of other columns leaves it alone; the other rows keep their form.
#[rstest]
#[tokio::test]
async fn a_modified_time_that_cannot_be_read_is_told_and_stays(#[values(On::Csv, On::Sqlite)] on: On) {
    let place = TestPlace::new(on).await;
    if on == On::Csv {
        let rows = "id,title,points,updated_at\na,t,1,28/Jan/21 5:11 PM\nb,t,1,2026-3-1 9:30:00\n";
        std::fs::write(place.file(), rows).unwrap();
    } else {
        place
            .execute("INSERT INTO tasks VALUES ('a', 't', 1, '28/Jan/21 5:11 PM'), ('b', 't', 1, '2026-3-1 9:30:00')")
            .await;
    }
    let connector = place.open().await;
    let item = fetch(&*connector, "a").await.unwrap();
    let why = item.unread.unwrap();
    assert!(why.contains("\"updated_at\"") && why.contains("28/Jan/21 5:11 PM"), "{why}");
    for id in ["a", "b"] {
        let change = update(id, fields([("title", text("u"))]), Fields::new());
        write_one(&*connector, change).await.unwrap();
    }
    let held = |item: syncline_engine::Item| (item.fields["updated_at"].clone(), item.modified.is_some());
    let (a, b) = (fetch(&*connector, "a").await.unwrap(), fetch(&*connector, "b").await.unwrap());
    assert_eq!(held(a), (text("28/Jan/21 5:11 PM"), false));
    assert_eq!(held(b), (text("2026-02-03 04:05:06"), true));
}

#[rstest]
#[tokio::test]
async fn a_modified_column_that_is_written_itself_is_left_so(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    place.insert("a", "one").await;
    let connector = place.open().await;
    let at = Value::DateTime(syncline_engine::value::Instant::parse("2025-06-01T00:00:00Z").unwrap());
    let change = fields([("title", text("two")), ("updated_at", at)]);
    let item = write_one(&*connector, update("a", change, Fields::new())).await.unwrap();
    assert_eq!(item.modified.unwrap().to_text()[..19], *"2025-06-01T00:00:00");
}
