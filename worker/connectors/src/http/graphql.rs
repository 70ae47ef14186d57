//! GraphQL, whose errors come with a status of 200, and may be about a part of the answer.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use syncline_engine::{
    limits::Dimension,
    ports::{Call, ConnectorError, ErrorKind},
};

use super::{Class, Client, Dialect, Failed, Head, Reply, Request, Sent, Told, error::About};

/// A GraphQL operation that has not been sent.
#[must_use = "a request does nothing until it is sent"]
pub struct GraphqlRequest<'c>(Request<'c>);

impl Client {
    /// An operation that reads.
    pub fn query(&self, path: &[&str], text: &str, variables: &impl Serialize) -> GraphqlRequest<'_> {
        GraphqlRequest(self.post(path).json(&json!({ "query": text, "variables": variables })).reads())
    }

    /// An operation that changes something.
    pub fn mutation(&self, path: &[&str], text: &str, variables: &impl Serialize) -> GraphqlRequest<'_> {
        GraphqlRequest(self.post(path).json(&json!({ "query": text, "variables": variables })))
    }
}

impl<'c> GraphqlRequest<'c> {
    /// Adds a cost in a dimension of the platform's limits.
    pub fn cost(self, dimension: &'c Dimension, amount: f64) -> Self {
        GraphqlRequest(self.0.cost(dimension, amount))
    }

    /// Adds a header; the name in lower case. Not for secrets.
    pub fn header(self, name: &'static str, value: impl Into<String>) -> Self {
        GraphqlRequest(self.0.header(name, value))
    }

    /// Sends the operation. An error that is about the account, such as a limit, fails it as a whole; errors about parts of
    /// the answer are in the reply.
    pub async fn send(self, call: &Call<'_>) -> Result<GraphqlReply, Failed> {
        let client = self.0.client;
        let what = format!("{} {}", self.0.method, self.0.url.as_ref().map_or("", |url| url.path()));
        let reply = self.0.send_as(call, reading).await?;
        let about =
            About { dialect: client.dialect, auth: &client.auth, what: &what, changes: reply.changes };
        GraphqlReply::read(&reply, &about)
    }
}

/// The errors of a body; none if it is not one of GraphQL.
fn errors(body: &[u8]) -> Vec<Json> {
    #[derive(serde::Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Option<Vec<Json>>,
    }
    let errors = serde_json::from_slice::<Errors>(body).ok().and_then(|body| body.errors);
    errors.unwrap_or_default()
}

/// What concerns the request as a whole.
fn reading(dialect: &dyn Dialect, body: &[u8], refused: bool) -> Option<Told> {
    let mut told = errors(body).into_iter().map(|error| dialect.graphql(&error));
    let concerns_all = |told: &Told| matches!(told.class, Some(Class::RateLimited | Class::Auth));
    if refused { told.next() } else { told.find(concerns_all) }
}

/// The answer to an operation: what was found, and what was not.
#[derive(Debug)]
pub struct GraphqlReply {
    /// Null where nothing was found; parts with an error are null.
    pub data: Json,
    /// The errors about parts of the answer.
    pub errors: Vec<GraphqlError>,
    reply: Reply,
}

/// An error about a part of the answer.
#[derive(Debug, Clone)]
pub struct GraphqlError {
    /// Where the part is; the first element is the field of the operation or its alias. Empty: it is about all of it.
    pub path: Vec<String>,
    /// The error, and whether a write of that part may have been applied.
    pub failed: Failed,
}

impl GraphqlReply {
    fn read(reply: &Reply, about: &About<'_>) -> Result<GraphqlReply, Failed> {
        let mut body: Json = reply.json()?;
        let head = Head::new(reply.status, &reply.headers);
        let error = |error: Json| {
            let told = about.dialect.graphql(&error);
            let passes = told.class == Some(Class::Transient);
            let judged = about.refused::<()>(&head, told, Vec::new());
            let mut failed = match judged.outcome {
                Err(failed) => failed,
                Ok(()) => return None,
            };
            if passes {
                failed.sent = about.unanswered();
            }
            let path = error["path"].as_array().into_iter().flatten();
            let path =
                path.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
            Some(GraphqlError { path, failed })
        };
        let errors: Vec<GraphqlError> = match body.get_mut("errors").map(Json::take) {
            Some(Json::Array(errors)) => errors.into_iter().filter_map(error).collect(),
            _ => Vec::new(),
        };
        match (body.get("data").is_some(), errors.first()) {
            (true, _) => Ok(GraphqlReply { data: body["data"].take(), errors, reply: reply.clone_head() }),
            // Without `data` nothing of it was carried out.
            (false, Some(first)) => Err(first.failed.clone()),
            (false, None) => {
                let text = "the response is not one of GraphQL: it has neither data nor errors";
                Err(Failed::new(about.unanswered(), about.error(ErrorKind::Transient, text)))
            }
        }
    }

    /// The whole answer; the first error if there is one.
    pub fn complete<T: DeserializeOwned>(self) -> Result<T, Failed> {
        if let Some(first) = self.errors.into_iter().next() {
            return Err(first.failed);
        }
        self.reply.parse(self.data)
    }

    /// One part of the answer, by the field of the operation or its alias.
    pub fn part<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Failed> {
        let concerns = |error: &&GraphqlError| error.path.first().is_none_or(|first| first == name);
        let part = self.data.get_mut(name).map(Json::take).unwrap_or_default();
        match self.errors.iter().find(concerns) {
            Some(error) if part.is_null() || !error.path.is_empty() => Err(error.failed.clone()),
            _ => self.reply.parse(part),
        }
    }

    /// The head of the response, for its headers.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }
}

impl Reply {
    /// The reply without its body.
    fn clone_head(&self) -> Reply {
        Reply {
            status: self.status,
            headers: self.headers.clone(),
            body: Vec::new(),
            what: self.what.clone(),
            changes: self.changes,
            unchanged: self.unchanged,
        }
    }

    fn parse<T: DeserializeOwned>(&self, value: Json) -> Result<T, Failed> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            tracing::debug!(request = self.what, %error, "a response cannot be read");
            let text = format!(
                "{}: the response cannot be read: {} is not what it should be",
                self.what,
                error.path()
            );
            let sent = if self.changes { Sent::Unknown } else { Sent::Refused };
            Failed::new(sent, ConnectorError::transient(text))
        })
    }
}
