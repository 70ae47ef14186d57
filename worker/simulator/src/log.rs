//! The log of all requests to platforms: in memory for tests, and in a file of JSON lines.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    path::Path,
};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    clock,
    fault::path_matches,
    http::{Call, Reply},
};

/// The most requests kept in memory; older ones are dropped.
const KEPT: usize = 100_000;

/// One request with its response, in the form that checkers of recorded exchanges read.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    /// Position in the log, from 1; it is not reset when the log is cleared.
    pub(crate) seq: u64,
    pub(crate) at: String,
    pub(crate) platform: &'static str,
    /// The event of a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<String>,
    /// `EVENT` for deliveries.
    pub(crate) method: String,
    /// The path behind the platform's prefix, with its query.
    pub(crate) url: String,
    pub(crate) headers: Map<String, Value>,
    /// JSON if it parses, otherwise text; null if there was none.
    pub(crate) body: Value,
    /// The status that was sent, or would have been sent without the fault; `None` if the request was not executed.
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) response_body: Value,
    /// The fault that applied to this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<Value>,
}

/// Selects entries of the log.
#[derive(Debug, Default)]
pub(crate) struct Filter<'a> {
    pub(crate) method: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    /// Only entries after this position.
    pub(crate) after: u64,
}

/// The log of requests.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    last: u64,
    file: Option<File>,
    /// Keep response bodies in memory as well.
    pub(crate) responses: bool,
}

impl Log {
    /// Creates a log that is also appended to a file.
    pub(crate) fn open(file: Option<&Path>) -> io::Result<Log> {
        let file = file.map(|path| File::options().create(true).append(true).open(path)).transpose()?;
        Ok(Log { file, ..Log::default() })
    }

    pub(crate) fn add(
        &mut self,
        platform: &'static str,
        now: i64,
        call: &Call,
        reply: Option<&Reply>,
        fault: Option<Value>,
    ) {
        self.last += 1;
        let query = if call.raw_query.is_empty() { String::new() } else { format!("?{}", call.raw_query) };
        let wants_response = self.responses || self.file.is_some();
        let mut entry = Entry {
            seq: self.last,
            at: clock::stamp(now / 1000),
            platform,
            webhook: webhook(call),
            method: call.method.clone(),
            url: format!("{}{query}", call.path),
            headers: headers(call),
            body: as_value(&call.body),
            status: reply.map(|reply| reply.status),
            response_body: reply
                .filter(|_| wants_response)
                .map_or(Value::Null, |reply| as_value(&reply.body)),
            fault,
        };
        if let Some(file) = &mut self.file
            && let Err(error) = write_line(file, &entry)
        {
            tracing::error!(%error, "the log of requests cannot be written and ends here");
            self.file = None;
        }
        if !self.responses {
            entry.response_body = Value::Null;
        }
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn matching(&self, filter: &Filter<'_>) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| filter.takes(entry)).collect()
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Drops the entries in memory. The file stays.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

impl Filter<'_> {
    fn takes(&self, entry: &Entry) -> bool {
        let path = entry.url.split('?').next().unwrap_or_default();
        entry.seq > self.after
            && self.method.is_none_or(|method| method.eq_ignore_ascii_case(&entry.method))
            && self.path.is_none_or(|pattern| path_matches(pattern, path))
    }
}

fn write_line(file: &mut File, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Returns the event of a delivery: the first part of its path.
fn webhook(call: &Call) -> Option<String> {
    call.segments.first().filter(|_| call.method == "EVENT").cloned()
}

/// Returns the headers. Of credentials it keeps only the scheme, since a caller may have sent a real secret.
fn headers(call: &Call) -> Map<String, Value> {
    let shown = call.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = match name.as_str() {
            "authorization" => match value.split_once(' ') {
                Some((scheme, _)) => format!("{scheme} ***"),
                None => "***".to_owned(),
            },
            _ => value.into_owned(),
        };
        (name.as_str().to_owned(), Value::String(value))
    });
    shown.collect()
}

fn as_value(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_filtered_and_secrets_are_not_kept() {
        let mut log = Log::default();
        let mut call = Call::new("POST", "/repos/acme/web/issues", "a=b", String::new());
        call.headers.insert("authorization", "Bearer secret".parse().unwrap());
        call.body = br#"{"title":"A"}"#.to_vec();
        log.add("github", 0, &call, Some(&Reply::empty(201)), None);
        log.add("github", 0, &Call::new("GET", "/user", "", String::new()), None, None);
        let posts = log.matching(&Filter { method: Some("post"), ..Filter::default() });
        assert_eq!(posts.len(), 1);
        assert_eq!(posts[0].body["title"], "A");
        assert_eq!(posts[0].url, "/repos/acme/web/issues?a=b");
        assert!(!format!("{posts:?}").contains("secret"));
        assert_eq!(log.matching(&Filter { after: 1, ..Filter::default() }).len(), 1);
        let issues = Filter { path: Some("/repos/*/*/issues"), ..Filter::default() };
        assert_eq!(log.matching(&issues).len(), 1);
        log.clear();
        assert!(log.matching(&Filter::default()).is_empty());
        assert_eq!(log.last(), 2);
    }
}
