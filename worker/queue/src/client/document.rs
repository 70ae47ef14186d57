//! The inbox document: a request for a run, as other services write it. `docs/inbox.schema.json` describes the same
//! format; a test compares the two.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Number, Value};
use uuid::Uuid;

use crate::job::Priority;

/// The version that is written, and the only one that is accepted.
pub const VERSION: u64 = 1;
/// The largest size of a document, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;
/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// The largest integer that every JSON parser reads exactly.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// A request for a run of a sync.
///
/// ```
/// # use syncline_queue::client::SyncRequest;
/// let request = SyncRequest::parse(br#"{"version":1,"sync":"jira-github-sync","priority":"high"}"#).unwrap();
/// assert_eq!(request.sync, "jira-github-sync");
/// assert_eq!(request.project, "default");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncRequest {
    #[serde(deserialize_with = "version")]
    version: u64,
    /// The id of the run; requests with the same id are one request. Set it where possible: without an id, a request
    /// that is sent twice makes two runs.
    #[serde(default, deserialize_with = "id", skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The name of the sync.
    pub sync: String,
    /// The project of the sync; `default` if left out.
    #[serde(default = "default_project")]
    pub project: String,
    /// What the run does; a sync if left out.
    #[serde(default)]
    pub kind: RequestKind,
    /// The priority; that of the sync if left out.
    #[serde(
        default,
        deserialize_with = "priority",
        serialize_with = "priority_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub priority: Option<Priority>,
    /// Read both sides completely.
    #[serde(default)]
    pub full: bool,
    /// Act on absences at once, instead of at their second sighting.
    #[serde(default)]
    pub confirm_deletes: bool,
    /// Allow up to this many deletes, past the delete guard.
    #[serde(default, deserialize_with = "deletes", skip_serializing_if = "Option::is_none")]
    pub allow_deletes: Option<u64>,
    /// Allow the deletes of these items alone, by the id of either item of their links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_deletes_of: Vec<String>,
    /// The earliest start.
    #[serde(default, deserialize_with = "time", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<DateTime<Utc>>,
}

/// The kind of the requested run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// Bring both sides in step.
    #[default]
    Sync,
    /// Show what a sync would do.
    Plan,
}

/// Why a document is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is longer than [`MAX_DOCUMENT`].
    #[error("the document has {0} bytes; no more than {MAX_DOCUMENT} are taken")]
    TooLong(usize),
    /// It has another version than [`VERSION`].
    #[error("the document's version is {0}; this program knows version {VERSION}")]
    Version(String),
    /// It is not well formed.
    #[error("the document is not understood: {0}")]
    Malformed(String),
}

impl SyncRequest {
    /// Creates a request for a sync run with default settings.
    pub fn new(sync: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            id: None,
            sync: sync.into(),
            project: default_project(),
            kind: RequestKind::default(),
            priority: None,
            full: false,
            confirm_deletes: false,
            allow_deletes: None,
            allow_deletes_of: Vec::new(),
            not_before: None,
        }
    }

    /// Parses and checks a document.
    pub fn parse(text: &[u8]) -> Result<Self, DocumentError> {
        if text.len() > MAX_DOCUMENT {
            return Err(DocumentError::TooLong(text.len()));
        }
        let malformed = |error: serde_json::Error| DocumentError::Malformed(error.to_string());
        // Check the version first: for another version no other error would be meaningful.
        if let Ok(Value::Object(whole)) = serde_json::from_slice::<Value>(text)
            && let Some(Value::Number(number)) = whole.get("version")
            && whole_number(number) != Some(VERSION)
        {
            return Err(DocumentError::Version(number.to_string()));
        }
        let request: Self = serde_json::from_slice(text).map_err(malformed)?;
        request.check()?;
        Ok(request)
    }

    /// Writes the document, if [`SyncRequest::parse`] would accept it.
    pub fn to_text(&self) -> Result<String, DocumentError> {
        self.check()?;
        serde_json::to_string(self).map_err(|error| DocumentError::Malformed(error.to_string()))
    }

    fn check(&self) -> Result<(), DocumentError> {
        for (what, name) in [("sync", &self.sync), ("project", &self.project)] {
            let length = name.chars().count();
            if length == 0 || length > MAX_NAME {
                let text = format!("{what} has {length} characters; 1 to {MAX_NAME} are allowed");
                return Err(DocumentError::Malformed(text));
            }
        }
        if self.allow_deletes.is_some_and(|deletes| deletes > MAX_NUMBER) {
            return Err(DocumentError::Malformed(format!("allow_deletes is more than {MAX_NUMBER}")));
        }
        if self.allow_deletes_of.iter().any(String::is_empty) {
            return Err(DocumentError::Malformed(
                "allow_deletes_of names an item with an empty id".to_owned(),
            ));
        }
        if self.allow_deletes.is_some() && !self.allow_deletes_of.is_empty() {
            let text = "allow_deletes_of stands beside allow_deletes; give one of them";
            return Err(DocumentError::Malformed(text.to_owned()));
        }
        Ok(())
    }
}

fn default_project() -> String {
    "default".to_owned()
}

/// Returns a JSON number as an integer if it is whole, also when written as `1.0`.
fn whole_number(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| {
        let float = number.as_f64()?;
        (float >= 0.0 && float <= MAX_NUMBER as f64 && float.fract() == 0.0).then_some(float as u64)
    })
}

fn version<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    match whole_number(&Number::deserialize(from)?) {
        Some(VERSION) => Ok(VERSION),
        _ => Err(D::Error::custom("version must be 1")),
    }
}

fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Uuid>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    // Accept only the form with hyphens: other programs write it and search for it.
    let id = Uuid::try_parse(&text).ok().filter(|_| text.len() == 36);
    id.map(Some)
        .ok_or_else(|| D::Error::custom("id must be a UUID such as 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"))
}

fn priority<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Priority>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let known = Priority::ALL.into_iter().find(|priority| priority.as_str() == text);
    known.map(Some).ok_or_else(|| D::Error::custom("priority must be critical, high, normal or low"))
}

fn priority_name<S: serde::Serializer>(priority: &Option<Priority>, to: S) -> Result<S::Ok, S::Error> {
    priority.map(Priority::as_str).serialize(to)
}

fn deletes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(from)? else { return Ok(None) };
    whole_number(&number)
        .map(Some)
        .ok_or_else(|| D::Error::custom("allow_deletes must be a whole number that is not negative"))
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    // Accept only the form of RFC 3339; the parser would also accept a space for the T.
    let time = DateTime::parse_from_rfc3339(&text)
        .ok()
        .filter(|_| matches!(text.as_bytes().get(10), Some(b'T' | b't')));
    time.map(|time| Some(time.with_timezone(&Utc)))
        .ok_or_else(|| D::Error::custom("not_before must be a time such as 2026-11-25T10:00:00Z"))
}
