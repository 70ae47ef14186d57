//! The issues of a Jira project, on the simulator.

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
use crate::jira::World;

/// A kind of project.
pub(super) struct Project(pub(super) &'static str);

/// Company-managed, and team-managed.
pub(super) const PROJECTS: [Project; 2] = [Project("SYNC"), Project("TEAM")];

#[async_trait]
impl Kind for Project {
    fn name(&self) -> String {
        format!("jira {}", self.0)
    }

    fn recorded(&self) -> Option<&'static str> {
        Some("jira")
    }

    async fn open(&self, log: Option<&Path>) -> Box<dyn Stage> {
        let world = World::with(Settings { log: log.map(Path::to_owned), ..Settings::default() }).await;
        let place = open(&world, self.0).await;
        Box::new(Site { place, project: self.0, world, passed: AtomicU64::new(0) })
    }
}

async fn open(world: &World, project: &str) -> Box<dyn Place> {
    world.open_with(json!({ "project_key": project }), &world.account(), &[]).await
}

struct Site {
    place: Box<dyn Place>,
    project: &'static str,
    world: World,
    /// Seconds by which the clock was moved on.
    passed: AtomicU64,
}

#[async_trait]
impl Stage for Site {
    fn place(&self) -> &dyn Place {
        &*self.place
    }

    async fn again(&self) -> Box<dyn Place> {
        open(&self.world, self.project).await
    }

    fn roles(&self) -> Roles {
        Roles {
            title: "summary",
            text: "description",
            fixed: "key",
            set: Some("labels"),
            date: Some("duedate"),
            state: Some(("status", "To Do", "Done")),
            shortens: Some(16_000),
        }
    }

    /// Jira keeps a document, and no text.
    fn is_same_text(&self, read: &Value, written: &str) -> bool {
        matches!(read, Value::Text(read) if same(read, written, Dialect::Markdown))
    }

    fn free_id(&self) -> &'static str {
        "70000"
    }

    fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::seconds(self.passed.load(Ordering::Relaxed) as i64)
    }

    async fn add(&self, title: &str) -> String {
        let long_ago = "2025-01-01T00:00:00Z";
        let issue = json!({ "summary": title, "created_at": long_ago, "updated_at": long_ago });
        let made = self.world.control("POST", &format!("/jira/projects/{}/issues", self.project), issue);
        made["id"].as_str().unwrap().to_owned()
    }

    async fn seed(&self, count: usize) {
        self.world.control(
            "POST",
            &format!("/jira/projects/{}/seed", self.project),
            json!({ "items": count }),
        );
    }

    async fn edit(&self, id: &str, field: &str, value: Json) {
        self.world.person_edits(id, json!({ field: value }));
    }

    async fn remove(&self, id: &str) {
        self.world.person_deletes(id);
    }

    async fn pass(&self, time: Duration) {
        self.world.advance(time.as_secs());
        self.passed.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// A batch of creates is one request, so that none of them can be limited by itself.
    fn faults(&self) -> &'static [Fault] {
        &[Fault::LostAnswer, Fault::Limit, Fault::Outage, Fault::LostPermission, Fault::DeadToken]
    }

    async fn fail(&self, fault: Fault) {
        match fault {
            Fault::LostAnswer => {
                let path = "/rest/api/3/issue/bulk";
                self.world.fault(json!({ "path": path, "kind": "reset", "when": "after" }));
            }
            Fault::Limit | Fault::LimitedCreate => {
                self.world.fault(json!({ "kind": "rate_limit", "retry_after": LIMITED.as_secs() }));
            }
            Fault::Outage => self.world.fault(json!({ "kind": "status", "status": 503 })),
            Fault::LostPermission => {
                let member = format!("/jira/projects/{}/members/ada", self.project);
                self.world.control("DELETE", &member, Json::Null);
            }
            Fault::DeadToken => {
                let token = self.world.token.split_once(':').unwrap().1;
                self.world.control("PATCH", &format!("/jira/tokens/{token}"), json!({ "expires_in": -1 }));
            }
        }
    }
}
