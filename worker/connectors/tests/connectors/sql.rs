//! What is particular to tables: types, keys, markers, versions, locks, and what errors may say.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value as Json, json};
use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use syncline_connectors::{OpenOptions, platform};
use syncline_engine::{
    Value,
    capability::CreateIdempotency,
    ports::{ConnectorError, ErrorKind, Marker, ReadMode, WriteContext},
    value::{Fields, Instant},
};

use crate::{
    place::{
        Always, On, Place, create, delete, fetch, fields, ids, list, marker, now, open, text, update, write,
        write_one,
    },
    postgres::Database,
};

fn of(place: &Place, table: &str) -> Json {
    json!({ "url": place.url(), "table": table })
}

fn at(text: &str) -> Value {
    Value::DateTime(Instant::parse(text).unwrap())
}

async fn error(scope: Json) -> ConnectorError {
    open(&scope).await.err().unwrap()
}

#[tokio::test]
async fn sqlite_values_have_the_type_they_are_stored_in() {
    let place = Place::new(On::Sqlite).await;
    place.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, b BOOLEAN, d DATE, at DATETIME, n NUMERIC, r REAL, j JSON, x, bytes BLOB, twice AS (id * 2))").await;
    place.execute("INSERT INTO t (id, b, d, at, n, r, j, x, bytes) VALUES (9007199254740993, 1, '2025-01-31', '2025-01-31 10:20:30.5', '12.50', 3, '{\"a\": [1]}', 'text', x'00')").await;
    place
        .execute("INSERT INTO t (id, b, d, at, n, r, x) VALUES (2, 7, 'soon', 'later', 'NaN', 0.5, 5)")
        .await;
    let connector = open(&of(&place, "t")).await.unwrap();
    let item = fetch(&*connector, "9007199254740993").await.unwrap();
    let expected = [
        ("id", Value::Int(9_007_199_254_740_993)),
        ("b", Value::Bool(true)),
        ("d", Value::Date("2025-01-31".parse().unwrap())),
        ("at", at("2025-01-31T10:20:30.5Z")),
        ("n", Value::Float(12.5)),
        ("r", Value::Int(3)),
        ("j", Value::Object(fields([("a", Value::List(vec![Value::Int(1)]))]))),
        ("x", text("text")),
        ("twice", Value::Int(18_014_398_509_481_986)),
    ];
    assert_eq!(item.fields, fields(expected));
    let item = fetch(&*connector, "2").await.unwrap();
    assert_eq!(
        (&item.fields["b"], &item.fields["d"], &item.fields["x"]),
        (&Value::Int(7), &text("soon"), &Value::Int(5))
    );
    let computed =
        write_one(&*connector, update("2", fields([("twice", Value::Int(1))]), Fields::new())).await;
    assert!(computed.unwrap_err().message.contains("\"twice\" is computed"));
}

#[tokio::test]
async fn postgres_values_have_the_type_of_their_column() {
    let place = Place::new(On::Postgres).await;
    place.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')").await;
    place.execute("CREATE TABLE t (id uuid PRIMARY KEY, b boolean, i2 smallint, i8 bigint, f4 real, f8 double precision, n numeric, v varchar(5), c char(3), m mood, d date, ts timestamp, tz timestamptz(0), j json, jb jsonb, ta text[], ia int[], bytes bytea, net inet, gone int)").await;
    place.execute("ALTER TABLE t DROP COLUMN gone").await;
    let connector = open(&of(&place, "t")).await.unwrap();
    let id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    let values = [
        ("b", Value::Bool(true)),
        ("i2", Value::Int(-7)),
        ("i8", Value::Int(i64::MAX)),
        ("f4", Value::Float(0.1)),
        ("f8", Value::Float(1e300)),
        ("n", Value::Text("12345678901234567890.5".to_owned())),
        ("v", text("abc")),
        ("c", text("xy")),
        ("m", text("glad")),
        ("d", Value::Date("2025-01-31".parse().unwrap())),
        ("ts", at("2025-01-31T10:20:30.123456Z")),
        ("tz", at("2025-01-31T10:20:30Z")),
        ("j", Value::Object(fields([("a", Value::Null)]))),
        ("jb", Value::List(vec![text("x"), Value::Int(1)])),
        ("ta", Value::List(vec![text("a,\"b\\"), text(""), Value::Null])),
        ("ia", Value::List(vec![Value::Int(1), Value::Int(2)])),
        ("net", text("10.0.0.0/8")),
    ];
    let asked = Marker { text: "sl-x".to_owned(), id: Some(id.to_owned()) };
    let item = write_one(&*connector, create(asked, fields(values.clone()))).await.unwrap();
    let mut expected = fields(values);
    expected.insert("id".to_owned(), text(id));
    // char(3) pads, and says so.
    assert_eq!(item.fields["c"].to_json().as_str().unwrap().trim_end(), "xy");
    expected.insert("c".to_owned(), item.fields["c"].clone());
    assert_eq!(item.fields, expected);
    let same = update(id, expected.clone(), expected);
    assert_eq!(write_one(&*connector, same).await.unwrap(), item);
    assert_eq!(fetch(&*connector, "no uuid").await, None);

    let numeric = |text: &str| update(id, fields([("n", Value::Text(text.to_owned()))]), Fields::new());
    for (written, read) in [
        ("12.50", Value::Float(12.5)),
        ("7.00", Value::Int(7)),
        ("0.1000000000000000055511151231257827", text("0.1000000000000000055511151231257827")),
    ] {
        assert_eq!(write_one(&*connector, numeric(written)).await.unwrap().fields["n"], read);
    }
}

#[rstest]
#[case("i", text(" 5 "), Some(Value::Int(5)))]
#[case("i", Value::Bool(true), Some(Value::Int(1)))]
#[case("i", text(""), Some(Value::Null))]
#[case("i", text("five"), None)]
#[case("i", Value::Float(1.5), None)]
#[case("r", text("1.5"), Some(Value::Float(1.5)))]
#[case("r", text("x"), None)]
#[case("b", text("TRUE"), Some(Value::Bool(true)))]
#[case("b", Value::Int(0), Some(Value::Bool(false)))]
#[case("b", text("maybe"), None)]
#[case("s", Value::Int(7), Some(text("7")))]
#[case("s", at("2025-01-31T10:20:30Z"), Some(text("2025-01-31T10:20:30Z")))]
#[case("s", Value::List(vec![Value::Int(1)]), Some(text("[1]")))]
#[case("d", text("2025-01-31"), Some(Value::Date("2025-01-31".parse().unwrap())))]
#[case("d", at("2025-01-31T10:20:30Z"), Some(Value::Date("2025-01-31".parse().unwrap())))]
#[case("t", text("2025-01-31T10:20:30+02:00"), Some(at("2025-01-31T08:20:30Z")))]
#[case("t", Value::Date("2025-01-31".parse().unwrap()), Some(at("2025-01-31T00:00:00Z")))]
#[case("t", Value::List(vec![]), Some(Value::Null))]
#[tokio::test]
async fn a_value_takes_the_type_of_its_column(
    #[values(On::Sqlite, On::Postgres)] on: On,
    #[case] column: &str,
    #[case] written: Value,
    #[case] expected: Option<Value>,
) {
    let place = Place::new(on).await;
    let time = if on == On::Sqlite { "DATETIME" } else { "timestamptz" };
    place.execute(&format!("CREATE TABLE t (id text PRIMARY KEY, i integer, r double precision, b boolean, s text, d date, t {time})")).await;
    let connector = open(&of(&place, "t")).await.unwrap();
    let result = write_one(&*connector, create(marker("m"), fields([(column, written.clone())]))).await;
    match expected {
        Some(expected) => {
            let found = result.unwrap().fields[column].clone();
            assert!(found.same(&expected), "{found} is not {expected}");
        }
        None => {
            let refused = result.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Permanent);
            assert!(refused.message.contains(&format!("\"{column}\"")), "{refused}");
            assert!(
                refused.message.contains("table t") && refused.message.contains(&written.to_string()),
                "{refused}"
            );
        }
    }
}

#[rstest]
#[tokio::test]
async fn text_keys_are_paged_in_the_database_s_order(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let odd = ["a", "A", "B", "b", "é", "z", "Z", "-1", "10", "9", " ", "a'b", "a\"b", "_", "ß", "日本"];
    let rows: Vec<String> = (0..70)
        .flat_map(|number| odd.map(|id| format!("('{}{number}', 't', 1, NULL)", id.replace('\'', "''"))))
        .collect();
    place.execute(&format!("INSERT INTO tasks VALUES {}", rows.join(", "))).await;
    let connector = place.open().await;
    let mut found = ids(&*connector, ReadMode::Full).await;
    assert_eq!(found.len(), rows.len());
    let probe = connector.fetch(&found[490..510]).await.unwrap();
    assert_eq!(probe.len(), 20);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), rows.len());
}

#[rstest]
#[case(On::Sqlite, "INTEGER PRIMARY KEY")]
#[case(On::Postgres, "serial PRIMARY KEY")]
#[case(On::Postgres, "bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY")]
#[tokio::test]
async fn a_numbered_key_needs_a_marker_to_be_found_again(#[case] on: On, #[case] key: &str) {
    let place = Place::new(on).await;
    place.execute(&format!("CREATE TABLE t (id {key}, title text, mark text UNIQUE)")).await;
    let plain = open(&of(&place, "t")).await.unwrap();
    assert_eq!(plain.capabilities().create_idempotency, CreateIdempotency::None);
    assert_eq!(plain.probe(&[marker("sl-one")]).await.unwrap(), [None]);
    assert_eq!(write_one(&*plain, create(marker("sl-one"), Fields::new())).await.unwrap().id, "1");

    let mut scope = of(&place, "t");
    scope["marker"] = json!("mark");
    let marked = open(&scope).await.unwrap();
    assert_eq!(marked.capabilities().create_idempotency, CreateIdempotency::Marker);
    let one = || create(marker("sl-one"), fields([("title", text("one"))]));
    let results = write(&*marked, &[one(), create(marker("sl-two"), Fields::new()), one()]).await;
    let found: Vec<String> = results.into_iter().map(|result| result.unwrap().id).collect();
    assert_eq!(found, ["2", "3", "2"]);
    assert_eq!(write_one(&*marked, one()).await.unwrap().id, "2");
    let probed = marked.probe(&[marker("sl-two"), marker("sl-three")]).await.unwrap();
    assert_eq!(probed.map_ids(), [Some("3".to_owned()), None]);
    // The marker is nobody's field.
    assert!(!probed[0].as_ref().unwrap().fields.contains_key("mark"));
    assert!(marked.fields().await.unwrap().iter().all(|field| field.name != "mark"));
    let refused = write_one(&*marked, update("2", fields([("mark", text("x"))]), Fields::new())).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Permanent);
}

trait MapIds {
    fn map_ids(&self) -> Vec<Option<String>>;
}

impl MapIds for Vec<Option<syncline_engine::Item>> {
    fn map_ids(&self) -> Vec<Option<String>> {
        self.iter().map(|item| item.as_ref().map(|item| item.id.clone())).collect()
    }
}

#[rstest]
#[tokio::test]
async fn a_mapped_integer_key_is_native(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.execute("CREATE TABLE t (id integer PRIMARY KEY, title text)").await;
    let options = OpenOptions { mapped_key: true, ..OpenOptions::default() };
    let connector = platform("sql").unwrap().open(&of(&place, "t"), &options).await.unwrap();
    assert_eq!(connector.capabilities().create_idempotency, CreateIdempotency::Native);
    let asked = |id: &str| Marker { text: "sl-one".to_owned(), id: Some(id.to_owned()) };
    let one = |id: &str| create(asked(id), fields([("id", text(id)), ("title", text("one"))]));
    let results = write(&*connector, &[one("41"), one("41"), one("x")]).await;
    assert_eq!(results[0].as_ref().unwrap().id, "41");
    let taken = results[1].as_ref().unwrap_err();
    assert_eq!(taken.kind, ErrorKind::Conflict);
    assert!(taken.message.contains("already has a row with the id \"41\""), "{taken}");
    assert_eq!(results[2].as_ref().unwrap_err().kind, ErrorKind::Permanent);
    assert_eq!(connector.probe(&[asked("41")]).await.unwrap().map_ids(), [Some("41".to_owned())]);
    // Ids that are no such number are not there, rather than an error.
    assert!(
        connector
            .fetch(&["041", "4.1e1", "99999999999999999999", "x"].map(str::to_owned))
            .await
            .unwrap()
            .is_empty()
    );
    if on == On::Postgres {
        let refused = write_one(&*connector, create(marker("sl-two"), Fields::new())).await.unwrap_err();
        assert!(refused.message.contains("needs a value for \"id\""), "{refused}");
    }
}

#[tokio::test]
async fn a_uuid_key_follows_from_the_marker() {
    let place = Place::new(On::Postgres).await;
    place.execute("CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), title text)").await;
    let connector = open(&of(&place, "t")).await.unwrap();
    assert_eq!(connector.capabilities().create_idempotency, CreateIdempotency::Native);
    let one = || create(marker("sl-one"), Fields::new());
    let first = write_one(&*connector, one()).await.unwrap();
    assert_eq!(write_one(&*connector, one()).await.unwrap(), first);
    assert_eq!(connector.probe(&[marker("sl-one")]).await.unwrap(), [Some(first)]);
}

#[rstest]
#[tokio::test]
async fn a_version_guards_the_row(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.execute("CREATE TABLE t (id text PRIMARY KEY, title text, v integer NOT NULL)").await;
    let mut scope = of(&place, "t");
    scope["version"] = json!("v");
    let connector = open(&scope).await.unwrap();
    let item = write_one(&*connector, create(marker("m"), Fields::new())).await.unwrap();
    assert_eq!(item.version.as_deref(), Some("1"));
    let ours = || {
        let mut write = update("m", fields([("title", text("ours"))]), Fields::new());
        write.version = Some("1".to_owned());
        write
    };
    assert_eq!(write_one(&*connector, ours()).await.unwrap().version.as_deref(), Some("2"));
    let refused = write_one(&*connector, ours()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(refused.message.contains("version was 1 and is 2"), "{refused}");
}

#[rstest]
#[tokio::test]
async fn triggers_and_defaults_show_in_the_result(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.execute("CREATE TABLE t (id text PRIMARY KEY, title text, state text NOT NULL DEFAULT 'open', shout text)").await;
    if on == On::Sqlite {
        place.execute("CREATE TRIGGER loud AFTER INSERT ON t BEGIN UPDATE t SET shout = upper(title) WHERE id = NEW.id; END").await;
    } else {
        place.execute("CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.shout = upper(NEW.title); RETURN NEW; END $$; CREATE TRIGGER loud BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION loud()").await;
    }
    let connector = open(&of(&place, "t")).await.unwrap();
    let new = fields([("title", text("one")), ("state", Value::Null)]);
    let item = write_one(&*connector, create(marker("m"), new)).await.unwrap();
    assert_eq!((&item.fields["shout"], &item.fields["state"]), (&text("ONE"), &text("open")));
}

#[rstest]
#[tokio::test]
async fn odd_names_are_quoted(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place
        .execute(
            r#"CREATE TABLE "order ""by""" ("select" text PRIMARY KEY, "a ""b""; --" text, "Über" text)"#,
        )
        .await;
    let connector =
        open(&json!({ "url": place.url(), "table": "order \"by\"", "key": "select" })).await.unwrap();
    let new = fields([("a \"b\"; --", text("'; DROP TABLE tasks; --")), ("Über", text("$1"))]);
    let item = write_one(&*connector, create(marker("m"), new.clone())).await.unwrap();
    assert_eq!(item.fields["Über"], text("$1"));
    assert_eq!(item.fields["a \"b\"; --"], new["a \"b\"; --"]);
    write_one(&*connector, delete("m")).await.unwrap();
    assert!(place.open().await.fetch(&["m".to_owned()]).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn a_schema_may_be_named(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let table = if on == On::Sqlite { "main.tasks" } else { "public.tasks" };
    assert_eq!(ids(&*open(&of(&place, table)).await.unwrap(), ReadMode::Full).await.len(), 0);
    let missing = error(of(&place, "elsewhere.tasks")).await;
    assert!(missing.message.contains("there is no table elsewhere.tasks; it has tasks"), "{missing}");
}

#[rstest]
#[tokio::test]
async fn what_does_not_fit_is_said_on_opening(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let scope = |field: &str, value: &str| {
        let mut scope = of(&place, "tasks");
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
    let missing = error(of(&place, "tusks")).await;
    assert!(missing.message.contains("there is no table tusks; it has tasks"), "{missing}");
    let loose = error(scope("key", "title")).await;
    assert!(loose.message.contains("\"title\" is not unique"), "{loose}");
}

#[rstest]
#[tokio::test]
async fn rows_without_a_key_are_refused(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.execute("CREATE TABLE t (id text UNIQUE, title text)").await;
    place.execute("INSERT INTO t VALUES ('a', 'x'), (NULL, 'y')").await;
    let connector = open(&of(&place, "t")).await.unwrap();
    let error = connector.list(ReadMode::Full).await.err().unwrap();
    assert!(error.message.contains("a row has no \"id\""), "{error}");
}

#[rstest]
#[tokio::test]
async fn a_view_can_be_read(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    place.insert("a", "one").await;
    place.execute("CREATE VIEW v AS SELECT id, title FROM tasks").await;
    let (items, end) = list(&*open(&of(&place, "v")).await.unwrap(), ReadMode::Full).await;
    assert_eq!((items.len(), end.complete), (1, true));
    place.execute("CREATE VIEW w AS SELECT id FROM tasks UNION ALL SELECT id FROM tasks").await;
    let connector = open(&of(&place, "w")).await.unwrap();
    let error = connector.list(ReadMode::Full).await.unwrap().next_page().await.unwrap_err();
    assert!(error.message.contains("two rows have the id \"a\""), "{error}");
}

#[tokio::test]
async fn a_locked_file_is_transient() {
    let place = Place::new(On::Sqlite).await;
    place.insert("a", "one").await;
    let connector = place.open().await;
    let mut other = SqliteConnectOptions::new().filename(place.file()).connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let context = WriteContext { leave: &Always, now: now() };
    let started = std::time::Instant::now();
    let error = connector.write(&[delete("a")], &context).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.ends_with("tasks.db is locked by another program; tried for 5 s"), "{error}");
    assert!(started.elapsed() >= Duration::from_secs(4));
    other.execute("ROLLBACK").await.unwrap();
    assert!(write_one(&*connector, delete("a")).await.is_ok());
}

#[tokio::test]
async fn a_missing_or_foreign_file_is_permanent_and_not_created() {
    let place = Place::new(On::Sqlite).await;
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
    let place = Place::new(On::Sqlite).await;
    let connector =
        open(&json!({ "url": format!("{}?mode=ro", place.url()), "table": "tasks" })).await.unwrap();
    let context = WriteContext { leave: &Always, now: now() };
    let error = connector.write(&[create(marker("m"), Fields::new())], &context).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.contains("may not be written"), "{error}");
}

#[tokio::test]
async fn the_journal_mode_stays_as_it_is() {
    let place = Place::new(On::Sqlite).await;
    write_one(&*place.open().await, create(marker("m"), Fields::new())).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(place.file()).connect().await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
    assert_eq!(mode, "delete");
    connection.close().await.unwrap();
}

#[tokio::test]
async fn passwords_are_in_no_error() {
    let database = Database::create().await;
    database.execute("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'").await;
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
    let place = Place::new(On::Postgres).await;
    place.insert("a", "one").await;
    let options = OpenOptions { timeout: Duration::from_millis(300), ..OpenOptions::default() };
    let connector = platform("sql").unwrap().open(&of(&place, "tasks"), &options).await.unwrap();
    let mut other = sqlx::PgConnection::connect(&place.url()).await.unwrap();
    other.execute("BEGIN").await.unwrap();
    other.execute("UPDATE tasks SET title = 'theirs' WHERE id = 'a'").await.unwrap();
    let context = WriteContext { leave: &Always, now: now() };
    let error = connector.write(&[delete("a")], &context).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    other.execute("COMMIT").await.unwrap();
    // Their edit is seen, and an expectation of what was before refuses ours.
    let mut ours = delete("a");
    ours.expected = fields([("title", text("one"))]);
    assert_eq!(write_one(&*connector, ours).await.unwrap_err().kind, ErrorKind::Conflict);
}

#[rstest]
#[tokio::test]
async fn many_rows_are_quick(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = Place::new(on).await;
    let connector = place.open().await;
    let started = std::time::Instant::now();
    for batch in 0..20 {
        let writes: Vec<_> = (0..500)
            .map(|number| {
                create(
                    marker(&format!("m{batch}-{number}")),
                    fields([("title", text("t")), ("points", Value::Int(number))]),
                )
            })
            .collect();
        assert!(write(&*connector, &writes).await.iter().all(Result::is_ok));
    }
    // Far above what it takes, even unoptimised: this finds only what is quadratic.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(ids(&*connector, ReadMode::Full).await.len(), 10_000);
}
