//! Keys, markers and versions of rows.

use rstest::rstest;
use serde_json::json;
use syncline_connectors::{Opening, platform};
use syncline_engine::{
    capability::CreateIdempotency,
    ports::{ErrorKind, Marker, ReadMode},
    value::Fields,
};

use crate::place::{
    On, TestPlace, call, create, fetch_all, fields, ids, list, marker, open, probe, text, update, write,
    write_one,
};

#[rstest]
#[tokio::test]
async fn text_keys_are_paged_in_the_database_s_order(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    let odd = ["a", "A", "B", "b", "é", "z", "Z", "-1", "10", "9", " ", "a'b", "a\"b", "_", "ß", "日本"];
    let rows: Vec<String> = (0..70)
        .flat_map(|number| odd.map(|id| format!("('{}{number}', 't', 1, NULL)", id.replace('\'', "''"))))
        .collect();
    place.execute(&format!("INSERT INTO tasks VALUES {}", rows.join(", "))).await;
    let connector = place.open().await;
    let mut found = ids(&*connector, ReadMode::Full).await;
    assert_eq!(found.len(), rows.len());
    let probe = fetch_all(&*connector, &found[490..510]).await;
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
    let place = TestPlace::new(on).await;
    place.execute(&format!("CREATE TABLE t (id {key}, title text, mark text UNIQUE)")).await;
    let plain = open(&place.table("t")).await.unwrap();
    assert_eq!(plain.capabilities().create_idempotency, CreateIdempotency::None);
    assert_eq!(probe(&*plain, &[marker("sl-one")]).await, [None]);
    assert_eq!(write_one(&*plain, create(marker("sl-one"), Fields::new())).await.unwrap().id, "1");

    let mut scope = place.table("t");
    scope["marker"] = json!("mark");
    let marked = open(&scope).await.unwrap();
    assert_eq!(marked.capabilities().create_idempotency, CreateIdempotency::Marker);
    let one = || create(marker("sl-one"), fields([("title", text("one"))]));
    let results = write(&*marked, &[one(), create(marker("sl-two"), Fields::new()), one()]).await;
    let found: Vec<String> = results.into_iter().map(|result| result.unwrap().id).collect();
    assert_eq!(found, ["2", "3", "2"]);
    assert_eq!(write_one(&*marked, one()).await.unwrap().id, "2");
    let probed = probe(&*marked, &[marker("sl-two"), marker("sl-three")]).await;
    assert_eq!(probed.map_ids(), [Some("3".to_owned()), None]);
    // The marker is not a field.
    assert!(!probed[0].as_ref().unwrap().fields.contains_key("mark"));
    assert!(marked.fields(&call()).await.unwrap().iter().all(|field| field.name != "mark"));
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
    let place = TestPlace::new(on).await;
    place.execute("CREATE TABLE t (id integer PRIMARY KEY, title text)").await;
    let scope = place.table("t");
    let opening = Opening { mapped_key: true, ..Opening::new(&scope) };
    let connector = platform("sql").unwrap().open(&opening, &call()).await.unwrap();
    assert_eq!(connector.capabilities().create_idempotency, CreateIdempotency::Native);
    let asked = |id: &str| Marker { text: "sl-one".to_owned(), id: Some(id.to_owned()) };
    let one = |id: &str| create(asked(id), fields([("id", text(id)), ("title", text("one"))]));
    let results = write(&*connector, &[one("41"), one("41"), one("x")]).await;
    assert_eq!(results[0].as_ref().unwrap().id, "41");
    let taken = results[1].as_ref().unwrap_err();
    assert_eq!(taken.kind, ErrorKind::Conflict);
    assert!(taken.message.contains("already has a row with the id \"41\""), "{taken}");
    assert_eq!(results[2].as_ref().unwrap_err().kind, ErrorKind::Permanent);
    assert_eq!(probe(&*connector, &[asked("41")]).await.map_ids(), [Some("41".to_owned())]);
    // Ids that are no such number are missing, which is not an error.
    assert!(
        fetch_all(&*connector, &["041", "4.1e1", "99999999999999999999", "x"].map(str::to_owned))
            .await
            .is_empty()
    );
    if on == On::Postgres {
        let refused = write_one(&*connector, create(marker("sl-two"), Fields::new())).await.unwrap_err();
        assert!(refused.message.contains("needs a value for \"id\""), "{refused}");
    }
}

#[tokio::test]
async fn a_uuid_key_follows_from_the_marker() {
    let place = TestPlace::new(On::Postgres).await;
    place.execute("CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), title text)").await;
    let connector = open(&place.table("t")).await.unwrap();
    assert_eq!(connector.capabilities().create_idempotency, CreateIdempotency::Native);
    let one = || create(marker("sl-one"), Fields::new());
    let first = write_one(&*connector, one()).await.unwrap();
    assert_eq!(write_one(&*connector, one()).await.unwrap(), first);
    assert_eq!(probe(&*connector, &[marker("sl-one")]).await, [Some(first)]);
}

#[rstest]
#[tokio::test]
async fn a_version_guards_the_row(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    place.execute("CREATE TABLE t (id text PRIMARY KEY, title text, v integer NOT NULL)").await;
    let mut scope = place.table("t");
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
async fn rows_without_a_key_are_refused(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    place.execute("CREATE TABLE t (id text UNIQUE, title text)").await;
    place.execute("INSERT INTO t VALUES ('a', 'x'), (NULL, 'y')").await;
    let connector = open(&place.table("t")).await.unwrap();
    let error = connector.list(ReadMode::Full, None, &call()).await.err().unwrap();
    assert!(error.message.contains("a row has no \"id\""), "{error}");
}

#[rstest]
#[tokio::test]
async fn a_view_can_be_read(#[values(On::Sqlite, On::Postgres)] on: On) {
    let place = TestPlace::new(on).await;
    place.insert("a", "one").await;
    place.execute("CREATE VIEW v AS SELECT id, title FROM tasks").await;
    let (items, end) = list(&*open(&place.table("v")).await.unwrap(), ReadMode::Full).await;
    assert_eq!((items.len(), end.complete), (1, true));
    place.execute("CREATE VIEW w AS SELECT id FROM tasks UNION ALL SELECT id FROM tasks").await;
    let connector = open(&place.table("w")).await.unwrap();
    let error =
        connector.list(ReadMode::Full, None, &call()).await.unwrap().next_page(&call()).await.unwrap_err();
    assert!(error.message.contains("two rows have the id \"a\""), "{error}");
}
