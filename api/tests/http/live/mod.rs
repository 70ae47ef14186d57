//! The live feed.

mod callers;
mod client;

use std::time::Duration;

use sea_orm::{ConnectionTrait, EntityTrait, Statement, TransactionTrait};
use serde_json::json;
use syncline_entity::{event, types::EventType};
use tokio::time::{sleep, timeout};

use self::client::{PATIENCE, Server, write};
use crate::stage::Stage;

const SOME: [EventType; 3] = [EventType::RunAccepted, EventType::RunStarted, EventType::RunCompleted];

#[tokio::test]
async fn a_stream_goes_on_where_it_broke_off() {
    let server = Server::over(Stage::sqlite().await).await;
    for name in ["a", "b", "tasks"] {
        server.stage.sync(name, |_| {}).await;
    }
    let mut events = server.stream("", None, None).await;
    for _ in 0..4 {
        server.write(1, &SOME).await;
    }
    assert_eq!(events.ids(5).await.unwrap(), [1, 2, 3, 4, 5]);
    let position = events.position();
    drop(events);
    server.write(2, &SOME).await;
    let mut events = server.stream("", position, None).await;
    assert_eq!(events.ids(10).await.unwrap(), (6..=15).collect::<Vec<_>>());
    // The same by the query, of one sync and some types.
    let mut of_sync = server.stream("?after=2&types=run.started,run.completed", None, None).await;
    assert_eq!(of_sync.ids(3).await.unwrap(), [3, 5, 6]);
    let (id, kind, event) = events_of(&server).await;
    assert_eq!((id, kind.as_str()), (16, "config.created"));
    assert_eq!(event["type"], "syncline.config.created.v1");
    assert_eq!((&event["source"], &event["subject"]), (&json!("/projects/default/syncs/tasks"), &json!("3")));
    // A WebSocket has the same positions.
    let mut socket = server.listen(&[], Some(13)).await;
    assert_eq!(socket.seqs(3).await, [14, 15, 16]);
}

/// The next event of a new stream.
async fn events_of(server: &Server) -> (i64, String, serde_json::Value) {
    let mut events = server.stream("", None, None).await;
    server.write(3, &[EventType::ConfigCreated]).await;
    events.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn a_position_that_is_not_kept_is_told() {
    let server = Server::over(Stage::sqlite().await).await;
    for _ in 0..3 {
        server.write(1, &SOME).await;
    }
    let gone = "DELETE FROM events WHERE seq < 5";
    let db = &server.stage.db;
    db.execute_raw(Statement::from_string(db.get_database_backend(), gone)).await.unwrap();
    // The one before the oldest is good enough.
    assert_eq!(server.stream("?after=4", None, None).await.ids(2).await.unwrap(), [5, 6]);
    for lost in [3, 1_000] {
        let mut events = server.stream("", Some(lost), None).await;
        let (id, kind, event) = events.next().await.unwrap().unwrap();
        assert_eq!((id, kind.as_str()), (9, "feed.reset"));
        assert_eq!(event["data"], json!({ "asked": lost, "position": 9 }));
        let mut socket = server.open(None).await;
        socket.hear().await;
        socket.say(json!({ "op": "subscribe", "after": lost })).await;
        let (code, reason) = socket.closed().await;
        assert!(code == 4412 && reason.ends_with("go on after 9"), "{code} {reason}");
    }
}

#[tokio::test]
async fn an_event_of_a_transaction_that_is_still_open_is_waited_for() {
    let server = Server::over(Stage::postgres().await).await;
    server.write(1, &SOME).await;
    let mut socket = server.listen(&[], Some(0)).await;
    assert_eq!(socket.seqs(3).await, [1, 2, 3]);
    let (late, lost) = (server.stage.db.begin().await.unwrap(), server.stage.db.begin().await.unwrap());
    write(&late, Some(1), 2, &[EventType::RunHeld]).await;
    write(&lost, Some(1), 2, &[EventType::RunFailed]).await;
    server.write(1, &SOME).await;
    lost.rollback().await.unwrap();
    // Nothing comes before the earlier one.
    assert!(timeout(Duration::from_millis(1_500), socket.seqs(1)).await.is_err());
    late.commit().await.unwrap();
    assert_eq!(socket.seqs(4).await, [4, 6, 7, 8]);
    // A transaction that began later is none of this gap's.
    let later = server.stage.db.begin().await.unwrap();
    write(&later, Some(1), 2, &[EventType::RunHeld]).await;
    later.rollback().await.unwrap();
    server.write(1, &SOME).await;
    assert_eq!(socket.seqs(3).await, [10, 11, 12]);
}

#[tokio::test]
async fn many_writers_at_once_are_read_without_loss() {
    let server = Server::over(Stage::postgres().await).await;
    let mut socket = server.listen(&[], None).await;
    let writers = (0..3).map(|writer| {
        let db = server.stage.db.clone();
        tokio::spawn(async move {
            for turn in 0..120 {
                let tx = db.begin().await.unwrap();
                write(&tx, Some(1), writer + 1, &SOME[..1 + turn % 3]).await;
                match turn % 7 {
                    0 => tx.rollback().await.unwrap(),
                    _ => tx.commit().await.unwrap(),
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let written = event::Entity::find().all(&server.stage.db).await.unwrap();
    let mut written: Vec<i64> = written.iter().map(|row| row.seq).collect();
    written.sort_unstable();
    assert_eq!(socket.seqs(written.len()).await, written);
}

#[tokio::test]
async fn a_reader_that_stops_reading_goes_and_goes_on_later() {
    let server = Server::over(Stage::sqlite().await).await;
    assert_eq!(server.stage.sync("tasks", |_| {}).await, 1);
    let mut lazy = server.listen(&["sync:1"], None).await;
    let mut keen = server.listen(&["sync:1"], None).await;
    server.write(1, &SOME).await;
    assert_eq!(lazy.seqs(3).await, [1, 2, 3]);
    assert_eq!(keen.seqs(3).await, [1, 2, 3]);
    // More than the network's buffers hold: 16 MiB.
    let fill = "INSERT INTO events (id, project_id, rooms, type, subject, time, data) \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4096) \
                SELECT randomblob(16), 1, 'sync:1', 'item.changed', NULL, '2026-01-01T00:00:00+00:00', \
                '{\"text\":\"' || hex(zeroblob(2048)) || '\"}' FROM n";
    let db = &server.stage.db;
    db.execute_raw(Statement::from_string(db.get_database_backend(), fill)).await.unwrap();
    // Its time counts from when the server has sent it what the buffers hold, on a busy machine later than here.
    let seen = keen.seqs(4_096).await;
    assert_eq!((seen[0], seen[4_095]), (4, 4_099), "one that reads is not hurt");
    sleep(Duration::from_millis(2_500)).await;
    let (code, reason) = timeout(PATIENCE, lazy.closed()).await.expect("a close in time");
    let position = reason.strip_prefix("too slow; go on after ").unwrap_or_else(|| panic!("{code} {reason}"));
    assert_eq!(code, 4408);
    let position: i64 = position.parse().unwrap();
    assert!((4..4_099).contains(&position), "{position}");
    let mut again = server.listen(&["sync:1"], Some(position)).await;
    assert_eq!(again.seqs(1).await, [position + 1]);
}

#[tokio::test]
async fn the_end_of_the_server_ends_the_streams() {
    let mut server = Server::over(Stage::sqlite().await).await;
    let socket = server.listen(&[], None).await;
    let mut events = server.stream("", None, None).await;
    server.write(1, &SOME).await;
    assert_eq!(events.ids(3).await.unwrap(), [1, 2, 3]);
    server.stop.cancel();
    assert!(events.next().await.unwrap().is_none());
    let (code, reason) = socket.closed().await;
    assert!(code == 1012 && reason.starts_with("the server ends; come back in "), "{code} {reason}");
    timeout(PATIENCE, &mut server.ended).await.expect("an end in time").unwrap().unwrap();
}
