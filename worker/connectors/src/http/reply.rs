//! A successful response.

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, LINK, LOCATION};
use serde::de::DeserializeOwned;
use syncline_engine::ports::{ConnectorError, ErrorKind};

use super::{Failed, Sent};

/// A successful response.
#[derive(Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The platform and the request, for errors.
    pub(super) what: String,
    pub(super) changes: bool,
    pub(super) unchanged: bool,
}

impl Reply {
    /// The HTTP status. Of a reply from the cache it is that of the response from then.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// True if the platform said that nothing has changed since the last conditional request.
    pub fn is_unchanged(&self) -> bool {
        self.unchanged
    }

    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Reads the body as JSON. The error names the request and the place in the body, but nothing that stands there.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            tracing::debug!(request = self.what, %error, "a response cannot be read");
            let (path, inner) = (error.path().to_string(), error.inner());
            let place = format!("line {}, column {}", inner.line(), inner.column());
            let why = match inner.classify() {
                serde_json::error::Category::Data => format!("{path} is not what it should be ({place})"),
                _ if self.body.is_empty() => "it is empty".to_owned(),
                _ => format!("it is not JSON ({place})"),
            };
            let kind = ErrorKind::Transient;
            let error =
                ConnectorError::new(kind, format!("{}: the response cannot be read: {why}", self.what));
            // The platform answered that it was applied, and not what it has become.
            Failed::new(if self.changes { Sent::Unknown } else { Sent::Refused }, error)
        })
    }

    /// The platform's clock when it answered.
    pub fn date(&self) -> Option<DateTime<Utc>> {
        self.header("date").and_then(|date| httpdate::parse_http_date(date).ok()).map(DateTime::from)
    }

    /// The address of the next page, from the header `Link`.
    pub fn next_page(&self) -> Option<&str> {
        let links = self.headers.get_all(LINK).into_iter().filter_map(|links| links.to_str().ok());
        links.flat_map(entries).find_map(|entry| {
            let (address, parameters) = entry.trim().strip_prefix('<')?.split_once('>')?;
            let is_next = |parameter: &str| {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
                name.trim().eq_ignore_ascii_case("rel")
                    && relations.any(|one| one.eq_ignore_ascii_case("next"))
            };
            parameters.split(';').any(is_next).then_some(address)
        })
    }

    /// Where the item is now, after a request that may have moved: pass it to [`Client::follow`](super::Client::follow),
    /// which keeps it on the same server.
    pub fn moved_to(&self) -> Option<&str> {
        if (300..400).contains(&self.status) { self.header(LOCATION.as_str()) } else { None }
    }
}

/// The entries of a `Link` header. An address may contain a comma.
fn entries(header: &str) -> impl Iterator<Item = &str> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let address_ends = rest.find('>').unwrap_or(0);
        let end = rest[address_ends..].find(',').map_or(rest.len(), |comma| address_ends + comma);
        let entry = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(entry)
    })
}

/// Without the body.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Reply { status, what, unchanged, .. } = self;
        let mut debug = f.debug_struct("Reply");
        debug.field("what", what).field("status", status).field("bytes", &self.body.len());
        debug.field("unchanged", unchanged).finish_non_exhaustive()
    }
}
