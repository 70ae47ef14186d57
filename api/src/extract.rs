//! Strict extractors: an unknown key is refused by name, and every refusal is a problem document.

mod query;

use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    extract::{
        FromRequest, FromRequestParts, Path, RawPathParams, Request, path::ErrorKind,
        rejection::PathRejection,
    },
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING},
        request::Parts,
    },
};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) use self::query::{StrictQuery, invalid_query, up_to, written};
use crate::{json::parse, problem::Problem};

/// The largest body that is accepted, in bytes.
pub(crate) const BODY_LIMIT: usize = 1 << 20;

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
        if request.headers().contains_key(CONTENT_ENCODING) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
                "The body must not be compressed: send it without the header content-encoding",
            ));
        }
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
                "The body must be JSON: send it with the header content-type: application/json",
            ));
        }
        let (parts, body) = request.into_parts();
        parse(&whole(&parts.headers, body).await?).map(Self)
    }
}

/// A JSON body that may be left out, for what needs nothing to be said.
#[derive(Debug)]
pub(crate) struct MaybeJson<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let headers = request.headers();
        let is_empty = announced(headers).unwrap_or(0) == 0 && !headers.contains_key(TRANSFER_ENCODING);
        if is_empty && request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        JsonBody::from_request(request, state).await.map(|JsonBody(value)| Self(value))
    }
}

/// The whole body, if it is no larger than it may be and arrives in time.
pub(crate) async fn whole(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    // A client that sends `Expect: 100-continue` gets the refusal before it sends the body.
    let announced = announced(headers).unwrap_or(0);
    if announced > DISCARD_LIMIT as u64 || (announced > BODY_LIMIT as u64 && headers.contains_key(EXPECT)) {
        return Err(too_large());
    }
    timeout(BODY_TIMEOUT, read(body)).await.map_err(|_| {
        let detail = format!("The body did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "Request timeout", detail)
    })?
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

/// The parameters of the path: `InPath<i64>` for one, `InPath<(i64, String)>` for two.
#[derive(Debug)]
pub(crate) struct InPath<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let rejection = match Path::from_request_parts(parts, state).await {
            Ok(Path(read)) => return Ok(Self(read)),
            Err(rejection) => rejection,
        };
        let PathRejection::FailedToDeserializePathParams(failed) = &rejection else {
            return Err(Problem::internal(&rejection));
        };
        let (value, expected) = match failed.kind() {
            ErrorKind::ParseError { value, expected_type }
            | ErrorKind::ParseErrorAtIndex { value, expected_type, .. }
            | ErrorKind::ParseErrorAtKey { value, expected_type, .. } => match *expected_type {
                "i64" => (value.as_str(), "a whole number below 2^63"),
                other => (value.as_str(), other),
            },
            // No other values in paths are read by themselves.
            ErrorKind::DeserializeError { value, .. } => (value.as_str(), "a UUID"),
            ErrorKind::InvalidUtf8InPathParam { .. } => ("the address", "text in UTF-8"),
            _ => ("the address", "what the route takes"),
        };
        let detail = format!("{value:?} in the path is not {expected}");
        let given = RawPathParams::from_request_parts(parts, state).await.ok();
        let field = given.iter().flatten().find(|(_, given)| *given == value).map_or("id", |(key, _)| key);
        Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-id", "Invalid id", &*detail)
            .with_field(field, detail))
    }
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
    use super::*;

    #[test]
    fn json_is_known_by_its_essence() {
        let with = |value: &str| HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
        assert!(is_json(&with("application/json")) && is_json(&with("Application/JSON; charset=utf-8")));
        assert!(!is_json(&with("text/plain")) && !is_json(&HeaderMap::new()));
    }
}
