//! The inbox' document: a request for a run, as other services write it. `docs/inbox.schema.json` says the same as this
//! type; a test compares them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Number, Value};
use uuid::Uuid;

use crate::job::Priority;

/// The version that is written, and the only one that is read.
pub const VERSION: u64 = 1;
/// No document has more bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;
/// No name has more characters.
const MAX_NAME: usize = 200;
/// The largest number that every reader of JSON gets exactly.
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
    /// The id that the run will have; the same id again is the same request. Best given: without one, a request that is
    /// sent twice is two.
    #[serde(default, deserialize_with = "id", skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Which sync, by name.
    pub sync: String,
    /// In which project.
    #[serde(default = "default_project")]
    pub project: String,
    /// What to do.
    #[serde(default)]
    pub kind: RequestKind,
    /// How urgent it is; that of the sync unless it is said.
    #[serde(
        default,
        deserialize_with = "priority",
        serialize_with = "priority_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub priority: Option<Priority>,
    /// Read both sides whole.
    #[serde(default)]
    pub full: bool,
    /// Act on absences at once.
    #[serde(default)]
    pub confirm_deletes: bool,
    /// So many deletes are agreed to, past the guard.
    #[serde(default, deserialize_with = "deletes", skip_serializing_if = "Option::is_none")]
    pub allow_deletes: Option<u64>,
    /// Not before this time.
    #[serde(default, deserialize_with = "time", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<DateTime<Utc>>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// To bring both sides in step.
    #[default]
    Sync,
    /// To show what that would do.
    Plan,
}

/// Why a document is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is too long.
    #[error("the document has {0} bytes; no more than {MAX_DOCUMENT} are taken")]
    TooLong(usize),
    /// It is of another version.
    #[error("the document's version is {0}; this program knows version {VERSION}")]
    Version(String),
    /// It is not well formed.
    #[error("the document is not understood: {0}")]
    Malformed(String),
}

impl SyncRequest {
    /// A request for a usual run.
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
            not_before: None,
        }
    }

    /// Reads a document.
    pub fn parse(text: &[u8]) -> Result<Self, DocumentError> {
        if text.len() > MAX_DOCUMENT {
            return Err(DocumentError::TooLong(text.len()));
        }
        let malformed = |error: serde_json::Error| DocumentError::Malformed(error.to_string());
        // Of another version nothing else can be said.
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

    /// Writes a document, if it is one that would be read again.
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
        Ok(())
    }
}

fn default_project() -> String {
    "default".to_owned()
}

/// A number of JSON that is whole, also when it is written as `1.0`.
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
    // Only the usual form, with hyphens: other programs write and look for it.
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
    // The form of RFC 3339 only; the parser would also take a space for the T.
    let time = DateTime::parse_from_rfc3339(&text)
        .ok()
        .filter(|_| matches!(text.as_bytes().get(10), Some(b'T' | b't')));
    time.map(|time| Some(time.with_timezone(&Utc)))
        .ok_or_else(|| D::Error::custom("not_before must be a time such as 2026-11-25T10:00:00Z"))
}
