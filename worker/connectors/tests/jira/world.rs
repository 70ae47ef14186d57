//! A simulator with a Jira site, and places opened on it.

use std::time::Duration;

use serde_json::{Value as Json, json};
use syncline_connectors::{
    Account, Opening, Token,
    http::{Http, HttpConfig},
    platform,
};
use syncline_engine::{
    Item, Value,
    capability::Removal,
    ports::{
        Call, ConnectorError, Done, Found, Leave, ListingEnd, Marker, Meter, OpenGate, Place, Probed,
        ReadMode, Stopped, Write, WriteOp, Written,
    },
    value::{Fields, fields_from_json},
};
use syncline_simulator::{Running, Settings, Simulator};

/// A site with the company-managed project `SYNC`, the team-managed `TEAM`, and people: `ada` administrates, `bruno` is a
/// member, `emil` may only look. Searches lag by nothing.
pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) token: String,
    http: Http,
    meter: Meter,
}

pub(crate) struct Always;

impl Leave for Always {
    fn check(&self) -> Result<(), Stopped> {
        Ok(())
    }

    fn remaining(&self) -> Duration {
        Duration::from_secs(30)
    }
}

pub(crate) struct Never;

impl Leave for Never {
    fn check(&self) -> Result<(), Stopped> {
        Err(Stopped::LeaseLost)
    }

    fn remaining(&self) -> Duration {
        Duration::from_secs(30)
    }
}

impl World {
    pub(crate) async fn new() -> World {
        World::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> World {
        let running = Simulator::start(settings).await.unwrap();
        let config = HttpConfig {
            allow_private: "127.0.0.1".parse().unwrap(),
            total_timeout: Duration::from_millis(1500),
            ..HttpConfig::default()
        };
        let http = Http::new(&config).unwrap();
        let mut world = World { running, token: String::new(), http, meter: Meter::default() };
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

    /// Uses the control API, which must succeed.
    #[track_caller]
    pub(crate) fn control(&self, method: &str, path: &str, body: Json) -> Json {
        let (status, shown) = self.running.control(method, path, &body);
        assert!(status < 300, "{method} {path}: {status} {shown}");
        shown
    }

    #[track_caller]
    pub(crate) fn fault(&self, fault: Json) {
        self.control("POST", "/faults", fault);
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

    pub(crate) fn switch(&self, settings: Json) {
        self.control("PATCH", "/jira/settings", settings);
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.control("POST", "/clock", json!({ "advance": seconds }));
    }

    /// Forgets the requests so far.
    pub(crate) fn forget(&self) {
        self.control("DELETE", "/log", Json::Null);
    }

    /// The requests since [`World::forget`]: `POST /rest/api/3/search/jql`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let line = |entry: &Json| {
            format!(
                "{} {}",
                entry["method"].as_str().unwrap(),
                entry["url"].as_str().unwrap().split('?').next().unwrap()
            )
        };
        self.log().iter().map(line).collect()
    }

    pub(crate) fn log(&self) -> Vec<Json> {
        self.control("GET", "/log", Json::Null)["entries"].as_array().unwrap().clone()
    }

    pub(crate) fn account(&self) -> Account {
        self.account_of(&self.token)
    }

    pub(crate) fn account_of(&self, token: &str) -> Account {
        Account {
            name: "acme-jira".to_owned(),
            base_url: Some(self.running.jira()),
            token: Token::new(token),
            keeps_limits: true,
            http: self.http.clone(),
        }
    }

    pub(crate) async fn open(&self) -> Box<dyn Place> {
        self.open_with(json!({ "project_key": "SYNC" }), &self.account(), &[]).await
    }

    pub(crate) async fn open_as(&self, token: &str) -> Box<dyn Place> {
        self.open_with(json!({ "project_key": "SYNC" }), &self.account_of(token), &[]).await
    }

    pub(crate) async fn open_with(&self, scope: Json, account: &Account, mapped: &[&str]) -> Box<dyn Place> {
        let mapped: Vec<String> = mapped.iter().map(|name| (*name).to_owned()).collect();
        let opening =
            Opening { account: Some(account), entity: "issue", fields: &mapped, ..Opening::new(&scope) };
        platform("jira").unwrap().open(&opening).await.unwrap()
    }

    /// The context of a call with leave to write.
    pub(crate) fn call(&self) -> Call<'_> {
        Call::new(&Always, &OpenGate, &self.meter, chrono::Utc::now())
    }

    pub(crate) async fn fetch(&self, place: &dyn Place, id: &str) -> Result<Found, ConnectorError> {
        let mut answers = place.fetch(&[id.to_owned()], &self.call()).await;
        assert_eq!(answers.len(), 1);
        let (answered, found) = answers.remove(0);
        assert_eq!(answered, id);
        found
    }

    pub(crate) async fn item(&self, place: &dyn Place, id: &str) -> Item {
        match self.fetch(place, id).await {
            Ok(Found::Item(item)) => item,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn list(
        &self,
        place: &dyn Place,
        mode: ReadMode,
    ) -> Result<(Vec<Item>, ListingEnd), ConnectorError> {
        let mut listing = place.list(mode, None, &self.call()).await?;
        let mut items = Vec::new();
        while let Some(page) = listing.next_page(&self.call()).await? {
            assert!(page.len() <= place.capabilities().list_page);
            items.extend(page);
        }
        Ok((items, listing.end()))
    }

    pub(crate) async fn write(&self, place: &dyn Place, write: Write) -> Written {
        let mut outcomes = place.write(&[write], &self.call()).await;
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0)
    }

    pub(crate) async fn probe(&self, place: &dyn Place, texts: &[&str]) -> Vec<Option<String>> {
        let markers: Vec<Marker> = texts.iter().map(|text| marker(text)).collect();
        let probed = place.probe(&markers, &self.call()).await.unwrap();
        let id = |probed| match probed {
            Probed::Found(item) => Some(item.id),
            Probed::Absent => None,
            Probed::CannotTell => panic!("issues can tell"),
        };
        probed.into_iter().map(id).collect()
    }
}

pub(crate) fn marker(text: &str) -> Marker {
    Marker { text: text.to_owned(), id: None }
}

fn write(op: WriteOp) -> Write {
    Write { op, expected: Fields::new(), version: None }
}

pub(crate) fn create(text: &str, fields: Json) -> Write {
    write(WriteOp::Create { marker: marker(text), fields: fields_from_json(&fields) })
}

pub(crate) fn update(id: &str, fields: Json) -> Write {
    write(WriteOp::Update { id: id.to_owned(), fields: fields_from_json(&fields) })
}

pub(crate) fn close(id: &str) -> Write {
    write(WriteOp::Remove { id: id.to_owned(), how: Removal::Close })
}

pub(crate) fn delete(id: &str) -> Write {
    write(WriteOp::Remove { id: id.to_owned(), how: Removal::Delete })
}

/// The item of a write that was applied in full.
#[track_caller]
pub(crate) fn done(written: Written) -> Item {
    let (item, left_out) = in_part(written);
    assert_eq!(left_out, Vec::<String>::new());
    item
}

/// The item of a write that was applied, and the fields left out.
#[track_caller]
pub(crate) fn in_part(written: Written) -> (Item, Vec<String>) {
    match written {
        Written::Done(Done { item, left_out, .. }) => {
            (item.unwrap(), left_out.into_iter().map(|(field, _)| field).collect())
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn refused(written: Written) -> ConnectorError {
    match written {
        Written::Refused(error) => error,
        other => panic!("{other:?}"),
    }
}

/// A field of an item as JSON.
#[track_caller]
pub(crate) fn field(item: &Item, name: &str) -> Json {
    item.fields.get(name).map_or(Json::Null, Value::to_json)
}

pub(crate) fn ids(items: &[Item]) -> Vec<u64> {
    items.iter().map(|item| item.id.parse().unwrap()).collect()
}
