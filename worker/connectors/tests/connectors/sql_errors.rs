//! What a table connector refuses, and what its errors may say.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value as Json, json};
use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use syncline_connectors::{Opening, platform};
use syncline_engine::{
    Value,
    ports::{ConnectorError, ErrorKind, ReadMode},
    value::Fields,
};
use syncline_support::postgres::Database;

use crate::place::{
    On, TestPlace, call, create, delete, fields, ids, marker, not_sent, open, text, write, write_one,
};

async fn error(scope: Json) -> ConnectorError {
    open(&scope).await.err().unwrap()
}

#[rstest]
#[tokio::test]
async fn a_schema_may_be_named(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    let table = if on == On::Sqlite { "main.tasks" } else { "public.tasks" };
    assert_eq!(ids(&*open(&place.table(table)).await.unwrap(), ReadMode::Full).await.len(), 0);
    let missing = error(place.table("elsewhere.tasks")).await;
    assert!(missing.message.contains("there is no table elsewhere.tasks; it has tasks"), "{missing}");
}

#[rstest]
#[tokio::test]
async fn what_does_not_fit_is_said_on_opening(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    let scope = |field: &str, value: &str| {
        let mut scope = place.table("tasks");
        scope[field] = json!(value);
        scope
    };
    for field in ["key", "modified", "version", "marker"] {
        let missing = error(scope(field, "nowhere")).await;
        assert_eq!(missing.kind, ErrorKind::Permanent);
        let expected =
            format!("\"nowhere\", which `{field}` names; the columns are id, title, points, updated_at");
        assert!(missing.message.contains(&expected), "{missing}");
    }
    let missing = error(place.table("tusks")).await;
    assert!(missing.message.contains("there is no table tusks; it has tasks"), "{missing}");
    let loose = error(scope("key", "title")).await;
    assert!(loose.message.contains("\"title\" is not unique"), "{loose}");
}

#[tokio::test]
async fn a_locked_file_is_transient() {
    let place = TestPlace::new(On::Sqlite).await;
    place.insert("a", "one").await;
    let connector = place.open().await;
    let mut other = SqliteConnectOptions::new().filename(place.file()).connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let started = std::time::Instant::now();
    let error = not_sent(&*connector, &[delete("a")], &call()).await;
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.ends_with("tasks.db is locked by another program; tried for 5 s"), "{error}");
    assert!(started.elapsed() >= Duration::from_secs(4));
    other.execute("ROLLBACK").await.unwrap();
    assert!(write_one(&*connector, delete("a")).await.is_ok());
}

#[tokio::test]
async fn a_missing_or_foreign_file_is_permanent_and_not_created() {
    let place = TestPlace::new(On::Sqlite).await;
    let path = place.folder.path().join("none.db");
    let scope =
        |parameters: &str| json!({ "url": format!("sqlite://{}{parameters}", path.display()), "table": "t" });
    let missing = error(scope("?mode=rwc")).await;
    assert_eq!(missing.kind, ErrorKind::Permanent);
    assert!(missing.message.contains("none.db: there is no such database file"), "{missing}");
    assert!(!path.exists());
    std::fs::write(&path, "this is no database, but it is long enough to be mistaken for one".repeat(20))
        .unwrap();
    let foreign = error(scope("")).await;
    assert_eq!(foreign.kind, ErrorKind::Permanent);
    assert!(foreign.message.contains("is no SQLite database"), "{foreign}");
}

#[tokio::test]
async fn a_read_only_database_is_permanent() {
    let place = TestPlace::new(On::Sqlite).await;
    let connector =
        open(&json!({ "url": format!("{}?mode=ro", place.url()), "table": "tasks" })).await.unwrap();
    let error = not_sent(&*connector, &[create(marker("m"), Fields::new())], &call()).await;
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.contains("may not be written"), "{error}");
}

#[tokio::test]
async fn the_journal_mode_stays_as_it_is() {
    let place = TestPlace::new(On::Sqlite).await;
    write_one(&*place.open().await, create(marker("m"), Fields::new())).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(place.file()).connect().await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
    assert_eq!(mode, "delete");
    connection.close().await.unwrap();
}

#[tokio::test]
async fn passwords_are_in_no_error() {
    let database = Database::create().await.unwrap();
    database.execute("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'").await.unwrap();
    let wrong = error(json!({ "url": database.locked_url("hunter2"), "table": "t" })).await;
    assert_eq!(wrong.kind, ErrorKind::Auth);
    assert!(wrong.message.contains("password authentication failed"), "{wrong}");
    let missing = error(json!({ "url": database.url() + "_not", "table": "t" })).await;
    assert_eq!(missing.kind, ErrorKind::Permanent);
    let url = "postgres://user:hunter2@127.0.0.1:1/db";
    let refused = error(json!({ "url": url, "table": "t" })).await;
    assert_eq!(refused.kind, ErrorKind::Transient);
    assert!(refused.message.starts_with("user@127.0.0.1:1/db: the server cannot be reached"), "{refused}");
    for error in [wrong, missing, refused] {
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_row_locked_by_another_program_is_transient() {
    let place = TestPlace::new(On::Postgres).await;
    place.insert("a", "one").await;
    let scope = place.table("tasks");
    let opening = Opening { timeout: Duration::from_millis(300), ..Opening::new(&scope) };
    let connector = platform("sql").unwrap().open(&opening, &call()).await.unwrap();
    let mut other = sqlx::PgConnection::connect(&place.url()).await.unwrap();
    other.execute("BEGIN").await.unwrap();
    other.execute("UPDATE tasks SET title = 'theirs' WHERE id = 'a'").await.unwrap();
    let error = not_sent(&*connector, &[delete("a")], &call()).await;
    assert_eq!(error.kind, ErrorKind::Transient);
    other.execute("COMMIT").await.unwrap();
    // Their edit is seen, and an expectation of what was before refuses ours.
    let mut ours = delete("a");
    ours.expected = fields([("title", text("one"))]);
    assert_eq!(write_one(&*connector, ours).await.unwrap_err().kind, ErrorKind::Conflict);
}

/// A check constraint, and a type.
#[rstest]
#[tokio::test]
async fn rows_that_the_database_refuses_leave_the_others(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    let connector = place.open().await;
    let writes = [
        create(marker("m1"), fields([("title", text("one"))])),
        create(marker("m2"), fields([("title", text("bad"))])),
        create(marker("m3"), fields([("points", text("many"))])),
        create(marker("m4"), fields([("title", text("four"))])),
    ];
    let results = write(&*connector, &writes).await;
    let kinds: Vec<Option<ErrorKind>> = results.iter().map(|r| r.as_ref().err().map(|e| e.kind)).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Permanent), Some(ErrorKind::Permanent), None]);
    let kind = results[2].as_ref().unwrap_err();
    assert!(kind.message.contains("points") && kind.message.contains("\"many\""), "{kind}");
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["m1", "m4"]);
}

#[rstest]
#[case::unique(On::Sqlite, "title text UNIQUE", text("taken"), "UNIQUE constraint failed: t.title")]
#[case::unique(On::Postgres, "title text UNIQUE", text("taken"), "Key (title)=(taken) already exists")]
#[case::not_null(On::Sqlite, "title INTEGER NOT NULL", Value::Null, "\"title\" (INTEGER) is NOT NULL")]
#[case::not_null(On::Postgres, "title integer NOT NULL", Value::Null, "\"title\" (integer) is NOT NULL")]
#[case::length(On::Postgres, "title varchar(6)", text("too long"), "a text of 8 characters; it takes 6")]
#[case::choice(On::Postgres, "title interval", text("no time"), "invalid input syntax for type interval")]
#[case::range(On::Postgres, "title smallint", Value::Int(40_000), "\"title\" (smallint) cannot take 40000")]
#[tokio::test]
async fn a_refusal_names_table_column_and_value(
    #[case] on: On,
    #[case] column: &str,
    #[case] value: Value,
    #[case] expected: &str,
) {
    let place = TestPlace::new(on).await;
    place.execute(&format!("CREATE TABLE t (id text PRIMARY KEY, {column})")).await;
    let connector = open(&place.table("t")).await.unwrap();
    if expected.contains("UNIQUE") || expected.contains("already") {
        place.execute("INSERT INTO t VALUES ('other', 'taken')").await;
    }
    let refused = write_one(&*connector, create(marker("m"), fields([("title", value)]))).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Permanent);
    assert!(refused.message.contains("table t") && refused.message.contains(expected), "{refused}");
}

#[tokio::test]
async fn a_trigger_that_ends_the_transaction_keeps_no_other_row_out() {
    let place = TestPlace::new(On::Sqlite).await;
    let stop = "CREATE TRIGGER stop BEFORE INSERT ON tasks WHEN NEW.title = 'stop' BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
    place.execute(stop).await;
    let connector = place.open().await;
    let titled = |id: &str| create(marker(id), fields([("title", text(id))]));
    let results = write(&*connector, &[titled("a"), titled("stop"), titled("b")]).await;
    let error = results[1].as_ref().unwrap_err();
    assert!(error.message.ends_with("a new row was refused: no; to be written: title = \"stop\""), "{error}");
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["a", "b"]);
}
