//! The events of the live feed, in the order of writing.
//!
//! An event is written in the transaction that causes it, so a rollback removes it. It contains ids, states and counts,
//! and never the value of a field. Rows are kept for a day.
//!
//! Readers are woken by a notice. Notices are hints: PostgreSQL commits transactions with notices one after the other,
//! so a process sends few of them, and a reader polls again for a while after each.

use std::{
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{DbBackend, QueryOrder, QuerySelect, entity::prelude::*};
use serde_json::json;
use syncline_sql::{Binds, Kind, statement};
use tokio::sync::watch;

use crate::types::EventType;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// The position in the feed.
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub id: Uuid,
    /// Null for the whole installation.
    pub project_id: Option<i64>,
    /// Further subjects: `sync:ID`, `entity:LINK`, `queue:NAME`, separated by spaces.
    pub rooms: String,
    /// A name of [`EventType`], or one that only later versions know.
    #[sea_orm(column_name = "type")]
    pub kind: String,
    /// The id of the run, conflict, sync or account.
    pub subject: Option<String>,
    pub time: DateTimeUtc,
    #[sea_orm(column_type = "JsonBinary")]
    pub data: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The most links that one event names.
pub const MOST_LINKS: usize = 200;

/// An event to write.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    pub kind: EventType,
    /// None for the whole installation.
    pub project: Option<i64>,
    rooms: String,
    subject: Option<String>,
    data: Json,
}

impl NewEvent {
    /// Creates an event without a subject or rooms.
    pub fn new(kind: EventType, project: Option<i64>, data: Json) -> NewEvent {
        NewEvent { kind, project, rooms: String::new(), subject: None, data }
    }

    /// Sets the id of the run, conflict, sync or account.
    #[must_use]
    pub fn about(self, subject: impl ToString) -> NewEvent {
        NewEvent { subject: Some(subject.to_string()), ..self }
    }

    /// Adds the room of a sync.
    #[must_use]
    pub fn of_sync(self, sync: i64) -> NewEvent {
        self.in_room(&format!("sync:{sync}"))
    }

    /// Adds the rooms of these links.
    #[must_use]
    pub fn of_links(self, links: &[i64]) -> NewEvent {
        links.iter().take(MOST_LINKS).fold(self, |event, link| event.in_room(&format!("entity:{link}")))
    }

    /// Adds the room of a queue.
    #[must_use]
    pub fn of_queue(self, queue: &str) -> NewEvent {
        self.in_room(&format!("queue:{queue}"))
    }

    fn in_room(mut self, room: &str) -> NewEvent {
        // A name with a space would be two rooms.
        if !room.contains(' ') {
            if !self.rooms.is_empty() {
                self.rooms.push(' ');
            }
            self.rooms.push_str(room);
        }
        self
    }
}

/// Writes events, in one statement. `db` is the transaction that causes them.
pub async fn record(
    db: &impl ConnectionTrait,
    at: DateTimeUtc,
    events: impl Into<Vec<NewEvent>>,
) -> Result<(), DbErr> {
    let rows: Vec<Json> = events.into().into_iter().map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut binds = Binds::new(db);
    let columns = [
        ("id", Kind::Id),
        ("project", Kind::Number),
        ("rooms", Kind::Text),
        ("kind", Kind::Text),
        ("subject", Kind::Text),
        ("facts", Kind::Text),
    ];
    let (rows, at) = (binds.rows(rows, &columns), binds.bind(at));
    let facts = binds.json("new.facts");
    let insert = format!(
        "INSERT INTO events (id, project_id, rooms, type, subject, time, data) \
         SELECT new.id, new.project, new.rooms, new.kind, new.subject, {at}, {facts} FROM {rows} AS new"
    );
    let text = match binds.backend {
        DbBackend::Postgres if may_notify() => {
            format!("WITH written AS ({insert} RETURNING 1) SELECT pg_notify({CHANNEL}, '') IS NULL AS told")
        }
        _ => insert,
    };
    binds.run(db, text).await?;
    RECORDED.send_modify(|times| *times = times.wrapping_add(1));
    Ok(())
}

fn row(event: NewEvent) -> Json {
    json!({
        "id": Uuid::now_v7().simple().to_string(),
        "project": event.project,
        "rooms": event.rooms,
        "kind": event.kind.as_str(),
        "subject": event.subject,
        "facts": event.data.to_string(),
    })
}

/// The PostgreSQL channel of the notices, for the table that this connection sees.
pub const CHANNEL: &str =
    "(SELECT 'syncline_events_' || relnamespace::text FROM pg_class WHERE oid = to_regclass('events'))";

/// The shortest time between two notices of this process. A reader polls for longer than this after each.
pub const NOTICE_EVERY: Duration = Duration::from_millis(100);

/// Counts the calls of [`record`] in this process.
static RECORDED: LazyLock<watch::Sender<u64>> = LazyLock::new(watch::Sender::default);

/// Changes when this process writes events, which may be before their transaction commits or fails.
pub fn recorded() -> watch::Receiver<u64> {
    RECORDED.subscribe()
}

fn may_notify() -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let now = Instant::now();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let may = last.is_none_or(|last| now - last >= NOTICE_EVERY);
    if may {
        *last = Some(now);
    }
    may
}

/// Returns the events after a position, the oldest first, at most `limit`.
pub async fn after(db: &impl ConnectionTrait, seq: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Seq.gt(seq)).order_by_asc(Column::Seq).limit(limit).all(db).await
}

/// Returns the positions of the oldest and the newest event; none if there are no events.
pub async fn bounds(db: &impl ConnectionTrait) -> Result<Option<(i64, i64)>, DbErr> {
    // Two subqueries, so that each is one index lookup.
    let sql = "SELECT (SELECT MIN(seq) FROM events) AS oldest, (SELECT MAX(seq) FROM events) AS newest";
    let Some(row) = db.query_one_raw(statement(db.get_database_backend(), sql, [])).await? else {
        return Ok(None);
    };
    let (oldest, newest): (Option<i64>, Option<i64>) =
        (row.try_get("", "oldest")?, row.try_get("", "newest")?);
    Ok(oldest.zip(newest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_in_the_rooms_of_what_it_is_about() {
        let many: Vec<i64> = (0..1_000).collect();
        let event = NewEvent::new(EventType::ItemChanged, Some(1), json!({})).of_sync(4).of_links(&many);
        assert!(event.rooms.starts_with("sync:4 entity:0 entity:1 "));
        assert_eq!(event.rooms.split(' ').count(), 1 + MOST_LINKS);
        let odd = NewEvent::new(EventType::JobMoved, None, json!({})).of_queue("a b").of_queue("c");
        assert_eq!(odd.rooms, "queue:c");
    }
}
