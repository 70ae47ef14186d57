//! Admits callers to routes: who they are, and whether they may do what the route does.

use std::{net::SocketAddr, time::Duration};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, StatusCode, Uri, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use syncline_service::{Caller, Scope, tokens::Denied};
use uuid::Uuid;

use crate::{problem::Problem, state::ApiState};

/// The header with the id of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a request that is taken from a caller.
const LONGEST_ID: usize = 128;

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What a route needs of its caller, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) scope: Scope,
    /// The route is about all projects at once, so a caller of one project has no use of it.
    pub(crate) all_projects: bool,
    pub(crate) within: Duration,
    /// Needs no token from this machine.
    pub(crate) open_here: bool,
}

/// How long a request may take.
pub(crate) const USUAL: Duration = Duration::from_secs(30);

/// How long a request about many things may take.
const LONG: Duration = Duration::from_secs(300);

impl Need {
    pub(crate) const fn of(scope: Scope) -> Need {
        Need { scope, all_projects: false, within: USUAL, open_here: false }
    }

    pub(crate) const fn of_all_projects(scope: Scope) -> Need {
        Need { all_projects: true, ..Need::of(scope) }
    }

    /// For a route that needs no token on this machine, for probes and people.
    pub(crate) const fn open_here(self) -> Need {
        Need { open_here: true, ..self }
    }

    /// For a route about many things, which takes its time.
    pub(crate) const fn long(self) -> Need {
        Need { within: LONG, ..self }
    }
}

/// The id of a request: the caller's, if it is plain, else a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    pub(crate) fn of(headers: &HeaderMap) -> RequestId {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let given = given.filter(|id| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain));
        RequestId(given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }
}

/// Lets a request pass whose caller has the scope that the route needs, and tells the route who they are.
pub(crate) async fn admit(
    State((api, need)): State<(ApiState, Need)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match of_header(&api, need, &parts).await {
        Ok((caller, left)) => {
            parts.extensions.insert(caller);
            let mut response = next.run(Request::from_parts(parts, body)).await;
            response.headers_mut().extend(left);
            response
        }
        Err(problem) => problem.into_response(),
    }
}

async fn of_header(api: &ApiState, need: Need, parts: &Parts) -> Result<(Caller, HeaderMap), Problem> {
    caller(api, need, parts, token(&parts.headers)?).await
}

/// The caller with this token, and the headers that say how much they may still ask.
pub(crate) async fn caller(
    api: &ApiState,
    need: Need,
    parts: &Parts,
    token: Option<&str>,
) -> Result<(Caller, HeaderMap), Problem> {
    refuse_token_in_query(&parts.uri)?;
    let admitted = api.gate.admit(&api.db, token).await?;
    let address = parts.extensions.get().map(|Peer(address)| address.ip());
    let mut caller = match admitted {
        Ok(caller) => caller,
        Err(Denied::Missing) => return Err(unauthenticated()),
        Err(Denied::Wrong) => {
            address.map_or(Ok(()), |address| api.rates.count_wrong(address))?;
            return Err(unauthenticated());
        }
    };
    let left = api.rates.count(&caller, need.scope)?;
    if let Some(address) = address {
        caller.from = address.to_canonical().to_string();
    }
    if let Some(RequestId(id)) = parts.extensions.get() {
        caller.request_id.clone_from(id);
    }
    if !caller.may(need.scope) {
        let detail =
            format!("This needs a token with the scope {}; this one has: {}", need.scope, has(&caller));
        return Err(Problem::new(StatusCode::FORBIDDEN, "missing-scope", "Missing scope", detail));
    }
    if need.all_projects && caller.project.is_some() {
        let detail =
            "This is about all projects, and the token is for one of them; use one without a project";
        return Err(Problem::new(StatusCode::FORBIDDEN, "one-project", "Token of one project", detail));
    }
    Ok((caller, left))
}

fn has(caller: &Caller) -> String {
    match caller.scopes.names() {
        names if names.is_empty() => "none".to_owned(),
        names => names.join(", "),
    }
}

/// The token of the header `Authorization`. A header that has none, or two of them, is a wrong token.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| given.next().is_none());
    let token = text.and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    token.map(Some).ok_or_else(unauthenticated)
}

/// One answer for a missing, a wrong, an expired and a revoked token.
fn unauthenticated() -> Problem {
    let detail = "This needs a token that is valid. Send it as the header authorization: Bearer TOKEN; \
                  `syncline tokens create NAME` makes one";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Unauthenticated", detail)
}

/// Keys of query strings that people put tokens into.
const TOKEN_KEYS: [&str; 5] = ["token", "access_token", "api_key", "apikey", "authorization"];

/// Addresses end up in logs and histories, so a token in one is refused even if it is right.
fn refuse_token_in_query(uri: &Uri) -> Result<(), Problem> {
    let keys =
        uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let mut keys = keys.filter(|key| TOKEN_KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)));
    let Some(key) = keys.next() else { return Ok(()) };
    let detail = format!(
        "A token must not be part of an address, which logs keep. Revoke the one in {key:?}, and send another as the \
         header authorization: Bearer TOKEN"
    );
    Err(Problem::new(StatusCode::BAD_REQUEST, "token-in-query", "Token in the address", detail))
}

/// The caller of a route.
#[derive(Debug, Clone)]
pub(crate) struct By(pub(crate) Caller);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        // Every route of the table has a caller; one outside of it would be open by mistake.
        parts.extensions.get::<Caller>().cloned().map(By).ok_or_else(unauthenticated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_caller_is_kept_if_it_is_plain() {
        let of = |id: &str| RequestId::of(&HeaderMap::from_iter([(REQUEST_ID, id.parse().unwrap())])).0;
        let longest = "a".repeat(LONGEST_ID);
        for plain in ["a", "Run-1.2_x", longest.as_str()] {
            assert_eq!(of(plain), plain);
        }
        for other in ["", "a b", "a\"b", "{}", "a,b", &format!("{longest}a")] {
            assert_ne!(of(other), other);
            assert_eq!(of(other).len(), 36, "a UUID instead of {other:?}");
        }
    }

    #[test]
    fn only_a_bearer_token_is_one() {
        let of = |value: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            token(&headers).map(|token| token.map(str::to_owned))
        };
        assert_eq!(token(&HeaderMap::new()).unwrap(), None);
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(of(value).unwrap().as_deref(), Some("abc"), "{value}");
        }
        for value in ["abc", "Basic abc", "Bearer", ""] {
            assert_eq!(of(value).unwrap_err().status, 401, "{value}");
        }
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, "Bearer a".parse().unwrap());
        twice.append(AUTHORIZATION, "Bearer b".parse().unwrap());
        assert_eq!(token(&twice).unwrap_err().status, 401);
    }

    #[test]
    fn a_token_in_an_address_is_refused_by_the_name_of_its_key() {
        let refused = |uri: &str| refuse_token_in_query(&uri.parse().unwrap());
        assert!(refused("/api/v1/jobs?state=dead&key=token").is_ok());
        for uri in ["/x?token=sl_1", "/x?a=b&ACCESS_TOKEN=1", "/x?api_key"] {
            let problem = refused(uri).unwrap_err();
            assert!(problem.status == 400 && !problem.detail.contains("sl_1"), "{}", problem.detail);
        }
    }
}
