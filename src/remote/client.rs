//! The client of a server's API.

use std::time::Duration;

use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use syncline_connectors::http::{HttpConfig, unguarded};
use zeroize::Zeroizing;

use super::refused::{Answer, refused, unreachable};
use crate::{config::RemoteConfig, fault::Fault};

/// A query string: keys and values; keys without a value are left out.
pub(super) type Query<'a> = &'a [(&'a str, Option<String>)];

/// Longer than the server works on a request about many things.
const LONG: Duration = Duration::from_secs(310);
/// The longest wait that a server may ask for before a request is sent again, and how often that is done. A request that
/// came too early was not carried out.
const PAUSE: Duration = Duration::from_secs(5);
const PAUSES: usize = 20;

/// Sends requests to one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    config: HttpConfig,
    url: Url,
    token: Option<Zeroizing<String>>,
}

impl Client {
    /// Makes the client; opens no connection.
    pub(crate) fn new(config: &RemoteConfig) -> Result<Client, Fault> {
        Client::with(config.http.clone(), config.url.clone(), config.token.clone())
    }

    fn with(config: HttpConfig, url: Url, token: Option<Zeroizing<String>>) -> Result<Client, Fault> {
        let http = unguarded(&config).map_err(|error| Fault::usage(error.to_string()))?;
        Ok(Client { http, config, url, token })
    }

    /// The same for requests about many things, which the server works on for minutes.
    pub(super) fn long(&self) -> Result<Client, Fault> {
        let config = HttpConfig {
            read_timeout: self.config.read_timeout.max(LONG),
            total_timeout: self.config.total_timeout.max(LONG),
            ..self.config.clone()
        };
        Client::with(config, self.url.clone(), self.token.clone())
    }

    /// Reads a resource.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: Query<'_>) -> Result<T, Fault> {
        self.read(self.request(Method::GET, path, query)?).await
    }

    /// Sends a change.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, Fault> {
        self.read(self.request(Method::POST, path, &[])?.json(body)).await
    }

    /// Sends a change of a part of something.
    pub(super) async fn patch<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, Fault> {
        self.read(self.request(Method::PATCH, path, &[])?.json(body)).await
    }

    /// Removes something.
    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Fault> {
        self.read(self.request(Method::DELETE, path, &[])?).await
    }

    /// The address of the server.
    pub(super) fn address(&self) -> &Url {
        &self.url
    }

    /// The server's origin, which has no password.
    pub(crate) fn shown(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Reads `limit` entries of a list, page by page. Also returns true if there are more.
    pub(super) async fn pages(
        &self,
        path: &[&str],
        query: Query<'_>,
        key: &str,
        (limit, page): (u64, u64),
    ) -> Result<(Vec<Value>, bool), Fault> {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let left = limit.saturating_sub(found.len() as u64);
            let mut query = query.to_vec();
            query.push(("limit", Some(left.clamp(1, page).to_string())));
            query.push(("cursor", cursor));
            let mut answer: Value = self.get(path, &query).await?;
            if let Value::Array(rows) = answer[key].take() {
                found.extend(rows);
            }
            cursor = answer["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || found.len() as u64 >= limit {
                return Ok((found, cursor.is_some()));
            }
        }
    }

    /// A request with the token.
    pub(super) fn request(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
    ) -> Result<RequestBuilder, Fault> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| Fault::usage(format!("{} is no address of a server", self.url)))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        let given: Vec<(&str, &String)> =
            query.iter().filter_map(|(key, value)| Some((*key, value.as_ref()?))).collect();
        if !given.is_empty() {
            url.query_pairs_mut().extend_pairs(given);
        }
        let request = self.http.request(method, url);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token.as_str()),
            None => request,
        })
    }

    /// Sends a request and reads the answer.
    pub(super) async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        self.body(self.send(request).await?).await
    }

    /// Reads the body of an answer.
    pub(super) async fn body<T: DeserializeOwned>(&self, response: Response) -> Result<T, Fault> {
        let bytes = response.bytes().await.map_err(|error| unreachable(&self.url, error))?;
        let misread = |why: &str| {
            Fault::failed(format!(
                "{}: the answer cannot be read: {why}; it is no Syncline, or one of another version",
                self.url
            ))
        };
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| misread(&error.to_string()))?;
        if !value.is_object() {
            return Err(misread("it is no object"));
        }
        serde_json::from_value(value).map_err(|error| misread(&error.to_string()))
    }

    /// Sends a request; an answer that is no success is a fault.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Fault> {
        match self.answer(request).await? {
            Ok(response) => Ok(response),
            Err(answer) => Err(refused(&self.url, &answer)),
        }
    }

    /// Sends a request and returns the answer, also if it is a refusal. A server that asks for a short wait gets it.
    pub(super) async fn answer(&self, request: RequestBuilder) -> Result<Result<Response, Answer>, Fault> {
        for _ in 0..PAUSES {
            let Some(again) = request.try_clone() else { break };
            match self.once(again).await? {
                Err(Answer { status: StatusCode::TOO_MANY_REQUESTS, wait: Some(wait), .. })
                    if wait.parse().is_ok_and(|wait| Duration::from_secs(wait) <= PAUSE) =>
                {
                    let wait = Duration::from_secs(wait.parse().unwrap_or(1));
                    tokio::time::sleep(wait.max(Duration::from_millis(100))).await;
                }
                answer => return Ok(answer),
            }
        }
        self.once(request).await
    }

    async fn once(&self, request: RequestBuilder) -> Result<Result<Response, Answer>, Fault> {
        let response = request.send().await.map_err(|error| unreachable(&self.url, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response));
        }
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let is_problem = header(CONTENT_TYPE).is_some_and(|kind| kind.contains("problem+json"));
        let wait = header(RETRY_AFTER).map(str::to_owned);
        let location = header(reqwest::header::LOCATION).map(str::to_owned);
        let bytes = response.bytes().await.map_err(|error| unreachable(&self.url, error))?;
        let problem = is_problem.then(|| serde_json::from_slice(&bytes).unwrap_or_default());
        Ok(Err(Answer { status, problem, wait, location, with_token: self.token.is_some() }))
    }
}
