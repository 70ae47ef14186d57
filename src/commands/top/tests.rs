//! What the screen shows in two sizes, and what keys do.

use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
};
use serde_json::{Value, json};

use super::{
    snapshot::Snapshot,
    state::{Next, State},
    view,
};
use crate::fault::Fault;

fn numbers(items: u64) -> Value {
    json!({
        "links": { "pending": 0, "in_progress": 0, "completed": 3, "failed": 0, "skipped": 0, "conflict": 0 },
        "open_conflicts": 2,
        "runs": { "queued": 0, "in_progress": 0, "completed": 4, "failed": 0, "cancelled": 0, "held": 0 },
        "success_rate": 0.75, "duration_ms": { "p50": 11, "p95": 13, "max": 13 }, "items_synced": items,
        "items_failed": 1, "items_skipped": 5, "created": 3, "updated": 1, "deleted": 0, "conflicts": 1,
        "api_calls": 16, "throughput": 93.0
    })
}

fn snapshot() -> Snapshot {
    let class = |priority: &str, queued: u64| {
        json!({
            "priority": priority, "queued": queued, "delayed": 0, "undispatched": 0, "in_progress": 1, "dead": 7,
            "oldest_seconds": 61.0
        })
    };
    let mut sync = numbers(41);
    for (key, value) in [
        ("sync", json!("tasks")),
        ("project", json!("default")),
        ("source_platform", json!("csv")),
        ("target_platform", json!("sql")),
        ("entity_type", json!("task")),
        ("enabled", json!(true)),
        ("paused_at", Value::Null),
        ("last_run", Value::Null),
    ] {
        sync[key] = value;
    }
    let stats = json!({
        "window": "1h", "since": "2026-11-30T12:00:00Z", "until": "2026-11-30T13:00:00Z", "syncs": [sync],
        "by_platform": {}, "by_entity_type": {}, "total": numbers(41)
    });
    Snapshot {
        queues: vec![json!({ "queue": "runs", "paused": false, "priorities": [class("critical", 0), class("high", 12)] })],
        workers: vec![json!({
            "pid": 17, "host": "one", "role": "up", "standing": "live", "running": 2, "concurrency": 4, "silent_ms": 900
        })],
        syncs: (1..=40)
            .map(|at| json!({ "name": format!("tasks{at}"), "project": "default", "enabled": true, "paused": at == 2 }))
            .collect(),
        failures: vec![json!({
            "sync": "tasks1", "project": "default", "letters": 7, "last_at": "2026-11-30T12:00:00Z",
            "error": "the file backlog.csv is gone"
        })],
        stats: serde_json::from_value(stats).unwrap(),
    }
}

fn drawn(state: &mut State, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, state)).unwrap();
    terminal.backend().to_string()
}

fn press(state: &mut State, code: KeyCode) -> Next {
    state.press(KeyEvent::new(code, KeyModifiers::NONE))
}

#[test]
fn a_small_screen_shows_one_pane_and_tab_the_next() {
    let mut state = State::new("database".to_owned(), snapshot());
    let queues = drawn(&mut state, 80, 24);
    for text in [
        "syncline top, database",
        "12 queued (0 undispatched), 2 in progress",
        "14 dead; 1 workers with 4 slots",
        "41 items synced",
    ] {
        assert!(queues.contains(text), "{text}: {queues}");
    }
    assert!(queues.contains("critical") && !queues.contains("tasks1"), "{queues}");
    press(&mut state, KeyCode::Tab);
    assert!(drawn(&mut state, 80, 24).contains("17 on one"));
    press(&mut state, KeyCode::Tab);
    let syncs = drawn(&mut state, 80, 24);
    assert!(syncs.contains("tasks1") && syncs.contains("paused") && !syncs.contains("tasks40"), "{syncs}");
    press(&mut state, KeyCode::Tab);
    assert!(drawn(&mut state, 80, 24).contains("the file backlog.csv is gone"));
    press(&mut state, KeyCode::Tab);
    assert!(drawn(&mut state, 80, 24).contains("critical"), "the first pane again");
}

#[test]
fn a_large_screen_shows_all_panes() {
    let mut state = State::new("https://sync.example.org".to_owned(), snapshot());
    let all = drawn(&mut state, 120, 40);
    for text in ["https://sync.example.org", "critical", "17 on one", "tasks1", "the file backlog"] {
        assert!(all.contains(text), "{text}: {all}");
    }
}

#[test]
fn rows_below_the_screen_are_reached_by_keys() {
    let mut state = State::new("database".to_owned(), snapshot());
    press(&mut state, KeyCode::Tab);
    press(&mut state, KeyCode::Tab);
    assert!(!drawn(&mut state, 80, 24).contains("tasks40"));
    press(&mut state, KeyCode::End);
    assert!(drawn(&mut state, 80, 24).contains("tasks40"));
    press(&mut state, KeyCode::Home);
    assert!(!drawn(&mut state, 80, 24).contains("tasks40"));
    for _ in 0..39 {
        press(&mut state, KeyCode::Char('j'));
    }
    assert!(drawn(&mut state, 80, 24).contains("tasks40"));
}

#[test]
fn help_is_left_before_the_screen() {
    let mut state = State::new("database".to_owned(), snapshot());
    press(&mut state, KeyCode::Char('?'));
    assert!(drawn(&mut state, 80, 24).contains("another pane"));
    assert_eq!(press(&mut state, KeyCode::Esc), Next::Stay);
    assert!(!drawn(&mut state, 80, 24).contains("another pane"));
    assert_eq!(press(&mut state, KeyCode::Char('q')), Next::Leave);
    let interrupted = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(state.press(interrupted), Next::Leave);
}

#[test]
fn a_reading_that_fails_keeps_the_numbers_and_says_why() {
    let mut state = State::new("database".to_owned(), snapshot());
    state.read(Err(Fault::failed("the server is away")));
    let old = drawn(&mut state, 80, 24);
    assert!(old.contains("the numbers are old: the server is away") && old.contains("critical"), "{old}");
    state.read(Ok(snapshot()));
    assert!(!drawn(&mut state, 80, 24).contains("are old"));
}

#[test]
fn a_tiny_screen_is_no_error() {
    for (width, height) in [(1, 1), (10, 3), (200, 5)] {
        drawn(&mut State::new("database".to_owned(), snapshot()), width, height);
    }
}
