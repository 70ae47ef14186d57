//! The issues of a team, on the simulator.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};
use syncline_engine::{
    Value,
    ports::Place,
    richtext::{Dialect, same},
};
use syncline_simulator::Settings;

use super::stage::{Fault, Kind, LIMITED, Roles, Stage};
use crate::linear::World;

pub(super) struct Linear;

#[async_trait]
impl Kind for Linear {
    fn name(&self) -> String {
        "linear".to_owned()
    }

    fn recorded(&self) -> Option<&'static str> {
        Some("linear")
    }

    async fn open(&self, log: Option<&Path>) -> Box<dyn Stage> {
        let world = World::with(Settings { log: log.map(Path::to_owned), ..Settings::default() }).await;
        let place = world.open().await;
        Box::new(Team { place, world, passed: AtomicU64::new(0) })
    }
}

struct Team {
    place: Box<dyn Place>,
    world: World,
    /// Seconds by which the clock was moved on.
    passed: AtomicU64,
}

#[async_trait]
impl Stage for Team {
    fn place(&self) -> &dyn Place {
        &*self.place
    }

    async fn again(&self) -> Box<dyn Place> {
        self.world.open().await
    }

    fn roles(&self) -> Roles {
        Roles {
            title: "title",
            text: "description",
            fixed: "identifier",
            set: Some("labels"),
            date: Some("due_date"),
            state: Some(("status", "Todo", "Canceled")),
            shortens: None,
        }
    }

    fn free_id(&self) -> &'static str {
        "3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a"
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::seconds(self.passed.load(Ordering::Relaxed) as i64)
    }

    async fn add(&self, title: &str) -> String {
        let long_ago = "2025-01-01T00:00:00.000Z";
        self.world.person_creates(json!({ "title": title, "created_at": long_ago, "updated_at": long_ago }))
    }

    async fn seed(&self, count: usize) {
        self.world.control("POST", "/linear/teams/ENG/seed", json!({ "items": count }));
    }

    async fn edit(&self, id: &str, field: &str, value: Json) {
        self.world.person_edits(id, json!({ field: value }));
    }

    async fn remove(&self, id: &str) {
        self.world.person_does(id, "archive", json!({ "trash": true }));
    }

    async fn pass(&self, time: Duration) {
        self.world.advance(time.as_secs());
        self.passed.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// A batch of creates is one request, so that no limit can come amid it.
    fn faults(&self) -> &'static [Fault] {
        &[Fault::LostAnswer, Fault::Limit, Fault::Outage, Fault::LostPermission, Fault::DeadToken]
    }

    fn writes_at_once(&self) -> bool {
        true
    }

    /// Linear writes texts in its own way.
    fn is_same_text(&self, read: &Value, written: &str) -> bool {
        matches!(read, Value::Text(read) if same(&unlinked(read), written, Dialect::Linear))
    }

    async fn fail(&self, fault: Fault) {
        match fault {
            Fault::LostAnswer => {
                self.world.fault(json!({ "body_contains": "mutation", "kind": "reset", "when": "after" }))
            }
            Fault::Limit => {
                self.world.fault(json!({ "kind": "rate_limit", "retry_after": LIMITED.as_secs() }));
            }
            Fault::Outage => self.world.fault(json!({ "kind": "status", "status": 503 })),
            Fault::LostPermission => {
                self.world.control("PATCH", "/linear/teams/ENG", json!({ "private": true }));
                self.world.control("DELETE", "/linear/teams/ENG/members/ada", Json::Null);
            }
            Fault::DeadToken => {
                let token = format!("/linear/tokens/{}", self.world.token);
                self.world.control("PATCH", &token, json!({ "expires_in": 0 }));
            }
            Fault::LimitedCreate => panic!("creates are one request"),
        }
    }
}

/// A text without the links that Linear makes of mentions in the text of somebody's own issue.
fn unlinked(text: &str) -> String {
    let mut parts = text.split("[@ada](");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |made, part| {
        format!("{made}@ada{}", part.split_once(')').map_or(part, |(_, rest)| rest))
    })
}
