//! What a platform's module adds to the common layer.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value as Json;
use syncline_engine::{limits::Observed, ports::ErrorScope};

use crate::headers::retry_after;

/// How a platform words its errors and its limits. Everything has a default that suits a plain HTTP API.
pub trait Dialect: Send + Sync {
    /// The platform's name, for messages and traces.
    fn platform(&self) -> &'static str;

    /// Headers of every request, names in lower case: the API's version, the media type.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("accept", "application/json")]
    }

    /// The header with the platform's id of a request, for its support.
    fn request_id(&self) -> &'static str {
        "x-request-id"
    }

    /// Reads the headers in which the platform reports its limits, of successes and refusals alike. `Retry-After` is
    /// read by the layer.
    fn observed(&self, _head: &Head<'_>) -> Vec<Observed> {
        Vec::new()
    }

    /// Reads a refusal. The default knows no error bodies: the status decides.
    fn told(&self, _head: &Head<'_>, _body: &[u8]) -> Told {
        Told::default()
    }

    /// Reads a success: some platforms refuse credentials with a status of 200. `Some` makes an error of it.
    fn objection(&self, _head: &Head<'_>) -> Option<Told> {
        None
    }

    /// Reads one entry of `errors` of a GraphQL response.
    fn graphql(&self, error: &Json) -> Told {
        let text = |value: &Json| value.as_str().map(str::to_owned);
        Told {
            code: text(&error["extensions"]["code"]).or_else(|| text(&error["type"])),
            message: text(&error["message"]),
            ..Told::default()
        }
    }

    /// How long to send nothing after a refusal for a limit that names no time.
    fn pause(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// The head of a response.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The platform's time, or ours if it does not tell its own. Times of resets count from here.
    pub now: DateTime<Utc>,
}

impl<'a> Head<'a> {
    pub(super) fn new(status: u16, headers: &'a HeaderMap) -> Self {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok()).map(DateTime::from);
        Self { status, headers, now: date.unwrap_or_else(Utc::now) }
    }

    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The time of `Retry-After`, capped at 24 hours.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.header(RETRY_AFTER.as_str())?, self.now)
    }
}

/// What a platform tells about a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// What the status does not tell.
    pub class: Option<Class>,
    /// What else fails for the same reason, if not what the status suggests.
    pub scope: Option<ErrorScope>,
    /// The platform's own code.
    pub code: Option<String>,
    /// The platform's own text. It is shown to people, shortened and without the account's secret.
    pub message: Option<String>,
    /// How long to wait, if a body or a header of its own tells it.
    pub retry_in: Option<Duration>,
}

/// The classes of errors, as [`ErrorKind`](syncline_engine::ports::ErrorKind) without times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A limit of the platform.
    RateLimited,
    /// Passes by itself.
    Transient,
    /// Only a person can correct it.
    Permanent,
    /// The credentials are not accepted.
    Auth,
    /// There is no such item.
    NotFound,
    /// The item has changed.
    Conflict,
}
