//! A listing has each row as a reading by id has it, whatever the columns hold.

use rstest::rstest;
use syncline_connectors::{Opening, platform};
use syncline_engine::ports::{Place, ReadMode};

use crate::place::{On, TestPlace, call, fetch_all, list, open};

/// Values of every storage class, and texts that a list of values in JSON could spoil.
const VALUES: &str = r#"
    (1, 9223372036854775807), (2, -9223372036854775808), (3, 9007199254740993), (4, NULL), (5, ''), (6, '5'),
    (7, 'null'), (8, '"a\b"' || char(10, 13, 9, 1, 127, 8232)), (9, 'é😀' || char(65279)), (10, '[1,{"a":2}]'),
    (11, 'x' || char(0) || 'y'), (12, 'true'), (13, '-0'), (14, '1e3')"#;

#[rstest]
#[case::whole_numbers_and_texts("")]
#[case::a_float(", (15, 0.1)")]
#[case::a_large_float(", (15, 1e300)")]
#[case::a_whole_float(", (15, 5.0)")]
#[case::an_infinite_float(", (15, 9e999)")]
#[case::text_as_bytes(", (15, CAST('é' AS BLOB))")]
#[case::bytes_that_sqlite_takes_for_json(", (15, x'1335'), (16, x'00')")]
#[case::a_large_text(", (15, CAST(zeroblob(5000000) AS TEXT))")]
#[tokio::test]
async fn a_page_has_what_the_rows_have(#[case] more: &str) {
    for kind in ["", "TEXT", "INTEGER", "NUMERIC", "JSON", "BOOLEAN", "DATETIME"] {
        let place = TestPlace::new(On::Sqlite).await;
        place
            .execute(&format!(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, v {kind}); INSERT INTO t VALUES {VALUES}{more}"
            ))
            .await;
        is_listed_as_read(&*open(&place.table("t")).await.unwrap()).await;
    }
}

#[tokio::test]
async fn computed_columns_and_views_are_listed_as_they_are_read() {
    let place = TestPlace::new(On::Sqlite).await;
    place
        .execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, j TEXT AS (json_extract(v, '$.a')), k AS (json(v))); \
             INSERT INTO t (id, v) VALUES (1, '{\"a\":\"5\"}'), (2, '{\"a\":[1, 2]}'), (3, '7'); \
             CREATE VIEW w AS SELECT id, json_extract(v, '$.a') AS j, json(v) AS k FROM t",
        )
        .await;
    is_listed_as_read(&*open(&place.table("t")).await.unwrap()).await;
    is_listed_as_read(&*open(&place.table("w")).await.unwrap()).await;
}

/// More columns than a function of SQLite takes arguments.
#[tokio::test]
async fn wide_tables_are_listed() {
    let place = TestPlace::new(On::Sqlite).await;
    let columns: Vec<String> = (0..400).map(|number| format!("c{number} TEXT DEFAULT '{number}'")).collect();
    let table = format!("CREATE TABLE t (id INTEGER PRIMARY KEY, {})", columns.join(", "));
    place.execute(&format!("{table}; INSERT INTO t (id) VALUES (1), (2), (3)")).await;
    is_listed_as_read(&*open(&place.table("t")).await.unwrap()).await;
}

#[rstest]
#[tokio::test]
async fn listed_items_have_the_mapped_fields(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    place.insert("a", "first").await;
    let scope = place.scope();
    let fields = ["title".to_owned()];
    let opening = Opening { fields: &fields, ..Opening::new(&scope) };
    let table = platform("sql").unwrap().open(&opening, &call()).await.unwrap();
    let listed = list(&*table, ReadMode::Full).await.0;
    let names: Vec<&str> = listed[0].fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["id", "title"]);
    // The time of the last change is read all the same.
    assert!(listed[0].modified.is_some());
}

async fn is_listed_as_read(table: &dyn Place) {
    let listed = list(table, ReadMode::Full).await.0;
    assert!(listed.len() >= 3);
    let ids: Vec<String> = listed.iter().map(|item| item.id.clone()).collect();
    let mut read = fetch_all(table, &ids).await;
    read.sort_by_key(|item| item.id.parse::<i64>().unwrap());
    assert_eq!(listed, read);
}
