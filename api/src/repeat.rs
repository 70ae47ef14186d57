//! The header `Idempotency-Key`: a request that is repeated with the same key is carried out once.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CONTENT_TYPE, ETAG, LOCATION},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use syncline_engine::hash::digest;
use syncline_service::{
    Caller,
    idempotency::{self, Begun, Claim, StoredAnswer},
};
use uuid::{Builder, Uuid};

use crate::{
    access::By,
    extract::{BODY_LIMIT, whole},
    problem::Problem,
    state::ApiState,
};

/// The header with the key.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was stored.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in characters.
const LONGEST: usize = 255;
/// Headers that belong to an answer.
const STORED: [HeaderName; 3] = [CONTENT_TYPE, LOCATION, ETAG];

/// The key of a request; none: it must not be repeated.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let printable = |key: &&str| {
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    let text = key.to_str().ok().map(str::trim).filter(printable).filter(|_| given.next().is_none());
    text.map(|key| Some(key.to_owned())).ok_or_else(|| {
        let detail =
            format!("Idempotency-Key must be one header of 1 to {LONGEST} printable characters of ASCII");
        Problem::new(StatusCode::BAD_REQUEST, "invalid-header", "Invalid header", detail)
    })
}

/// The id of what a request makes, the same for each repetition: what a first try has made before its process died is
/// found again.
pub(crate) fn id_of(caller: &Caller, headers: &HeaderMap) -> Result<Option<Uuid>, Problem> {
    let Some(key) = key(headers)? else { return Ok(None) };
    let hash = digest(format!("{:?}\n{key}", caller.token).as_bytes());
    let bytes = hash.get(..32).and_then(|hex| Uuid::try_parse(hex).ok()).unwrap_or_default().into_bytes();
    Ok(Some(Builder::from_custom_bytes(bytes).into_uuid()))
}

/// The same for a part of what a request makes.
pub(crate) fn id_of_part(caller: &Caller, headers: &HeaderMap, part: usize) -> Result<Option<Uuid>, Problem> {
    let Some(key) = key(headers)? else { return Ok(None) };
    let hash = digest(format!("{:?}\n{key}\n{part}", caller.token).as_bytes());
    let bytes = hash.get(..32).and_then(|hex| Uuid::try_parse(hex).ok()).unwrap_or_default().into_bytes();
    Ok(Some(Builder::from_custom_bytes(bytes).into_uuid()))
}

/// Carries out a request with a key once.
pub(crate) async fn once(
    State(api): State<ApiState>,
    By(caller): By,
    request: Request,
    next: Next,
) -> Response {
    let key = match key(request.headers()) {
        Ok(Some(key)) if request.method() != Method::GET => key,
        Ok(_) => return next.run(request).await,
        Err(problem) => return problem.into_response(),
    };
    match carried_out(&api, &caller, &key, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn carried_out(
    api: &ApiState,
    caller: &Caller,
    key: &str,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = whole(&parts.headers, body).await?;
    let route = format!("{} {}", parts.method, parts.uri);
    let begun = idempotency::begin(&api.db, caller, key, &route, &digest(&body)).await?;
    match begun {
        Begun::First(claim) => {
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            stored(api, &claim, response).await
        }
        Begun::Answered(answer) => Ok(replayed(answer)),
        Begun::InProgress => {
            let detail = "The first request with this Idempotency-Key is being carried out; try again";
            Err(Problem::new(StatusCode::CONFLICT, "idempotency-in-progress", "In progress", detail)
                .with_retry_after(1))
        }
        Begun::Mismatch => {
            let detail = "This Idempotency-Key was used for a request with another body; use a new key";
            Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-mismatch",
                "Another request",
                detail,
            ))
        }
    }
}

/// Stores a success, and frees the key of anything else.
async fn stored(api: &ApiState, claim: &Claim, response: Response) -> Result<Response, Problem> {
    if !response.status().is_success() {
        idempotency::forget(&api.db, claim).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, 16 * BODY_LIMIT).await else {
        return Ok(Response::from_parts(parts, Body::empty()));
    };
    let header = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), Value::from(value)))
    };
    let headers: Map<String, Value> = STORED.iter().filter_map(header).collect();
    let answer = StoredAnswer { status: parts.status.as_u16(), headers: headers.into(), body: body.to_vec() };
    // The request is done; a caller that repeats it finds what it did.
    if let Err(error) = idempotency::finish(&api.db, claim, answer).await {
        tracing::warn!(%error, "the answer to a request that may be repeated was not stored");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replayed(answer: StoredAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in answer.headers.as_object().into_iter().flatten() {
        let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
        if let (Ok(name), Some(value)) = (name.parse::<HeaderName>(), value) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(keys: &[&str]) -> HeaderMap {
        keys.iter().map(|key| (KEY, HeaderValue::from_bytes(key.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn a_key_is_printable_and_one() {
        assert_eq!(key(&HeaderMap::new()).unwrap(), None);
        let longest = "k".repeat(LONGEST);
        for good in ["a", "order 7/2", longest.as_str()] {
            assert_eq!(key(&with(&[good])).unwrap().as_deref(), Some(good));
        }
        let longer = format!("{longest}k");
        for bad in [&[""][..], &["é"], &[longer.as_str()], &["a\tb"], &["  "]] {
            assert_eq!(key(&with(bad)).unwrap_err().status, 400, "{bad:?}");
        }
        let mut twice = with(&["a"]);
        twice.append(KEY, HeaderValue::from_static("b"));
        assert_eq!(key(&twice).unwrap_err().status, 400);
    }

    #[test]
    fn an_id_belongs_to_a_token_and_a_key() {
        let of = |token, key: &str| {
            id_of(&Caller { token, ..Caller::person("mia") }, &with(&[key])).unwrap().unwrap()
        };
        assert_eq!(of(Some(1), "a"), of(Some(1), "a"));
        let ids = [of(Some(1), "a"), of(Some(2), "a"), of(None, "a"), of(Some(1), "b")];
        assert!((0..4).all(|one| (0..one).all(|other| ids[one] != ids[other])), "{ids:?}");
        assert_eq!(ids[0].get_version_num(), 8);
    }
}
