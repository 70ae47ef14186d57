//! A simulator with a Jira site, and places opened on it.

use std::ops::Deref;

use serde_json::{Value as Json, json};
use syncline_connectors::Account;
use syncline_engine::ports::Place;
use syncline_simulator::Settings;

use crate::simulated::Simulated;
pub(crate) use crate::simulated::{
    Never, close, create, delete, done, field, ids, in_part, marker, refused, update,
};

/// A site with the company-managed project `SYNC`, the team-managed `TEAM`, and people: `ada` administrates, `bruno` is a
/// member, `emil` may only look. Searches lag by nothing.
pub(crate) struct World {
    simulated: Simulated,
    pub(crate) token: String,
}

impl Deref for World {
    type Target = Simulated;

    fn deref(&self) -> &Simulated {
        &self.simulated
    }
}

impl World {
    pub(crate) async fn new() -> World {
        World::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> World {
        let simulated = Simulated::new(settings, "jira", 1_500).await;
        let mut world = World { simulated, token: String::new() };
        world.switch(json!({ "index_lag_ms": 0 }));
        for (handle, name) in [("ada", "Ada Quist"), ("bruno", "Bruno Tamm"), ("emil", "Emil Strand")] {
            let user = json!({ "handle": handle, "name": name, "admin": handle == "ada" });
            world.control("POST", "/jira/users", user);
        }
        let members = json!({ "ada": "admin", "bruno": "member", "emil": "viewer" });
        for (key, team_managed) in [("SYNC", false), ("OTHER", false), ("TEAM", true)] {
            let project =
                json!({ "key": key, "team_managed": team_managed, "lead": "ada", "members": members });
            world.control("POST", "/jira/projects", project);
        }
        world.token = world.token_of("ada");
        world
    }

    /// Makes an API token of a user, behind the e-mail address.
    pub(crate) fn token_of(&self, user: &str) -> String {
        let made = self.control("POST", "/jira/tokens", json!({ "user": user }));
        format!("{}:{}", made["email"].as_str().unwrap(), made["token"].as_str().unwrap())
    }

    /// The account id of a user.
    pub(crate) fn person(&self, handle: &str) -> String {
        let state = self.control("GET", "/jira/state", Json::Null);
        let users = state["users"].as_array().unwrap();
        let found = users.iter().find(|user| user["handle"] == handle).unwrap();
        found["account_id"].as_str().unwrap().to_owned()
    }

    /// Creates an issue as a person does in the browser. Returns its id.
    #[track_caller]
    pub(crate) fn person_creates(&self, issue: Json) -> String {
        self.control("POST", "/jira/projects/SYNC/issues", issue)["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn person_edits(&self, id: &str, change: Json) {
        self.control("PATCH", &format!("/jira/issues/{id}"), change);
    }

    #[track_caller]
    pub(crate) fn person_moves(&self, id: &str, to: &str) {
        self.control("POST", &format!("/jira/issues/{id}/move"), json!({ "to": to }));
    }

    #[track_caller]
    pub(crate) fn person_deletes(&self, id: &str) {
        self.control("DELETE", &format!("/jira/issues/{id}"), Json::Null);
    }

    /// An issue as Jira stores it.
    pub(crate) fn stored(&self, id: &str) -> Json {
        self.control("GET", &format!("/jira/issues/{id}"), Json::Null)
    }

    /// A field of an issue as Jira stores it.
    pub(crate) fn shown(&self, id: &str, field: &str) -> Json {
        self.stored(id)["fields"][field].clone()
    }

    pub(crate) fn count(&self) -> usize {
        let issues = self.control("GET", "/jira/projects/SYNC/issues", Json::Null);
        issues.as_array().unwrap().len()
    }

    pub(crate) fn seed(&self, seed: Json) {
        self.control("POST", "/jira/projects/SYNC/seed", seed);
    }

    /// Adds a field to the site. Returns its id.
    pub(crate) fn field(&self, field: Json) -> String {
        self.control("POST", "/jira/fields", field)["id"].as_str().unwrap().to_owned()
    }

    /// Gives SYNC another workflow.
    #[track_caller]
    pub(crate) fn workflow(&self, statuses: Json, transitions: Json) {
        let workflow =
            json!({ "name": "Ours", "statuses": statuses, "transitions": transitions, "projects": ["SYNC"] });
        self.control("POST", "/jira/workflows", workflow);
    }

    /// The next requests are refused by a limit.
    #[track_caller]
    pub(crate) fn limit(&self, limit: Json) {
        self.control("POST", "/jira/limits", limit);
    }

    pub(crate) fn account(&self) -> Account {
        self.account_of(&self.token)
    }

    pub(crate) fn account_of(&self, token: &str) -> Account {
        self.account_at(self.running.jira(), token)
    }

    pub(crate) async fn open(&self) -> Box<dyn Place> {
        self.open_with(json!({ "project_key": "SYNC" }), &self.account(), &[]).await
    }

    pub(crate) async fn open_as(&self, token: &str) -> Box<dyn Place> {
        self.open_with(json!({ "project_key": "SYNC" }), &self.account_of(token), &[]).await
    }
}
