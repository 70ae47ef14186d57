//! A simulator with repositories, and places opened on it.

use std::ops::Deref;

use serde_json::{Value as Json, json};
use syncline_connectors::Account;
use syncline_engine::ports::Place;
use syncline_simulator::Settings;

use crate::simulated::Simulated;
pub(crate) use crate::simulated::{
    Always, Never, close, create, delete, done, field, ids, in_part, marker, refused, update,
};

/// A simulator with the public repository `acme/web`, the private `acme/secret`, and people: `ada` administrates, `bruno`
/// may write, `dora` may triage, `emil` may read.
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
        let simulated = Simulated::new(settings, "github", 1_500).await;
        let mut world = World { simulated, token: String::new() };
        let members = json!({ "ada": "admin", "bruno": "write", "dora": "triage", "emil": "read" });
        for (name, private) in [("web", false), ("secret", true)] {
            let labels = ["bug", "needs triage"];
            world.control(
                "POST",
                "/github/repos",
                json!({ "owner": "acme", "name": name, "private": private, "members": members, "labels": labels }),
            );
        }
        world.token = world.token_of("ada");
        world
    }

    /// Makes a classic token of an account.
    pub(crate) fn token_of(&self, login: &str) -> String {
        let made = self.control("POST", "/github/tokens", json!({ "account": login }));
        made["token"].as_str().unwrap().to_owned()
    }

    /// Creates an issue as a person does in the browser.
    #[track_caller]
    pub(crate) fn person_creates(&self, issue: Json) -> String {
        self.control("POST", "/github/repos/acme/web/issues", issue)["number"].to_string()
    }

    #[track_caller]
    pub(crate) fn person_edits(&self, id: &str, change: Json) {
        self.control("PATCH", &format!("/github/repos/acme/web/issues/{id}"), change);
    }

    /// An issue as GitHub stores it.
    pub(crate) fn stored(&self, id: &str) -> Json {
        self.control("GET", &format!("/github/repos/acme/web/issues/{id}"), Json::Null)
    }

    pub(crate) fn count(&self) -> usize {
        let issues = self.control("GET", "/github/repos/acme/web/issues", Json::Null);
        issues.as_array().unwrap().len()
    }

    pub(crate) fn transfer(&self, id: &str, to: &str) -> Json {
        self.control("POST", &format!("/github/repos/acme/web/issues/{id}/transfer"), json!({ "to": to }))
    }

    pub(crate) fn account(&self) -> Account {
        self.account_of(&self.token)
    }

    pub(crate) fn account_of(&self, token: &str) -> Account {
        self.account_at(self.running.github(), token)
    }

    pub(crate) async fn open(&self) -> Box<dyn Place> {
        self.open_with(json!({ "repository": "acme/web" }), &self.account(), &[]).await
    }

    pub(crate) async fn open_as(&self, token: &str) -> Box<dyn Place> {
        self.open_with(json!({ "repository": "acme/web" }), &self.account_of(token), &[]).await
    }
}
