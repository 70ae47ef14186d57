//! A simulator with a workspace, and requests to it.

use reqwest::{Client, header::HeaderMap};
use serde_json::{Value, json};
use syncline_simulator::{Limits, Running, Settings, Simulator};

/// A simulator with the teams `ENG` and the private `OPS`, and three people: `ada` is an administrator, `bruno` is a
/// member of both teams, `emil` of `ENG` only.
pub(crate) struct Place {
    pub(crate) running: Running,
    pub(crate) client: Client,
    /// The value of the `Authorization` header.
    pub(crate) credentials: String,
    /// The id of `ENG`.
    pub(crate) team: String,
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

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Got {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Returns the data of a response without errors.
    #[track_caller]
    pub(crate) fn data(self) -> Value {
        assert!(self.status == 200 && self.body.get("errors").is_none(), "{} {}", self.status, self.text);
        self.body["data"].clone()
    }

    /// Returns the only error.
    #[track_caller]
    pub(crate) fn error(&self) -> &Value {
        assert_eq!(self.body["errors"].as_array().map(Vec::len), Some(1), "{}", self.text);
        &self.body["errors"][0]
    }

    /// Returns the message of the only error.
    #[track_caller]
    pub(crate) fn message(&self) -> &str {
        self.error()["message"].as_str().unwrap()
    }

    /// Returns the code of the only error.
    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        self.error()["extensions"]["code"].as_str().unwrap()
    }

    /// Returns the message for people of the only error.
    #[track_caller]
    pub(crate) fn told(&self) -> &str {
        self.error()["extensions"]["userPresentableMessage"].as_str().unwrap()
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
        let client = syncline_support::http::client();
        let mut place = Place { running, client, credentials: String::new(), team: String::new() };
        let team = json!({ "key": "ENG", "name": "Engineering", "members": ["ada", "bruno", "emil"], "estimation": "fibonacci", "labels": ["bug"] });
        place.team = place.control("POST", "/linear/teams", team)["id"].as_str().unwrap().to_owned();
        place.control(
            "POST",
            "/linear/teams",
            json!({ "key": "OPS", "private": true, "members": ["ada", "bruno"] }),
        );
        place.control("PATCH", "/linear/users/ada", json!({ "admin": true }));
        place.credentials = place.key_of("ada");
        place
    }

    /// Makes a personal API key.
    pub(crate) fn key_of(&self, user: &str) -> String {
        let made = self.control("POST", "/linear/tokens", json!({ "user": user }));
        made["token"].as_str().unwrap().to_owned()
    }

    /// Uses the control API, which must succeed.
    #[track_caller]
    pub(crate) fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, shown) = self.running.control(method, path, &body);
        assert!(status < 300, "{method} {path}: {status} {shown}");
        shown
    }

    /// Sets switches.
    #[track_caller]
    pub(crate) fn switch(&self, switches: Value) {
        self.control("PATCH", "/linear/settings", switches);
    }

    /// Sets a fault.
    #[track_caller]
    pub(crate) fn fault(&self, fault: Value) {
        self.control("POST", "/faults", fault);
    }

    /// Creates an issue of `ENG` as a person in the browser does, and returns it.
    #[track_caller]
    pub(crate) fn person_creates(&self, issue: Value) -> Value {
        self.control("POST", "/linear/teams/ENG/issues", issue)
    }

    /// Returns the id of a user.
    pub(crate) fn user(&self, name: &str) -> String {
        let state = self.control("GET", "/linear/state", Value::Null);
        let users = state["users"].as_array().unwrap();
        let user = users.iter().find(|user| user["display_name"] == name).unwrap();
        user["id"].as_str().unwrap().to_owned()
    }

    /// Returns the id of a state of a team.
    pub(crate) fn state(&self, team: &str, name: &str) -> String {
        let team = self.control("GET", &format!("/linear/teams/{team}"), Value::Null);
        let states = team["states"].as_array().unwrap();
        let state = states.iter().find(|state| state["name"] == name).unwrap();
        state["id"].as_str().unwrap().to_owned()
    }

    /// Returns the id of a label.
    pub(crate) fn label(&self, name: &str) -> String {
        let state = self.control("GET", "/linear/state", Value::Null);
        let labels = state["labels"].as_array().unwrap();
        let label = labels.iter().find(|label| label["name"] == name).unwrap();
        label["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn graphql(&self, query: &str, variables: Value) -> Got {
        self.raw(&json!({ "query": query, "variables": variables })).await
    }

    /// Sends a body to GraphQL.
    pub(crate) async fn raw(&self, body: &Value) -> Got {
        let request = self.client.post(format!("{}/graphql", self.running.linear())).json(body);
        let request = if self.credentials.is_empty() {
            request
        } else {
            request.header("authorization", &self.credentials)
        };
        got(request).await
    }

    /// Creates an issue of `ENG` over the API, and returns it with id, identifier and updatedAt.
    pub(crate) async fn create(&self, input: Value) -> Value {
        self.try_create(input).await.data()["issueCreate"]["issue"].clone()
    }

    pub(crate) async fn try_create(&self, mut input: Value) -> Got {
        if input.get("teamId").is_none() {
            input["teamId"] = json!(self.team);
        }
        let query = "mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success lastSyncId issue { id identifier updatedAt } } }";
        self.graphql(query, json!({ "input": input })).await
    }

    pub(crate) async fn update(&self, id: &str, input: Value) -> Got {
        let query = "mutation($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) { success issue { id updatedAt } } }";
        self.graphql(query, json!({ "id": id, "input": input })).await
    }

    /// Reads fields of an issue.
    pub(crate) async fn read(&self, id: &str, fields: &str) -> Value {
        let query = format!("query($id: String!) {{ issue(id: $id) {{ {fields} }} }}");
        self.graphql(&query, json!({ "id": id })).await.data()["issue"].clone()
    }

    /// Returns the identifiers of a list of issues; the arguments are those of `issues(`.
    pub(crate) async fn identifiers(&self, arguments: &str) -> Vec<String> {
        let query = format!("{{ issues({arguments}) {{ nodes {{ identifier }} }} }}");
        let data = self.graphql(&query, json!({})).await.data();
        let nodes = data["issues"]["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["identifier"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the same simulator with other credentials; empty ones are not sent.
    pub(crate) fn acting(self, credentials: &str) -> Place {
        Place { credentials: credentials.to_owned(), ..self }
    }

    pub(crate) fn advance(&self, seconds: f64) {
        self.control("POST", "/clock", json!({ "advance": seconds }));
    }

    /// Stops the clock, so that tests control the distance of times.
    pub(crate) fn stop_clock(&self) {
        self.control("POST", "/clock", json!({ "stop": true }));
    }
}

pub(crate) async fn got(request: reqwest::RequestBuilder) -> Got {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Got { status, headers, text, body }
}

/// Adds the body of a form to a request.
pub(crate) fn form(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}
