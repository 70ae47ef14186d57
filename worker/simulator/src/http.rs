//! A request and a response, independent of the transport.

use axum::http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::{Value, json};

/// A request, read completely.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// The path below the prefix of its part of the server, as it was sent.
    pub(crate) path: String,
    /// The parts of the path, decoded. The path `/` has none.
    pub(crate) segments: Vec<String>,
    /// The query as it was sent.
    pub(crate) raw_query: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The address of the server as this client wrote it, such as `http://127.0.0.1:8090`.
    pub(crate) root: String,
}

impl Call {
    pub(crate) fn new(method: &str, path: &str, raw_query: &str, root: String) -> Call {
        Call {
            method: method.to_owned(),
            path: path.to_owned(),
            segments: segments(path),
            raw_query: raw_query.to_owned(),
            query: form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            root,
        }
    }

    /// Returns the request with the path below `/prefix`; `None` if the path is outside of it.
    pub(crate) fn below(&self, prefix: &str) -> Option<Call> {
        let rest = self.path.strip_prefix('/')?.strip_prefix(prefix)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        Some(Call { path: rest.to_owned(), segments: segments(rest), ..self.clone() })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the first value of a query key.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON; null without a body.
    pub(crate) fn json(&self) -> Result<Value, serde_json::Error> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
    }

    /// Returns the parts of the path, for `match`.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

/// Splits a path and decodes each segment. A trailing slash creates an empty segment, which no route has.
fn segments(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.is_empty() {
        return Vec::new();
    }
    path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn json(status: u16, body: &impl Serialize) -> Reply {
        // Values of this crate have text keys only, so writing them does not fail.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Reply::raw_json(status, body)
    }

    /// Creates a response whose JSON is serialized already.
    pub(crate) fn raw_json(status: u16, body: Vec<u8>) -> Reply {
        Reply::empty(status).with("content-type", "application/json; charset=utf-8").body(body)
    }

    pub(crate) fn text(status: u16, media: &str, text: impl Into<String>) -> Reply {
        Reply::empty(status).with("content-type", media).body(text.into().into_bytes())
    }

    /// Returns an error of the control API.
    pub(crate) fn refused(status: u16, message: impl Into<String>) -> Reply {
        Reply::json(status, &json!({ "error": message.into() }))
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    fn body(mut self, body: Vec<u8>) -> Reply {
        self.body = body;
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_before_they_are_decoded() {
        let call = Call::new("GET", "/github/repos/acme/web/labels/a%2Fb%20c", "x=1+2", String::new());
        let below = call.below("github").unwrap();
        assert_eq!(below.path, "/repos/acme/web/labels/a%2Fb%20c");
        assert_eq!(below.parts(), ["repos", "acme", "web", "labels", "a/b c"]);
        assert_eq!(below.query("x"), Some("1 2"));
        assert!(call.below("git").is_none());
        assert_eq!(Call::new("GET", "/user/", "", String::new()).parts(), ["user", ""]);
        assert!(Call::new("GET", "/", "", String::new()).parts().is_empty());
    }
}
