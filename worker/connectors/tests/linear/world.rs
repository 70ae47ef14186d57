//! A simulator with teams, and places opened on it.

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
        Call, ConnectorError, Done, Found, Gate, Leave, ListingEnd, Marker, Meter, OpenGate, Place, Probed,
        ReadMode, Stopped, Write, WriteOp, Written,
    },
    value::{Fields, fields_from_json},
};
use syncline_simulator::{Running, Settings, Simulator};

/// A simulator with the team `ENG`, whose members are `ada` and `bruno`, and the team `OPS`. `ENG` has the usual states and
/// estimates of the Fibonacci scale; the workspace has the labels `Bug` and `needs triage`, and the group `Area` with
/// `Frontend` and `Backend`.
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
            total_timeout: Duration::from_millis(3000),
            ..HttpConfig::default()
        };
        let http = Http::new(&config).unwrap();
        let mut world = World { running, token: String::new(), http, meter: Meter::default() };
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

    pub(crate) fn switch(&self, settings: Json) {
        self.control("PATCH", "/linear/settings", settings);
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.control("POST", "/clock", json!({ "advance": seconds }));
    }

    /// Forgets the requests so far.
    pub(crate) fn forget(&self) {
        self.control("DELETE", "/log", Json::Null);
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

    pub(crate) fn log(&self) -> Vec<Json> {
        self.control("GET", "/log", Json::Null)["entries"].as_array().unwrap().clone()
    }

    pub(crate) fn account(&self) -> Account {
        self.account_of(&self.token)
    }

    pub(crate) fn account_of(&self, token: &str) -> Account {
        Account {
            name: "acme-linear".to_owned(),
            base_url: Some(self.running.linear()),
            token: Token::new(token),
            keeps_limits: true,
            http: self.http.clone(),
        }
    }

    pub(crate) async fn open(&self) -> Box<dyn Place> {
        self.open_with(json!({ "team": "ENG" }), &self.account(), &[]).await
    }

    pub(crate) async fn open_with(&self, scope: Json, account: &Account, mapped: &[&str]) -> Box<dyn Place> {
        let mapped: Vec<String> = mapped.iter().map(|name| (*name).to_owned()).collect();
        let opening =
            Opening { account: Some(account), entity: "issue", fields: &mapped, ..Opening::new(&scope) };
        platform("linear").unwrap().open(&opening).await.unwrap()
    }

    /// The context of a call with leave to write.
    pub(crate) fn call(&self) -> Call<'_> {
        self.call_through(&OpenGate)
    }

    pub(crate) fn call_through<'a>(&'a self, gate: &'a dyn Gate) -> Call<'a> {
        Call::new(&Always, gate, &self.meter, chrono::Utc::now())
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

pub(crate) fn remove(id: &str, how: Removal) -> Write {
    write(WriteOp::Remove { id: id.to_owned(), how })
}

/// The item of a write that was applied in full.
#[track_caller]
pub(crate) fn done(written: Written) -> Item {
    let (item, left_out) = in_part(written);
    assert_eq!(left_out, Vec::<String>::new());
    item
}

/// The item of a write that was applied, and the fields left out, each with the reason.
#[track_caller]
pub(crate) fn in_part(written: Written) -> (Item, Vec<String>) {
    match written {
        Written::Done(Done { item, left_out, .. }) => {
            let told = |(field, error): (String, ConnectorError)| format!("{field}: {error}");
            (item.unwrap(), left_out.into_iter().map(told).collect())
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

pub(crate) fn titles(items: &[Item]) -> Vec<String> {
    let mut titles: Vec<String> =
        items.iter().map(|item| field(item, "title").as_str().unwrap().to_owned()).collect();
    titles.sort();
    titles
}
