//! The issues of a private repository, on the simulator.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};
use syncline_engine::ports::Place;
use syncline_simulator::Settings;

use super::stage::{Fault, Kind, LIMITED, Roles, Stage};
use crate::world::World;

/// A version of GitHub's API.
pub(super) struct Version(pub(super) &'static str);

pub(super) const VERSIONS: [Version; 2] = [Version("2022-11-28"), Version("2026-03-10")];

const REPOSITORY: &str = "/github/repos/acme/secret";

#[async_trait]
impl Kind for Version {
    fn name(&self) -> String {
        format!("github {}", self.0)
    }

    fn recorded(&self) -> Option<&'static str> {
        // GitHub's description is of the earlier version, and wants what the later one leaves out.
        (self.0 == VERSIONS[0].0).then_some("github")
    }

    async fn open(&self, log: Option<&Path>) -> Box<dyn Stage> {
        let world = World::with(Settings { log: log.map(Path::to_owned), ..Settings::default() }).await;
        let due = json!({ "name": "Due", "data_type": "date" });
        world.control("POST", "/github/orgs/acme/issue-fields", due);
        let place = open(&world, self.0).await;
        Box::new(Repository { place, version: self.0, world, passed: AtomicU64::new(0) })
    }
}

async fn open(world: &World, version: &str) -> Box<dyn Place> {
    let scope = json!({ "repository": "acme/secret", "api_version": version });
    world.open_with(scope, &world.account(), &["title", "body", "labels", "state", "fields.Due"]).await
}

struct Repository {
    place: Box<dyn Place>,
    version: &'static str,
    world: World,
    /// Seconds by which the clock was moved on.
    passed: AtomicU64,
}

#[async_trait]
impl Stage for Repository {
    fn place(&self) -> &dyn Place {
        &*self.place
    }

    async fn again(&self) -> Box<dyn Place> {
        open(&self.world, self.version).await
    }

    fn roles(&self) -> Roles {
        Roles {
            title: "title",
            text: "body",
            fixed: "number",
            set: Some("labels"),
            date: Some("fields.Due"),
            state: Some(("state", "open", "closed")),
            shortens: None,
        }
    }

    fn free_id(&self) -> &'static str {
        "70000"
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::seconds(self.passed.load(Ordering::Relaxed) as i64)
    }

    async fn add(&self, title: &str) -> String {
        let long_ago = "2025-01-01T00:00:00Z";
        let issue = json!({ "title": title, "created_at": long_ago, "updated_at": long_ago });
        self.world.control("POST", &format!("{REPOSITORY}/issues"), issue)["number"].to_string()
    }

    async fn seed(&self, count: usize) {
        self.world.control("POST", &format!("{REPOSITORY}/seed"), json!({ "items": count }));
    }

    async fn edit(&self, id: &str, field: &str, value: Json) {
        let change = match field.strip_prefix("fields.") {
            Some(name) => json!({ "fields": { name: value } }),
            None => json!({ field: value }),
        };
        self.world.control("PATCH", &format!("{REPOSITORY}/issues/{id}"), change);
    }

    async fn remove(&self, id: &str) {
        self.world.control("DELETE", &format!("{REPOSITORY}/issues/{id}"), Json::Null);
    }

    async fn pass(&self, time: Duration) {
        self.world.advance(time.as_secs());
        self.passed.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    fn faults(&self) -> &'static [Fault] {
        &[
            Fault::LostAnswer,
            Fault::Limit,
            Fault::LimitedCreate,
            Fault::Outage,
            Fault::LostPermission,
            Fault::DeadToken,
        ]
    }

    async fn fail(&self, fault: Fault) {
        let limit = json!({ "kind": "rate_limit", "retry_after": LIMITED.as_secs() });
        let with = |mut fault: Json, key: &str, value: Json| {
            fault[key] = value;
            fault
        };
        match fault {
            Fault::LostAnswer => {
                self.world.fault(json!({ "method": "POST", "kind": "reset", "when": "after" }))
            }
            Fault::Limit => self.world.fault(limit),
            Fault::LimitedCreate => {
                self.world.fault(with(with(limit, "method", json!("POST")), "nth", json!(2)));
            }
            Fault::Outage => self.world.fault(json!({ "kind": "status", "status": 503 })),
            Fault::LostPermission => {
                self.world.control("DELETE", &format!("{REPOSITORY}/members/ada"), Json::Null);
            }
            Fault::DeadToken => {
                let token = format!("/github/tokens/{}", self.world.token);
                self.world.control("PATCH", &token, json!({ "expires_in": 0 }));
            }
        }
    }
}
