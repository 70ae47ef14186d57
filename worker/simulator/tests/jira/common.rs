//! A simulator with a Jira site, and requests to it.

use reqwest::{Client, Method, header::HeaderMap};
use serde_json::{Value, json};
use syncline_simulator::{Limits, Running, Settings, Simulator};

/// A site with the company-managed project `SYNC`, the team-managed `TEAM` and `SEC`, which only ada sees. `ada` is an
/// administrator, `bruno` is a member in the time zone of Berlin, `emil` may only read. Searches do not lag.
pub(crate) struct Place {
    pub(crate) running: Running,
    pub(crate) client: Client,
    pub(crate) email: String,
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

    /// Returns the first message of an error.
    pub(crate) fn message(&self) -> &str {
        self.body["errorMessages"][0].as_str().unwrap_or_default()
    }

    /// Returns the keys of a page of issues.
    pub(crate) fn keys(&self) -> Vec<String> {
        let issues = self.body["issues"].as_array().unwrap_or_else(|| panic!("{}", self.text));
        issues.iter().map(|issue| issue["key"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Got {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

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
        let mut place = Place { running, client: client(), email: String::new(), token: String::new() };
        place.control("PATCH", "/jira/settings", json!({ "index_lag_ms": 0 }));
        place.control("POST", "/jira/users", json!({ "handle": "ada", "name": "Ada Quist", "admin": true }));
        place.control(
            "POST",
            "/jira/users",
            json!({ "handle": "bruno", "name": "Bruno Tamm", "time_zone": "Europe/Berlin" }),
        );
        place.control("POST", "/jira/users", json!({ "handle": "emil", "name": "Emil Strand" }));
        let members = json!({ "ada": "admin", "bruno": "member", "emil": "viewer" });
        place.control(
            "POST",
            "/jira/projects",
            json!({ "key": "SYNC", "name": "Sync", "lead": "ada", "members": members }),
        );
        place.control(
            "POST",
            "/jira/projects",
            json!({ "key": "TEAM", "team_managed": true, "lead": "ada", "members": members }),
        );
        place.control("POST", "/jira/projects", json!({ "key": "SEC", "members": { "ada": "admin" } }));
        (place.email, place.token) = place.token_of("ada");
        place
    }

    /// Creates an API token of a user, and returns the e-mail address and the token.
    pub(crate) fn token_of(&self, user: &str) -> (String, String) {
        let made = self.control("POST", "/jira/tokens", json!({ "user": user }));
        (made["email"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned())
    }

    /// Returns the same simulator as another user.
    pub(crate) fn acting(self, user: &str) -> Place {
        let (email, token) = self.token_of(user);
        Place { email, token, ..self }
    }

    /// Returns the same simulator without credentials.
    pub(crate) fn anonymous(self) -> Place {
        Place { email: String::new(), token: String::new(), ..self }
    }

    pub(crate) fn account(&self, handle: &str) -> String {
        let state = self.control("GET", "/jira/state", Value::Null);
        let users = state["users"].as_array().unwrap();
        users.iter().find(|user| user["handle"] == handle).unwrap()["account_id"].as_str().unwrap().to_owned()
    }

    /// Uses the control API, which must succeed.
    #[track_caller]
    pub(crate) fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, shown) = self.running.control(method, path, &body);
        assert!(status < 300, "{method} {path}: {status} {shown}");
        shown
    }

    #[track_caller]
    pub(crate) fn settings(&self, settings: Value) {
        self.control("PATCH", "/jira/settings", settings);
    }

    /// Creates an issue in SYNC as a person in the browser does, and returns its key.
    #[track_caller]
    pub(crate) fn person_creates(&self, issue: Value) -> String {
        self.control("POST", "/jira/projects/SYNC/issues", issue)["key"].as_str().unwrap().to_owned()
    }

    /// Creates an issue in SYNC by the API, and returns its key.
    pub(crate) async fn creates(&self, fields: Value) -> String {
        self.post("/issue", draft(fields)).await.expect(201).body["key"].as_str().unwrap().to_owned()
    }

    /// Returns a request below the API's version, or to any path that begins with `//`.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = match path.strip_prefix("//") {
            Some(path) => format!("{}/{path}", self.running.jira()),
            None => format!("{}/rest/api/3{path}", self.running.jira()),
        };
        let request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if self.token.is_empty() { request } else { request.basic_auth(&self.email, Some(&self.token)) }
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

    pub(crate) async fn put(&self, path: &str, body: Value) -> Got {
        self.send("PUT", path, body).await
    }

    /// Changes fields of an issue.
    pub(crate) async fn edit(&self, key: &str, fields: Value) -> Got {
        self.put(&format!("/issue/{key}"), json!({ "fields": fields })).await
    }

    /// Returns one field of an issue.
    pub(crate) async fn field(&self, key: &str, field: &str) -> Value {
        self.get(&format!("/issue/{key}?fields={field}")).await.expect(200).body["fields"][field].clone()
    }

    /// Searches with the key and the summary wanted.
    pub(crate) async fn search(&self, jql: &str) -> Got {
        self.post("/search/jql", json!({ "jql": jql, "fields": ["summary"], "maxResults": 100 })).await
    }
}

/// Returns a new issue of SYNC; the fields replace the usual ones.
pub(crate) fn draft(fields: Value) -> Value {
    let mut all = json!({ "project": { "key": "SYNC" }, "issuetype": { "name": "Task" }, "summary": "A" });
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "fields": all })
}

/// Returns a document of one paragraph.
pub(crate) fn document(text: &str) -> Value {
    json!({ "type": "doc", "version": 1, "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": text }] }] })
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
