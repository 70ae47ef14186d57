//! A simulator, and places opened on it: what the tests of all platforms share.

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

/// A simulator, and the connections to it.
pub(crate) struct Simulated {
    pub(crate) running: Running,
    /// The platform whose places are opened.
    platform: &'static str,
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

impl Simulated {
    /// An empty simulator. Requests are waited for so many milliseconds.
    pub(crate) async fn new(settings: Settings, platform: &'static str, timeout: u64) -> Simulated {
        let running = Simulator::start(settings).await.unwrap();
        let config = HttpConfig {
            allow_private: "127.0.0.1".parse().unwrap(),
            total_timeout: Duration::from_millis(timeout),
            ..HttpConfig::default()
        };
        Simulated { running, platform, http: Http::new(&config).unwrap(), meter: Meter::default() }
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

    /// Changes the settings of the simulated platform.
    pub(crate) fn switch(&self, settings: Json) {
        self.control("PATCH", &format!("/{}/settings", self.platform), settings);
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.control("POST", "/clock", json!({ "advance": seconds }));
    }

    /// Forgets the requests so far.
    pub(crate) fn forget(&self) {
        self.control("DELETE", "/log", Json::Null);
    }

    /// The requests since [`Simulated::forget`]: `POST /rest/api/3/search/jql`.
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

    /// An account on the platform, at this address.
    pub(crate) fn account_at(&self, base_url: String, token: &str) -> Account {
        Account {
            name: format!("acme-{}", self.platform),
            base_url: Some(base_url),
            token: Token::new(token),
            keeps_limits: true,
            http: self.http.clone(),
        }
    }

    pub(crate) async fn open_with(&self, scope: Json, account: &Account, mapped: &[&str]) -> Box<dyn Place> {
        let mapped: Vec<String> = mapped.iter().map(|name| (*name).to_owned()).collect();
        let opening =
            Opening { account: Some(account), entity: "issue", fields: &mapped, ..Opening::new(&scope) };
        platform(self.platform).unwrap().open(&opening, &self.call()).await.unwrap()
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

pub(crate) fn close(id: &str) -> Write {
    remove(id, Removal::Close)
}

pub(crate) fn delete(id: &str) -> Write {
    remove(id, Removal::Delete)
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
    let (item, left_out) = parts(written);
    (item, left_out.into_iter().map(|(field, _)| field).collect())
}

/// The item of a write that was applied, and the fields left out, each with the reason.
#[track_caller]
pub(crate) fn parts(written: Written) -> (Item, Vec<(String, ConnectorError)>) {
    match written {
        Written::Done(Done { item, left_out, .. }) => (item.unwrap(), left_out),
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
