//! A simulator with teams, and places opened on it.

use std::ops::Deref;

use serde_json::{Value as Json, json};
use syncline_connectors::Account;
use syncline_engine::{
    Item,
    ports::{Place, Written},
};
use syncline_simulator::Settings;

pub(crate) use crate::simulated::{Never, create, done, field, refused, remove, update};
use crate::simulated::{Simulated, parts};

/// A simulator with the team `ENG`, whose members are `ada` and `bruno`, and the team `OPS`. `ENG` has the usual states and
/// estimates of the Fibonacci scale; the workspace has the labels `Bug` and `needs triage`, and the group `Area` with
/// `Frontend` and `Backend`.
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
        let simulated = Simulated::new(settings, "linear", 3_000).await;
        let mut world = World { simulated, token: String::new() };
        for key in ["ENG", "OPS"] {
            let team = json!({ "key": key, "members": ["ada", "bruno"], "estimation": "fibonacci" });
            world.control("POST", "/linear/teams", team);
        }
        for label in [
            json!({ "name": "Bug" }),
            json!({ "name": "needs triage" }),
            json!({ "name": "Area", "group": true }),
            json!({ "name": "Frontend", "parent": "Area" }),
            json!({ "name": "Backend", "parent": "Area" }),
        ] {
            world.control("POST", "/linear/labels", label);
        }
        world.token = world.key_of("ada");
        world
    }

    /// Makes a personal API key.
    pub(crate) fn key_of(&self, user: &str) -> String {
        let made = self.control("POST", "/linear/tokens", json!({ "user": user }));
        made["token"].as_str().unwrap().to_owned()
    }

    /// Creates an issue as a person does in the browser.
    #[track_caller]
    pub(crate) fn person_creates(&self, issue: Json) -> String {
        self.control("POST", "/linear/teams/ENG/issues", issue)["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn person_edits(&self, id: &str, change: Json) {
        self.control("PATCH", &format!("/linear/issues/{id}"), change);
    }

    /// What a person does to an issue: `archive`, `move`.
    #[track_caller]
    pub(crate) fn person_does(&self, id: &str, what: &str, how: Json) {
        self.control("POST", &format!("/linear/issues/{id}/{what}"), how);
    }

    /// An issue as Linear stores it.
    pub(crate) fn stored(&self, id: &str) -> Json {
        self.control("GET", &format!("/linear/issues/{id}"), Json::Null)
    }

    pub(crate) fn count(&self) -> usize {
        let issues = self.control("GET", "/linear/teams/ENG/issues", Json::Null);
        issues.as_array().unwrap().len()
    }

    /// The names of the operations since [`World::forget`]: `Issues`, `Write`.
    pub(crate) fn operations(&self) -> Vec<String> {
        let name = |body: &Json| {
            let text = body["query"].as_str().unwrap();
            text.split(|c: char| !c.is_alphanumeric()).nth(1).unwrap().to_owned()
        };
        self.bodies().iter().map(name).collect()
    }

    /// The bodies of the requests since [`World::forget`].
    pub(crate) fn bodies(&self) -> Vec<Json> {
        let body = |entry: &Json| match &entry["body"] {
            Json::String(text) => serde_json::from_str(text).unwrap(),
            body => body.clone(),
        };
        self.log().iter().map(body).collect()
    }

    pub(crate) fn account(&self) -> Account {
        self.account_of(&self.token)
    }

    pub(crate) fn account_of(&self, token: &str) -> Account {
        self.account_at(self.running.linear(), token)
    }

    pub(crate) async fn open(&self) -> Box<dyn Place> {
        self.open_with(json!({ "team": "ENG" }), &self.account(), &[]).await
    }
}

/// The item of a write that was applied, and the fields left out, each with the reason.
#[track_caller]
pub(crate) fn in_part(written: Written) -> (Item, Vec<String>) {
    let (item, left_out) = parts(written);
    (item, left_out.into_iter().map(|(field, error)| format!("{field}: {error}")).collect())
}

pub(crate) fn titles(items: &[Item]) -> Vec<String> {
    let mut titles: Vec<String> =
        items.iter().map(|item| field(item, "title").as_str().unwrap().to_owned()).collect();
    titles.sort();
    titles
}
