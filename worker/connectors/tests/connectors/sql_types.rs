//! Types of columns, and their values in both directions.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Value,
    mapping::read_as,
    ports::{ErrorKind, Marker, ReadMode},
    spec::FieldType,
    value::{Fields, Instant},
};

use crate::place::{
    On, TestPlace, create, delete, fetch, fields, ids, marker, open, text, update, write, write_one,
};

fn at(text: &str) -> Value {
    Value::DateTime(Instant::parse(text).unwrap())
}

#[tokio::test]
async fn sqlite_values_have_the_type_they_are_stored_in() {
    let place = TestPlace::new(On::Sqlite).await;
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, b BOOLEAN, d DATE, at DATETIME, n NUMERIC, r REAL, \
         j JSON, x, bytes BLOB, twice AS (id * 2))";
    place.execute(sql).await;
    let sql = "INSERT INTO t (id, b, d, at, n, r, j, x, bytes) VALUES (9007199254740993, 1, '2025-01-31', \
         '2025-01-31 10:20:30.5', '12.50', 3, '{\"a\": [1]}', 'text', x'00')";
    place.execute(sql).await;
    place
        .execute("INSERT INTO t (id, b, d, at, n, r, x) VALUES (2, 7, 'soon', 'later', 'NaN', 0.5, 5)")
        .await;
    let connector = open(&place.table("t")).await.unwrap();
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
    let place = TestPlace::new(On::Postgres).await;
    place.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')").await;
    let sql = "CREATE TABLE t (id uuid PRIMARY KEY, b boolean, i2 smallint, i8 bigint, f4 real, f8 double \
         precision, n numeric, v varchar(5), c char(3), m mood, d date, ts timestamp, tz \
         timestamptz(0), j json, jb jsonb, ta text[], ia int[], bytes bytea, net inet, gone int)";
    place.execute(sql).await;
    place.execute("ALTER TABLE t DROP COLUMN gone").await;
    let connector = open(&place.table("t")).await.unwrap();
    let id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    let values = [
        ("b", Value::Bool(true)),
        ("i2", Value::Int(-7)),
        ("i8", Value::Int(i64::MAX)),
        ("f4", Value::Float(0.1)),
        ("f8", Value::Float(1e300)),
        ("n", Value::number("12345678901234567890.5").unwrap()),
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
    // char(3) pads, and the item shows it.
    assert_eq!(item.fields["c"].to_json().as_str().unwrap().trim_end(), "xy");
    expected.insert("c".to_owned(), item.fields["c"].clone());
    assert_eq!(item.fields, expected);
    let same = update(id, expected.clone(), expected);
    assert_eq!(write_one(&*connector, same).await.unwrap(), item);
    assert_eq!(fetch(&*connector, "no uuid").await, None);

    let numeric = |text: &str| update(id, fields([("n", Value::Text(text.to_owned()))]), Fields::new());
    for written in ["12.50", "7.00", "0.1000000000000000055511151231257827", "NaN"] {
        let item = write_one(&*connector, numeric(written)).await.unwrap();
        assert_eq!(cell(&item.fields["n"]), written);
    }
}

/// A value as text.
fn cell(value: &Value) -> String {
    match read_as(value, FieldType::String).unwrap() {
        Value::Text(text) => text,
        other => other.to_string(),
    }
}

/// The content of a column after a write; none if the write is refused by name.
#[rstest]
#[case::numeric(On::Postgres, "numeric", "12345678901234567.89", Some("12345678901234567.89"))]
#[case::written(On::Postgres, "numeric", "1.50", Some("1.50"))]
#[case::exponent(On::Postgres, "numeric", "1e5", Some("100000"))]
#[case::unsigned(On::Postgres, "numeric", "18446744073709551615", Some("18446744073709551615"))]
#[case::scaled(On::Postgres, "numeric(10,2)", "1.5", Some("1.50"))]
#[case::zeros(On::Postgres, "numeric(10,2)", "1.5000", Some("1.50"))]
#[case::rounded(On::Postgres, "numeric(10,2)", "1.005", None)]
#[case::wide(On::Postgres, "numeric(4,2)", "100", None)]
#[case::hundreds(On::Postgres, "numeric(3,-2)", "12300", Some("12300"))]
#[case::tens(On::Postgres, "numeric(3,-2)", "12345", None)]
#[case::domain(On::Postgres, "price", "1.005", None)]
#[case::money(On::Postgres, "money", "12.345", None)]
#[case::double(On::Postgres, "double precision", "0.1", Some("0.1"))]
#[case::double_digits(On::Postgres, "double precision", "12345678901234567.89", None)]
#[case::double_whole(On::Postgres, "double precision", "9007199254740993", None)]
#[case::single(On::Postgres, "real", "0.1", Some("0.1"))]
#[case::single_digits(On::Postgres, "real", "0.123456789", None)]
#[case::bigint(On::Postgres, "bigint", "18446744073709551615", None)]
#[case::whole(On::Postgres, "bigint", "5.0", Some("5"))]
#[case::fraction(On::Postgres, "bigint", "5.5", None)]
#[case::numerics(
    On::Postgres,
    "numeric[]",
    "[12345678901234567890.12,1.50]",
    Some("[12345678901234567890.12,1.50]")
)]
#[case::floats(On::Postgres, "float8[]", "[12345678901234567890.12]", None)]
#[case::rounded_element(On::Postgres, "numeric(10,2)[]", "[1.005]", None)]
#[case::matrix(On::Postgres, "bigint[]", "[[1,2],[3,4]]", Some("[[1,2],[3,4]]"))]
#[case::json(
    On::Postgres,
    "json",
    r#"{"a":1.50,"b":12345678901234567890123}"#,
    Some(r#"{"a":1.50,"b":12345678901234567890123}"#)
)]
#[case::jsonb(
    On::Postgres,
    "jsonb",
    r#"{"a":1.50,"b":18446744073709551615}"#,
    Some(r#"{"a":1.50,"b":18446744073709551615}"#)
)]
#[case::lite_numeric(On::Sqlite, "NUMERIC", "0.1", Some("0.1"))]
#[case::lite_numeric_whole_float(On::Sqlite, "NUMERIC", "5212345678901234700.0", Some("5212345678901234700"))]
#[case::lite_numeric_digits(On::Sqlite, "NUMERIC", "12345678901234567.89", None)]
#[case::lite_decimal(On::Sqlite, "DECIMAL(10,2)", "0.12345678901234567890", None)]
#[case::lite_real(On::Sqlite, "REAL", "9007199254740993", None)]
#[case::lite_integer(On::Sqlite, "INTEGER", "18446744073709551615", None)]
#[case::lite_text(On::Sqlite, "TEXT", "12345678901234567.89", Some("12345678901234567.89"))]
#[case::lite_untyped(On::Sqlite, "", "007", Some("007"))]
#[case::lite_other(On::Sqlite, "STRING", "007", None)]
#[case::lite_other_digits(On::Sqlite, "MONEY", "12345678901234567.89", None)]
#[case::lite_other_text(On::Sqlite, "STRING", "a7", Some("a7"))]
#[case::lite_json(
    On::Sqlite,
    "JSON",
    r#"{"b":12345678901234567890123}"#,
    Some(r#"{"b":12345678901234567890123}"#)
)]
#[case(On::Postgres, "json", r#"{"a":1,"a":2}"#, Some(r#"{"a":1,"a":2}"#))]
#[case(On::Postgres, "jsonb", r#"{"a":1,"a":2}"#, None)]
#[tokio::test]
async fn a_number_arrives_digit_for_digit_or_is_refused_by_name(
    #[case] on: On,
    #[case] type_name: &str,
    #[case] written: &str,
    #[case] held: Option<&str>,
) {
    let place = TestPlace::new(on).await;
    if on == On::Postgres {
        place.execute("CREATE DOMAIN price AS numeric(10,2)").await;
    }
    place.execute(&format!("CREATE TABLE t (id text PRIMARY KEY, n {type_name})")).await;
    let connector = open(&place.table("t")).await.unwrap();
    let typed = if written.starts_with(['[', '{']) { FieldType::Json } else { FieldType::Number };
    let mut values = vec![text(written)];
    // Only the type makes "007" a number.
    if !["", "STRING"].contains(&type_name) {
        values.push(read_as(&text(written), typed).unwrap());
    }
    for (number, value) in values.into_iter().enumerate() {
        let new = create(marker(&format!("m{number}")), fields([("n", value)]));
        match (write_one(&*connector, new).await, held) {
            (Ok(item), held) => assert_eq!(Some(cell(&item.fields["n"]).as_str()), held),
            (Err(refused), None) => assert!(refused.message.contains("\"n\""), "{refused}"),
            (Err(refused), Some(_)) => panic!("{refused}"),
        }
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
#[case("i", text("1e3"), Some(Value::Int(1000)))]
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
    let place = TestPlace::new(on).await;
    let time = if on == On::Sqlite { "DATETIME" } else { "timestamptz" };
    let sql = format!(
        "CREATE TABLE t (id text PRIMARY KEY, i integer, r double precision, b boolean, s text, d \
         date, t {time})"
    );
    place.execute(&sql).await;
    let connector = open(&place.table("t")).await.unwrap();
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
async fn triggers_and_defaults_show_in_the_result(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    let sql = "CREATE TABLE t (id text PRIMARY KEY, title text, state text NOT NULL DEFAULT 'open', shout \
         text)";
    place.execute(sql).await;
    if on == On::Sqlite {
        let sql = "CREATE TRIGGER loud AFTER INSERT ON t BEGIN UPDATE t SET shout = upper(title) WHERE id \
             = NEW.id; END";
        place.execute(sql).await;
    } else {
        let sql = "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.shout = \
             upper(NEW.title); RETURN NEW; END $$; CREATE TRIGGER loud BEFORE INSERT ON t FOR EACH \
             ROW EXECUTE FUNCTION loud()";
        place.execute(sql).await;
    }
    let connector = open(&place.table("t")).await.unwrap();
    let new = fields([("title", text("one")), ("state", Value::Null)]);
    let item = write_one(&*connector, create(marker("m"), new)).await.unwrap();
    assert_eq!((&item.fields["shout"], &item.fields["state"]), (&text("ONE"), &text("open")));
}

#[rstest]
#[tokio::test]
async fn odd_names_are_quoted(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
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
    assert!(fetch(&*place.open().await, "m").await.is_none());
}

#[rstest]
#[tokio::test]
async fn many_rows_are_quick(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
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
    // Far more than it takes, even unoptimised: only quadratic time fails this.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(ids(&*connector, ReadMode::Full).await.len(), 10_000);
}

#[rstest]
#[case("time", "10:00", Some("10:00:00"))]
#[case("time", "10:00:00.123456", Some("10:00:00.123456"))]
#[case("time", "10:00:60", None)]
#[case("time", "5:11 PM", None)]
#[case("time", "10:00+02", None)]
#[case("time", "10:00:00.1234567", None)]
#[case("time(0)", "10:00:00.5", None)]
#[case("time(3)", "10:00:00.125", Some("10:00:00.125"))]
#[case("timetz", "10:00+02", Some("10:00:00+02"))]
#[case("timetz", "10:00", None)]
#[case("text[]", "a,c", Some("a,c"))]
#[case("text[]", "hello, world", None)]
#[case("text[]", "{a,b}", None)]
#[case("text[]", "a,,b", None)]
#[case("json", r#""13""#, Some(r#""13""#))]
#[case("jsonb", r#""text""#, Some("text"))]
#[tokio::test]
async fn text_arrives_as_it_is_or_is_refused(
    #[case] type_name: &str,
    #[case] written: &str,
    #[case] held: Option<&str>,
) {
    let place = TestPlace::new(On::Postgres).await;
    place.execute(&format!("CREATE TABLE t (id text PRIMARY KEY, n {type_name})")).await;
    let connector = open(&place.table("t")).await.unwrap();
    let new = create(marker("m"), fields([("n", text(written))]));
    match (write_one(&*connector, new).await, held) {
        (Ok(item), held) => {
            let held = held.map(text);
            let found = read_as(&item.fields["n"], FieldType::String).unwrap();
            assert_eq!(Some(found), held);
        }
        (Err(refused), None) => assert!(refused.message.contains("\"n\""), "{refused}"),
        (Err(refused), Some(_)) => panic!("{refused}"),
    }
}
