//! A client of a platform that exists for tests only.

use std::{
    sync::{LazyLock, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::Utc;
use serde_json::Value as Json;
use syncline_connectors::{
    Account, Token,
    headers::{HeaderSet, ResetForm},
    http::{Auth, Class, Client, Dialect, Head, Http, HttpConfig, Told},
};
use syncline_engine::{
    limits::{CallResult, Dimension, Lane, Learned, Observed},
    ports::{Call, Gate, Leave, Meter, Pass, Refusal, Stopped},
};

/// A secret that must appear nowhere.
pub(crate) const SECRET: &str = "s3cr3t-t0k3n";

pub(crate) static HOURLY: LazyLock<Dimension> =
    LazyLock::new(|| Dimension::windowed("hourly", 5_000.0, Duration::from_secs(3600)));

/// A platform with limits like GitHub's and errors like Jira's.
pub(crate) struct Acme;

impl Dialect for Acme {
    fn platform(&self) -> &'static str {
        "acme"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("accept", "application/vnd.acme+json"), ("x-acme-version", "7")]
    }

    fn observed(&self, head: &Head<'_>) -> Vec<Observed> {
        let set = HeaderSet {
            limit: Some("x-limit"),
            remaining: "x-remaining",
            reset: Some(("x-reset", ResetForm::EpochSeconds)),
        };
        set.observe(&HOURLY, |name| head.header(name), head.now).into_iter().collect()
    }

    fn told(&self, _: &Head<'_>, body: &[u8]) -> Told {
        let Ok(body) = serde_json::from_slice::<Json>(body) else { return Told::default() };
        let code = body["code"].as_str().map(str::to_owned);
        let class = (code.as_deref() == Some("slow_down")).then_some(Class::RateLimited);
        Told { class, code, message: body["message"].as_str().map(str::to_owned), ..Told::default() }
    }

    fn objection(&self, head: &Head<'_>) -> Option<Told> {
        head.header("x-login")?.contains("FAILED").then(|| Told {
            class: Some(Class::Auth),
            message: Some("anonymous".to_owned()),
            ..Told::default()
        })
    }

    fn graphql(&self, error: &Json) -> Told {
        let code = error["extensions"]["code"].as_str().map(str::to_owned);
        let class = match code.as_deref() {
            Some("LIMITED") => Some(Class::RateLimited),
            Some("NOT_FOUND") => Some(Class::NotFound),
            Some("INTERNAL") => Some(Class::Transient),
            _ => None,
        };
        Told { class, code, message: error["message"].as_str().map(str::to_owned), ..Told::default() }
    }
}

/// A client of the account `acme-1` at this address.
pub(crate) fn client(url: &str) -> Client {
    client_with(url, quick())
}

pub(crate) fn client_with(url: &str, config: HttpConfig) -> Client {
    account(url, config).client(&Acme, "https://acme.example", Auth::Bearer).unwrap()
}

pub(crate) fn account(url: &str, config: HttpConfig) -> Account {
    let http = Http::new(&config).unwrap();
    Account {
        name: "acme-1".to_owned(),
        base_url: Some(url.to_owned()),
        token: Token::new(SECRET),
        keeps_limits: true,
        http,
    }
}

/// Settings that reach this machine and give up soon.
pub(crate) fn quick() -> HttpConfig {
    HttpConfig {
        allow_private: "127.0.0.1,localhost".parse().unwrap(),
        connect_timeout: Duration::from_millis(300),
        read_timeout: Duration::from_millis(400),
        total_timeout: Duration::from_millis(1500),
        largest_body: 10_000,
        ..HttpConfig::default()
    }
}

/// A gate that remembers what it was asked and told.
#[derive(Default)]
pub(crate) struct TestGate {
    /// Refuses everything for this reason.
    pub(crate) refusal: Option<Refusal>,
    told: std::sync::Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    asked: Vec<Vec<(String, f64)>>,
    ended: Vec<(CallResult, Learned)>,
}

impl TestGate {
    pub(crate) fn asked(&self) -> Vec<Vec<(String, f64)>> {
        self.told.lock().unwrap().asked.clone()
    }

    /// How the only request ended.
    #[track_caller]
    pub(crate) fn ended(&self) -> (CallResult, Learned) {
        let ended = self.told.lock().unwrap().ended.clone();
        assert_eq!(ended.len(), 1, "{ended:?}");
        ended.into_iter().next().unwrap()
    }
}

#[async_trait]
impl Gate for TestGate {
    fn lane(&self) -> Lane {
        Lane::Edit
    }

    async fn ask(&self, costs: &[(&Dimension, f64)]) -> Result<Box<dyn Pass>, Refusal> {
        let costs = costs.iter().map(|(dimension, amount)| (dimension.name.to_string(), *amount));
        self.told.lock().unwrap().asked.push(costs.collect());
        match &self.refusal {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(Box::new(TestPass(self.told.clone()))),
        }
    }
}

struct TestPass(std::sync::Arc<Mutex<Heard>>);

#[async_trait]
impl Pass for TestPass {
    async fn report(self: Box<Self>, result: CallResult, learned: Learned) {
        self.0.lock().unwrap().ended.push((result, learned));
    }
}

/// Leave that is given, or not.
pub(crate) struct May(pub(crate) bool);

impl Leave for May {
    fn check(&self) -> Result<(), Stopped> {
        if self.0 { Ok(()) } else { Err(Stopped::LeaseLost) }
    }

    fn remaining(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// What a call needs.
pub(crate) struct Stage {
    pub(crate) gate: TestGate,
    pub(crate) meter: Meter,
    pub(crate) leave: May,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        Stage { gate: TestGate::default(), meter: Meter::default(), leave: May(true) }
    }

    pub(crate) fn call(&self) -> Call<'_> {
        Call::new(&self.leave, &self.gate, &self.meter, Utc::now())
    }
}
