//! A refused row is named, leaves nothing behind, and does not affect other rows.

use rstest::rstest;
use syncline_connectors::{Opening, platform};
use syncline_engine::{
    Value,
    ports::{Place, ReadMode},
};

use crate::place::{
    On, TestPlace, call, create, delete, fetch, fields, ids, marker, open, text, update, write, write_one,
};

async fn table(place: &TestPlace, sql: &str) -> Box<dyn Place> {
    place.execute(sql).await;
    open(&place.table("t")).await.unwrap()
}

fn row(id: &str, name: &str, value: Value) -> syncline_engine::ports::Write {
    create(marker(id), fields([("id", text(id)), (name, value)]))
}

#[tokio::test]
async fn a_row_that_a_trigger_puts_elsewhere_leaves_nothing_behind() {
    let place = TestPlace::new(On::Postgres).await;
    let connector = table(
        &place,
        "CREATE TABLE t (id serial PRIMARY KEY, v text); CREATE TABLE elsewhere () INHERITS (t); CREATE FUNCTION \
         f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO elsewhere VALUES (new.*); RETURN null; END'; \
         CREATE TRIGGER redirects BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    .await;
    for _ in 0..2 {
        let results = write(&*connector, &[create(marker("sl-a"), fields([("v", text("a"))]))]).await;
        let error = results[0].as_ref().unwrap_err();
        assert!(error.message.contains("redirects"), "{error}");
    }
    assert_eq!(ids(&*connector, ReadMode::Full).await.len(), 0);
}

#[rstest]
#[case(
    On::Sqlite,
    "CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT); CREATE TRIGGER eats AFTER INSERT ON t WHEN new.v = 'bad' BEGIN DELETE FROM t WHERE id = new.id; END"
)]
#[case(
    On::Sqlite,
    "CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT); CREATE TRIGGER eats BEFORE INSERT ON t WHEN new.v = 'bad' BEGIN SELECT RAISE(IGNORE); END"
)]
#[case(
    On::Sqlite,
    "CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT); CREATE TRIGGER eats BEFORE INSERT ON t WHEN new.v = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'eats'); END"
)]
#[case(
    On::Postgres,
    "CREATE TABLE t (id text PRIMARY KEY, v text); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF new.v = ''bad'' THEN RAISE ''eats'' USING ERRCODE = ''PT422''; END IF; RETURN new; END'; CREATE TRIGGER eats BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"
)]
#[case(
    On::Postgres,
    "CREATE TABLE t (id text PRIMARY KEY, v text); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM t WHERE v = ''bad''; RETURN null; END'; CREATE TRIGGER eats AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"
)]
#[case(
    On::Postgres,
    "CREATE TABLE t (id text PRIMARY KEY, v text); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''eats''; END'; CREATE CONSTRAINT TRIGGER eats AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.v = 'bad') EXECUTE FUNCTION f()"
)]
#[tokio::test]
async fn a_row_that_a_trigger_refuses_is_named_and_the_others_are_written(#[case] on: On, #[case] sql: &str) {
    let place = TestPlace::new(on).await;
    let connector = table(&place, sql).await;
    let rows = [row("1", "v", text("x")), row("2", "v", text("bad")), row("3", "v", text("z"))];
    let results = write(&*connector, &rows).await;
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    let error = results[1].as_ref().unwrap_err();
    assert!(error.message.contains("eats") && error.message.contains("table t: "), "{error}");
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["1", "3"]);
}

#[tokio::test]
async fn a_rule_that_does_not_tell_its_rows_keeps_inserts_out_and_no_updates() {
    let place = TestPlace::new(On::Postgres).await;
    let connector = table(
        &place,
        "CREATE TABLE t (id text PRIMARY KEY, v text); INSERT INTO t VALUES ('a', 'x'); CREATE TABLE elsewhere (LIKE t); \
         CREATE RULE moves AS ON INSERT TO t DO INSTEAD INSERT INTO elsewhere VALUES (new.*)",
    )
    .await;
    let change = update("a", fields([("v", text("y"))]), fields([("v", text("x"))]));
    let results = write(&*connector, &[row("b", "v", text("z")), change]).await;
    let error = results[0].as_ref().unwrap_err();
    assert!(error.message.contains("RETURNING"), "{error}");
    assert!(results[1].is_ok(), "{results:?}");
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["a"]);
}

#[tokio::test]
async fn a_constraint_that_replaces_rows_deletes_none() {
    let place = TestPlace::new(On::Sqlite).await;
    let connector = table(
        &place,
        "CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT UNIQUE ON CONFLICT REPLACE); INSERT INTO t VALUES ('a', '1'), ('b', '2')",
    )
    .await;
    let change = update("b", fields([("v", text("1"))]), fields([("v", text("2"))]));
    let results = write(&*connector, &[row("c", "v", text("1")), change, row("d", "v", text("4"))]).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["a", "b", "d"]);
}

#[tokio::test]
async fn a_row_too_large_for_an_index_keeps_no_other_out() {
    let place = TestPlace::new(On::Postgres).await;
    let connector = table(&place, "CREATE TABLE t (id text PRIMARY KEY, slug text UNIQUE)").await;
    // Text that does not compress.
    let long: String = (0..400_u32)
        .map(|number| syncline_engine::hash::Hash::of_bytes(&number.to_le_bytes()).to_string())
        .collect();
    let rows = [row("1", "slug", text("x")), row("2", "slug", text(&long)), row("3", "slug", text("z"))];
    let results = write(&*connector, &rows).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["1", "3"]);
}

#[tokio::test]
async fn a_delete_that_the_database_does_not_carry_out_is_refused() {
    let place = TestPlace::new(On::Postgres).await;
    let connector = table(
        &place,
        "CREATE TABLE t (id text PRIMARY KEY, v text); INSERT INTO t VALUES ('a', 'x'); CREATE FUNCTION f() RETURNS \
         trigger LANGUAGE plpgsql AS 'BEGIN RETURN null; END'; CREATE TRIGGER keeps BEFORE DELETE ON t FOR EACH ROW \
         EXECUTE FUNCTION f()",
    )
    .await;
    let error = write_one(&*connector, delete("a")).await.unwrap_err();
    assert!(error.message.contains("still there") && error.message.contains("keeps"), "{error}");
}

#[tokio::test]
async fn a_number_that_a_taken_row_leaves_is_not_two_rows() {
    let place = TestPlace::new(On::Sqlite).await;
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); CREATE TRIGGER eats AFTER INSERT ON t WHEN new.v = 'bad' \
         BEGIN DELETE FROM t WHERE id = new.id; END";
    let connector = table(&place, sql).await;
    let rows = ["bad", "good"].map(|v| create(marker(v), fields([("v", text(v))])));
    let results = write(&*connector, &rows).await;
    assert!(results[0].as_ref().is_err_and(|error| error.message.contains("eats")), "{results:?}");
    assert_eq!(results[1].as_ref().unwrap().id, "1");
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["1"]);
}

#[rstest]
#[tokio::test]
async fn rows_that_exchange_or_shift_a_unique_value_are_written(
    #[values(On::Sqlite, On::Postgres)] on: On,
    #[values("integer UNIQUE", "integer NOT NULL UNIQUE")] column: &str,
) {
    let place = TestPlace::new(on).await;
    let sql = format!(
        "CREATE TABLE t (id {}, pos {column}); INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)",
        if on == On::Sqlite { "TEXT PRIMARY KEY" } else { "text PRIMARY KEY" }
    );
    let connector = table(&place, &sql).await;
    let to = |id: &str, was: i64, pos: i64| {
        update(id, fields([("pos", Value::Int(pos))]), fields([("pos", Value::Int(was))]))
    };
    for writes in
        [[to("a", 1, 2), to("b", 2, 3), to("c", 3, 4)], [to("a", 2, 4), to("b", 3, 2), to("c", 4, 3)]]
    {
        let results = write(&*connector, &writes).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
    for (id, pos) in [("a", 4), ("b", 2), ("c", 3)] {
        assert_eq!(fetch(&*connector, id).await.unwrap().fields["pos"], Value::Int(pos));
    }
}

#[rstest]
#[case(On::Sqlite, "TEXT COLLATE NOCASE", "abc-1", "ABC-1")]
#[case(On::Sqlite, "INTEGER", "7", "007")]
#[case(
    On::Postgres,
    "uuid",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"
)]
#[case(On::Postgres, "integer", "7", "007")]
#[case(On::Postgres, "numeric", "7", "7.0")]
#[case(On::Postgres, "char(5)", "a", "a  ")]
#[tokio::test]
async fn a_key_in_another_spelling_is_taken(
    #[case] on: On,
    #[case] column: &str,
    #[case] there: &str,
    #[case] asked: &str,
) {
    let place = TestPlace::new(on).await;
    let connector = table(
        &place,
        &format!("CREATE TABLE t (id {column} PRIMARY KEY, v text); INSERT INTO t VALUES ('{there}', 'x')"),
    )
    .await;
    assert_eq!(connector.canonical_id(asked), connector.canonical_id(there));
    assert_ne!(connector.canonical_id("8"), connector.canonical_id(there));
    let error = write_one(&*connector, row(asked, "v", text("y"))).await.unwrap_err();
    let named = [format!("{there:?}"), format!("({asked})")];
    assert!(named.iter().any(|name| error.message.contains(name)), "{error}");
    assert_eq!(ids(&*connector, ReadMode::Full).await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn what_a_column_cannot_hold_is_known_before_the_write(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    let connector = table(
        &place,
        "CREATE TABLE t (id text PRIMARY KEY, notes text NOT NULL, n integer NOT NULL, twice integer GENERATED ALWAYS \
         AS (n * 2) STORED)",
    )
    .await;
    assert_eq!(connector.accepts("notes", &Value::Null), Ok(()));
    assert!(connector.needs("notes") && !connector.needs("twice"));
    let refused = |field, value| connector.accepts(field, &value).unwrap_err();
    assert!(refused("n", Value::Null).contains("default_value"));
    assert!(refused("n", text("x")).contains("cannot take \"x\""));
    assert!(refused("twice", Value::Int(2)).contains("target_to_source"));
    let one = create(marker("a"), fields([("id", text("a")), ("notes", Value::Null), ("n", Value::Int(1))]));
    assert!(write_one(&*connector, one).await.is_ok());
}

#[tokio::test]
async fn lengths_and_labels_are_known_before_the_write() {
    let place = TestPlace::new(On::Postgres).await;
    let sql = "CREATE TYPE mood AS ENUM ('good', 'so so'); CREATE TABLE t (id text PRIMARY KEY, v varchar(3), m mood)";
    let connector = table(&place, sql).await;
    assert_eq!(connector.accepts("m", &text("so so")), Ok(()));
    assert!(connector.accepts("m", &text("bad")).unwrap_err().contains("it takes good, so so"));
    assert!(connector.accepts("v", &text("four")).unwrap_err().contains("4 characters"));
}

#[rstest]
#[case("serial")]
#[case("integer GENERATED BY DEFAULT AS IDENTITY")]
#[tokio::test]
async fn the_users_own_inserts_go_on_after_rows_with_ids_of_their_own(#[case] column: &str) {
    let place = TestPlace::new(On::Postgres).await;
    place.execute(&format!("CREATE TABLE t (id {column} PRIMARY KEY, v text)")).await;
    let scope = place.table("t");
    let opening = Opening { mapped_key: true, ..Opening::new(&scope) };
    let connector = platform("sql").unwrap().open(&opening, &call()).await.unwrap();
    let results = write(&*connector, &[row("1", "v", text("x")), row("5", "v", text("y"))]).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    place.execute("INSERT INTO t (v) VALUES ('by the application')").await;
    assert_eq!(ids(&*connector, ReadMode::Full).await, ["1", "5", "6"]);
}

#[rstest]
#[tokio::test]
async fn what_a_new_row_lacks_is_known_before_the_write(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    let sql = "CREATE TABLE t (id integer NOT NULL UNIQUE, v text, owner text NOT NULL)";
    let connector = table(&place, sql).await;
    let lacks = |fields: &[&str]| connector.creates(fields).unwrap_err();
    assert!(lacks(&["v", "owner"]).contains("\"id\""));
    assert!(lacks(&["id", "v"]).contains("\"owner\""));
    assert_eq!(connector.creates(&["id", "owner"]), Ok(()));
    // A trigger may fill it in.
    let trigger = match on {
        On::Postgres => {
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.owner = ''me''; RETURN new; END'; \
             CREATE TRIGGER fills BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"
        }
        _ => "CREATE TRIGGER fills AFTER INSERT ON t BEGIN SELECT 1; END",
    };
    place.execute(trigger).await;
    let connector = open(&place.table("t")).await.unwrap();
    assert_eq!(connector.creates(&["id", "v"]), Ok(()));
}

#[tokio::test]
async fn missing_rights_are_told_with_the_statement_that_gives_them() {
    let place = TestPlace::new(On::Postgres).await;
    place
        .execute(
            "CREATE SCHEMA closed; CREATE TABLE closed.notes (id text PRIMARY KEY); CREATE TABLE t (id text PRIMARY KEY); \
             CREATE ROLE reader; GRANT SELECT ON t TO reader",
        )
        .await;
    let as_reader = |table: &str| {
        let mut scope = place.table(table);
        let url = format!(
            "{}{}options=-c%20role%3Dreader",
            place.url(),
            if place.url().contains('?') { "&" } else { "?" }
        );
        scope["url"] = url.into();
        scope
    };
    let connector = open(&as_reader("t")).await.unwrap();
    let error = connector.creates(&["id"]).unwrap_err();
    assert!(error.contains("GRANT INSERT ON t TO reader"), "{error}");
    for table in ["notes", "closed.notes"] {
        let error = open(&as_reader(table)).await.err().unwrap();
        assert!(error.message.contains("GRANT USAGE ON SCHEMA closed TO"), "{error}");
    }
}

#[tokio::test]
async fn an_empty_value_goes_into_a_domain_that_is_not_null() {
    let place = TestPlace::new(On::Postgres).await;
    let sql = "CREATE DOMAIN line AS text NOT NULL; CREATE TABLE t (id text PRIMARY KEY, v line)";
    let connector = table(&place, sql).await;
    assert!(write_one(&*connector, row("a", "v", Value::Null)).await.is_ok());
    assert_eq!(connector.accepts("v", &Value::Null), Ok(()));
}
