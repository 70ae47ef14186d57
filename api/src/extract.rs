//! Strict extractors: an unknown key is refused by name, and every refusal is a problem document.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT},
        request::Parts,
    },
};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use crate::problem::Problem;

/// The largest body that is accepted, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// A larger body is read and discarded up to this many bytes.
const DISCARD_LIMIT: usize = 16 << 20;

/// Timeout of reading a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
                "The body must be JSON: send it with the header content-type: application/json",
            ));
        }
        // A client that sends `Expect: 100-continue` gets the refusal before it sends the body.
        let headers = request.headers();
        let announced = announced(headers).unwrap_or(0);
        if announced > DISCARD_LIMIT as u64 || (announced > BODY_LIMIT as u64 && headers.contains_key(EXPECT))
        {
            return Err(too_large());
        }
        let bytes = timeout(BODY_TIMEOUT, read(request.into_body())).await.map_err(|_| {
            let detail = format!("The body did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "Request timeout", detail)
        })??;
        parse(&bytes).map(Self)
    }
}

/// Reads a body to its end, or to `DISCARD_LIMIT`: a client that still sends when the connection closes would see a
/// broken connection instead of the response.
async fn read(body: Body) -> Result<Vec<u8>, Problem> {
    let mut stream = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while length <= DISCARD_LIMIT
        && let Some(chunk) = stream.next().await
    {
        let chunk = chunk.map_err(|_| {
            let detail = "The body ended before it was complete";
            Problem::new(StatusCode::BAD_REQUEST, "unreadable-body", "Unreadable body", detail)
        })?;
        length += chunk.len();
        if length <= BODY_LIMIT {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length > BODY_LIMIT { Err(too_large()) } else { Ok(bytes) }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(given) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = given.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        "Body too large",
        format!("The body must not exceed {BODY_LIMIT} bytes"),
    )
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if cause.is_data() { wrong_field(&path, &cause.to_string()) } else { malformed(&cause) }
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed-json",
        "Malformed JSON",
        format!("The body is not JSON: {error}"),
    )
}

fn wrong_field(path: &str, message: &str) -> Problem {
    // The field's name is more useful than the position in the text.
    let message = message.split(" at line ").next().unwrap_or(message);
    let problem = |detail: String| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", detail)
    };
    match field_of(path, message) {
        Some(field) => problem(about(&field, message)).with_field(field, message),
        None => problem(message.to_owned()),
    }
}

/// The field that a message is about: from the message for an unknown, missing or duplicate one, else from the path.
fn field_of(path: &str, message: &str) -> Option<String> {
    for start in ["unknown field `", "missing field `", "duplicate field `"] {
        if let Some(rest) = message.strip_prefix(start) {
            return rest.split('`').next().map(str::to_owned);
        }
    }
    (path != ".").then(|| path.to_owned())
}

/// A message prefixed with the field's name, unless it contains it.
fn about(field: &str, message: &str) -> String {
    if message.contains(&format!("`{field}`")) { message.to_owned() } else { format!("{field}: {message}") }
}

/// A query string.
#[derive(Debug)]
pub(crate) struct StrictQuery<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(|rejection| {
            let text = rejection.body_text();
            let message = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, message)| message);
            match message.find(" field `").and_then(|_| field_of(".", last_part(message))) {
                Some(field) => invalid_query(&field, last_part(message)),
                None => Problem::new(StatusCode::BAD_REQUEST, "invalid-query", "Invalid query", message),
            }
        })
    }
}

/// The message without the path before it.
fn last_part(message: &str) -> &str {
    let known = ["unknown field `", "missing field `", "duplicate field `"];
    known.iter().find_map(|start| message.find(start)).map_or(message, |at| &message[at..])
}

/// The problem for a wrong key of the query string.
pub(crate) fn invalid_query(field: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid-query", "Invalid query", about(field, detail))
        .with_field(field, detail)
}

/// The job id in the path.
#[derive(Debug)]
pub(crate) struct JobId(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for JobId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let bad = |given: &str| {
            let detail = format!("{given:?} is not the id of a job, which is a UUID");
            Problem::new(StatusCode::BAD_REQUEST, "invalid-id", "Invalid id", &*detail)
                .with_field("id", detail)
        };
        let Ok(Path(given)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(bad(parts.uri.path().rsplit('/').next().unwrap_or_default()));
        };
        Uuid::try_parse(&given).map(Self).map_err(|_| bad(&given))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Asked {
        sync: String,
        full: Option<bool>,
    }

    fn refused(body: &str) -> Problem {
        parse::<Asked>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_wrong_field_is_named() {
        let unknown = refused(r#"{"sync": "a", "ful": true}"#);
        assert_eq!(unknown.status, 422);
        assert_eq!(unknown.errors[0].field, "ful");
        assert!(unknown.detail.contains("expected `sync` or `full`"), "{}", unknown.detail);

        let mistyped = refused(r#"{"sync": "a", "full": "yes"}"#);
        assert_eq!(mistyped.errors[0].field, "full");
        assert!(!mistyped.detail.contains("line"), "{}", mistyped.detail);

        assert_eq!(refused("{}").errors[0].field, "sync");
        assert!(refused("[1, 2]").errors.is_empty() || refused("7").errors.is_empty());
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["", "{", "{\"sync\": \"a\"} x", "sync=a"] {
            assert_eq!(refused(body).status, 400, "{body}");
        }
    }

    #[test]
    fn json_is_known_by_its_essence() {
        let with = |value: &str| HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
        assert!(is_json(&with("application/json")) && is_json(&with("Application/JSON; charset=utf-8")));
        assert!(!is_json(&with("text/plain")) && !is_json(&HeaderMap::new()));
    }
}
