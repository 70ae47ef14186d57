//! A request, as a connector builds it.

use std::fmt;

use reqwest::Method;
use serde::Serialize;
use syncline_engine::{
    limits::{Dimension, Rule},
    ports::ConnectorError,
};
use url::Url;

use super::Client;

/// A request that has not been sent. What is wrong with it is told when it is sent.
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'c> {
    pub(super) client: &'c Client,
    pub(super) method: Method,
    pub(super) url: Result<Url, ConnectorError>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) media_type: &'static str,
    pub(super) costs: Vec<(&'c Dimension, f64)>,
    /// It changes something: it needs leave, and without an answer its effect is unknown.
    pub(super) changes: bool,
    pub(super) conditional: bool,
    pub(super) may_move: bool,
    /// A refusal with this status is a reply.
    pub(super) in_parts: Option<u16>,
}

impl<'c> Request<'c> {
    pub(super) fn new(client: &'c Client, method: Method, url: Result<Url, ConnectorError>) -> Self {
        let changes = method != Method::GET;
        Self {
            client,
            method,
            url,
            headers: Vec::new(),
            body: None,
            media_type: "application/json",
            costs: Vec::new(),
            changes,
            conditional: false,
            may_move: false,
            in_parts: None,
        }
    }

    /// Adds a parameter to the address; name and value are encoded.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        if let Ok(url) = &mut self.url {
            url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        self
    }

    /// Adds a header; the name in lower case. Not for secrets.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends a value as JSON.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body = Some(body),
            Err(error) if self.url.is_ok() => {
                let text = format!("the body of the request cannot be written as JSON: {error}");
                self.url = Err(ConnectorError::permanent(text));
            }
            Err(_) => {}
        }
        self
    }

    /// Sends names and values as a form.
    pub fn form(mut self, values: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(values).finish();
        self.body = Some(form.into_bytes());
        self.media_type = "application/x-www-form-urlencoded";
        self
    }

    /// Adds a cost in a dimension of the platform's limits. Rates are not charged if the account's server has none.
    pub fn cost(mut self, dimension: &'c Dimension, amount: f64) -> Self {
        if self.client.keeps_limits || matches!(dimension.rule, Rule::Concurrent { .. }) {
            self.costs.push((dimension, amount));
        }
        self
    }

    /// Declares that a request by another method than GET changes nothing, such as a search by POST.
    pub fn reads(mut self) -> Self {
        self.changes = false;
        self
    }

    /// Asks only for what has changed since the last such request: if nothing has, the platform says so (304), and the
    /// reply is the response from then. For GET.
    pub fn conditional(mut self) -> Self {
        self.conditional = self.method == Method::GET;
        self
    }

    /// Takes an answer that leads to another address (301, 302, 307, 308) as a reply; see [`Reply::moved_to`]. Otherwise it
    /// is an error. No redirect is followed.
    ///
    /// [`Reply::moved_to`]: super::Reply::moved_to
    pub fn or_moved(mut self) -> Self {
        self.may_move = true;
        self
    }

    /// Takes a refusal with this status as a reply: its body tells about each part of a batch.
    pub fn or_refused_in_parts(mut self, status: u16) -> Self {
        self.in_parts = Some(status);
        self
    }
}
