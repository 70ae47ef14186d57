//! A simulator with a repository, and requests to it.

use reqwest::{Client, Method, header::HeaderMap};
use serde_json::{Value, json};
use syncline_simulator::{Limits, Running, Settings, Simulator};

/// A simulator with the public repository `acme/web`, the private `acme/secret`, and three people: `ada` is an
/// administrator, `bruno` may write, `emil` may read.
pub(crate) struct Place {
    pub(crate) running: Running,
    pub(crate) client: Client,
    pub(crate) token: String,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.header(name).parse().unwrap_or_else(|_| panic!("{name} is no number: {:?}", self.headers))
    }

    /// Returns the address behind `rel` in the Link header.
    pub(crate) fn link(&self, rel: &str) -> Option<String> {
        let wanted = format!("rel=\"{rel}\"");
        let link = self.header("link").split(", ").find(|link| link.ends_with(&wanted))?;
        Some(link.trim_start_matches('<').split('>').next()?.to_owned())
    }

    /// Returns the message of an error.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// Returns the numbers of a list of issues.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.body.as_array().unwrap().iter().map(|issue| issue["number"].as_u64().unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Got {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

pub(crate) const ISSUES: &str = "/repos/acme/web/issues";

impl Place {
    pub(crate) async fn new() -> Place {
        Place::with(Settings::default()).await
    }

    /// Starts a simulator whose limits are enforced.
    pub(crate) async fn limited() -> Place {
        Place::with(Settings { limits: Limits::Real, ..Settings::default() }).await
    }

    pub(crate) async fn with(settings: Settings) -> Place {
        let running = Simulator::start(settings).await.unwrap();
        let client = client();
        let mut place = Place { running, client, token: String::new() };
        let members = json!({ "ada": "admin", "bruno": "write", "dora": "triage", "emil": "read" });
        for (name, private) in [("web", false), ("secret", true)] {
            let labels = ["bug", "needs triage"];
            place.control("POST", "/github/repos", json!({ "owner": "acme", "name": name, "private": private, "members": members, "labels": labels }));
        }
        place.token = place.token_of("ada");
        place
    }

    /// Makes a classic token of an account.
    pub(crate) fn token_of(&self, login: &str) -> String {
        let made = self.control("POST", "/github/tokens", json!({ "account": login }));
        made["token"].as_str().unwrap().to_owned()
    }

    /// Uses the control API, which must succeed.
    #[track_caller]
    pub(crate) fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, shown) = self.running.control(method, path, &body);
        assert!(status < 300, "{method} {path}: {status} {shown}");
        shown
    }

    /// Sets a fault.
    #[track_caller]
    pub(crate) fn fault(&self, fault: Value) {
        self.control("POST", "/faults", fault);
    }

    /// Creates an issue as a person in the browser does, and returns its number.
    #[track_caller]
    pub(crate) fn person_creates(&self, issue: Value) -> u64 {
        self.control("POST", "/github/repos/acme/web/issues", issue)["number"].as_u64().unwrap()
    }

    pub(crate) fn seed(&self, items: usize) {
        self.control("POST", "/github/repos/acme/web/seed", json!({ "items": items, "closed": 0 }));
    }

    /// Returns a request with the place's token.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.running.github())
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, url).header("user-agent", "syncline-tests");
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        got(self.request("GET", path)).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Got {
        got(self.request(method, path).json(&body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Got {
        self.send("POST", path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Got {
        self.send("PATCH", path, body).await
    }

    /// Returns the same simulator with another token; an empty one sends no credentials.
    pub(crate) fn acting(self, token: &str) -> Place {
        Place { token: token.to_owned(), ..self }
    }

    /// Entries of the log.
    pub(crate) fn log(&self, query: &str) -> Vec<Value> {
        self.control("GET", &format!("/log{query}"), Value::Null)["entries"].as_array().unwrap().clone()
    }
}

/// Returns a client that follows no redirects.
pub(crate) fn client() -> Client {
    syncline_support::http::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub(crate) async fn got(request: reqwest::RequestBuilder) -> Got {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Got { status, headers, text, body }
}
