//! The same small table as a file, in SQLite and in PostgreSQL.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use syncline_connectors::{Opening, check_scope, platform};
use syncline_engine::{
    Item, Value,
    capability::Removal,
    ports::{
        Call, ConnectorError, Done, Found, Leave, Marker, Meter, OpenGate, Place, Probed, ReadMode, Stopped,
        Write, WriteOp, Written,
    },
    value::Fields,
};
use syncline_support::postgres::Database;
use tempfile::TempDir;

/// Which platform a test runs on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum On {
    Csv,
    Sqlite,
    Postgres,
}

/// A table `tasks` with the columns id, title, points and updated_at.
pub(crate) struct TestPlace {
    pub(crate) folder: TempDir,
    on: On,
    database: Option<Database>,
}

impl TestPlace {
    pub(crate) async fn new(on: On) -> TestPlace {
        let folder = tempfile::tempdir().unwrap();
        let database = if on == On::Postgres { Some(Database::create().await.unwrap()) } else { None };
        let place = TestPlace { folder, on, database };
        match on {
            On::Csv => std::fs::write(place.file(), "id,title,points,updated_at\n").unwrap(),
            On::Sqlite => {
                SqliteConnectOptions::new()
                    .filename(place.file())
                    .create_if_missing(true)
                    .connect()
                    .await
                    .unwrap();
                let sql = "CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT CHECK (title <> 'bad'), \
                     points INTEGER, updated_at TEXT)";
                place.execute(sql).await;
            }
            On::Postgres => {
                let sql = "CREATE TABLE tasks (id text PRIMARY KEY, title text CHECK (title <> 'bad'), \
                     points integer, updated_at timestamptz)";
                place.execute(sql).await;
            }
        }
        place
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.folder.path().join(if self.on == On::Csv { "tasks.csv" } else { "tasks.db" })
    }

    pub(crate) fn url(&self) -> String {
        match &self.database {
            Some(database) => database.url(),
            None => format!("sqlite://{}", self.file().display()),
        }
    }

    pub(crate) async fn execute(&self, sql: &str) {
        match &self.database {
            Some(database) => database.execute(sql).await.unwrap(),
            None => {
                let options = SqliteConnectOptions::new().filename(self.file());
                let mut connection = options.connect().await.unwrap();
                connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// Adds a row without the connector.
    pub(crate) async fn insert(&self, id: &str, title: &str) {
        if self.on == On::Csv {
            let text = std::fs::read_to_string(self.file()).unwrap();
            std::fs::write(self.file(), format!("{text}{id},{title},1,2025-01-01 00:00:00\n")).unwrap();
        } else {
            self.execute(&format!("INSERT INTO tasks VALUES ('{id}', '{title}', 1, '2025-01-01 00:00:00')"))
                .await;
        }
    }

    pub(crate) fn scope(&self) -> Json {
        match self.on {
            On::Csv => json!({ "path": self.file(), "modified": "updated_at" }),
            _ => json!({ "url": self.url(), "table": "tasks", "modified": "updated_at" }),
        }
    }

    /// The scope of another table of the same database.
    pub(crate) fn table(&self, table: &str) -> Json {
        json!({ "url": self.url(), "table": table })
    }

    pub(crate) async fn open(&self) -> Box<dyn Place> {
        open(&self.scope()).await.unwrap()
    }
}

/// Opens the place of a scope.
pub(crate) async fn open(scope: &Json) -> Result<Box<dyn Place>, ConnectorError> {
    let platform = platform(if scope.get("path").is_some() { "csv" } else { "sql" }).unwrap();
    assert_eq!(check_scope(platform, scope, "scope"), []);
    platform.open(&Opening::new(scope), &call()).await
}

pub(crate) struct Always;

impl Leave for Always {
    fn check(&self) -> Result<(), Stopped> {
        Ok(())
    }

    fn remaining(&self) -> std::time::Duration {
        std::time::Duration::from_secs(30)
    }
}

pub(crate) struct Never;

impl Leave for Never {
    fn check(&self) -> Result<(), Stopped> {
        Err(Stopped::LeaseLost)
    }

    fn remaining(&self) -> std::time::Duration {
        std::time::Duration::from_secs(30)
    }
}

/// 2026-02-03T04:05:06Z
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_091_506, 0).unwrap()
}

/// Counts the requests of all tests; nothing reads it.
static METER: std::sync::LazyLock<Meter> = std::sync::LazyLock::new(Meter::default);

/// The context of a call with leave to write.
pub(crate) fn call() -> Call<'static> {
    Call::new(&Always, &OpenGate, &METER, now())
}

/// What one write became: the item, or why it was not written.
pub(crate) type WriteResult = Result<Item, ConnectorError>;

fn result(outcome: Written) -> WriteResult {
    match outcome {
        Written::Done(Done { item, left_out, .. }) => {
            assert_eq!(left_out, []);
            Ok(item.unwrap())
        }
        Written::Refused(error) => Err(error),
        Written::Unknown(_) | Written::NotSent(_) => panic!("not answered: {outcome:?}"),
    }
}

/// Each write is answered: carried out or refused.
pub(crate) async fn write(connector: &dyn Place, writes: &[Write]) -> Vec<WriteResult> {
    let outcomes = connector.write(writes, &call()).await;
    assert_eq!(outcomes.len(), writes.len());
    outcomes.into_iter().map(result).collect()
}

/// None of the writes is sent; returns the error.
pub(crate) async fn not_sent(connector: &dyn Place, writes: &[Write], call: &Call<'_>) -> ConnectorError {
    let mut outcomes = connector.write(writes, call).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Written::NotSent(_))), "{outcomes:?}");
    outcomes.remove(0).error().unwrap().clone()
}

pub(crate) async fn write_one(connector: &dyn Place, one: Write) -> WriteResult {
    write(connector, &[one]).await.remove(0)
}

/// All items, the number of pages, and how the listing ended.
pub(crate) async fn list(
    connector: &dyn Place,
    mode: ReadMode,
) -> (Vec<Item>, syncline_engine::ports::ListingEnd) {
    let mut listing = connector.list(mode, None, &call()).await.unwrap();
    let mut items = Vec::new();
    while let Some(page) = listing.next_page(&call()).await.unwrap() {
        assert!(page.len() <= connector.capabilities().list_page);
        items.extend(page);
    }
    (items, listing.end())
}

pub(crate) async fn ids(connector: &dyn Place, mode: ReadMode) -> Vec<String> {
    list(connector, mode).await.0.into_iter().map(|item| item.id).collect()
}

/// The items with these ids; the others are gone.
pub(crate) async fn fetch_all(connector: &dyn Place, ids: &[String]) -> Vec<Item> {
    let found = connector.fetch(ids, &call()).await;
    assert_eq!(found.len(), ids.len());
    let item = |(id, found): (String, Result<Found, ConnectorError>)| match found.unwrap() {
        Found::Item(item) => {
            assert_eq!(item.id, id);
            Some(item)
        }
        found => {
            assert_eq!(found, Found::Gone);
            None
        }
    };
    found.into_iter().filter_map(item).collect()
}

pub(crate) async fn fetch(connector: &dyn Place, id: &str) -> Option<Item> {
    fetch_all(connector, &[id.to_owned()]).await.pop()
}

/// The items that carry the markers; none for those that no item carries.
pub(crate) async fn probe(connector: &dyn Place, markers: &[Marker]) -> Vec<Option<Item>> {
    let item = |probed| match probed {
        Probed::Found(item) => Some(item),
        Probed::Absent | Probed::CannotTell => None,
    };
    connector.probe(markers, &call()).await.unwrap().into_iter().map(item).collect()
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub(crate) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(crate) fn marker(text: &str) -> Marker {
    Marker { text: text.to_owned(), id: None }
}

pub(crate) fn create(marker: Marker, fields: Fields) -> Write {
    Write { op: WriteOp::Create { marker, fields }, expected: Fields::new(), version: None }
}

pub(crate) fn update(id: &str, fields: Fields, expected: Fields) -> Write {
    Write { op: WriteOp::Update { id: id.to_owned(), fields }, expected, version: None }
}

pub(crate) fn delete(id: &str) -> Write {
    Write {
        op: WriteOp::Remove { id: id.to_owned(), how: Removal::Delete },
        expected: Fields::new(),
        version: None,
    }
}
