//! Protection against web pages that call the API through the browser of their visitor.
//!
//! A page that points a name of its own at this server is refused by that name ([`Hosts`]). A page that submits a form
//! across sites sends the right host, but its Origin header differs.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Uri,
        header::{CACHE_CONTROL, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{hosts::Hosts, problem::Problem};

/// Accepts requests whose host is this server and whose origin is no other site.
pub(crate) async fn guard(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let checked = check_address(request.uri())
        .and_then(|()| check_host(&hosts, request.uri(), request.headers()))
        .and_then(|()| check_origin(&hosts, request.method(), request.uri(), request.headers()));
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// No text that is stored contains NUL, and databases stumble over it.
fn check_address(uri: &Uri) -> Result<(), Problem> {
    let address = uri.path_and_query().map_or("", |address| address.as_str());
    if !address.contains("%00") {
        return Ok(());
    }
    let detail = "The address contains the character NUL";
    Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-query", "Invalid query", detail))
}

fn check_host(hosts: &Hosts, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let named = headers.get_all(HOST).iter().map(|value| value.to_str().unwrap_or("(not ASCII)"));
    let mut named = uri.authority().map(|authority| authority.as_str()).into_iter().chain(named).peekable();
    if named.peek().is_none() {
        return Err(misdirected(hosts, "The request names no host"));
    }
    match named.find(|host| !hosts.answer_for(host)) {
        Some(foreign) => Err(misdirected(hosts, &format!("This server does not answer for {foreign:?}"))),
        None => Ok(()),
    }
}

fn misdirected(hosts: &Hosts, what: &str) -> Problem {
    let remedy = match hosts.is_local() {
        true => "address it as localhost, 127.0.0.1 or [::1]",
        false => "its operator lists its names in SYNCLINE_PUBLIC_URL or SYNCLINE_ALLOWED_HOSTS",
    };
    let detail = format!("{what}: {remedy}");
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "foreign-host", "Foreign host", detail)
}

fn check_origin(hosts: &Hosts, method: &Method, own: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    match [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        true => Ok(()),
        false => check_page(hosts, own, headers),
    }
}

/// Accepts a request that no page of another site makes. A WebSocket begins as a GET, and a page may read what comes.
pub(crate) fn check_page(hosts: &Hosts, own: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let foreign = |from: &str| {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "foreign-origin",
            "Foreign origin",
            format!("A page of {from} may neither change nor watch anything here"),
        ))
    };
    let host = own.authority().map(|authority| authority.as_str());
    let host = host.or_else(|| headers.get(HOST)?.to_str().ok());
    for origin in headers.get_all(ORIGIN) {
        let origin = origin.to_str().unwrap_or("(not ASCII)");
        let uri = origin.parse::<Uri>().ok();
        let authority = uri.as_ref().filter(|uri| uri.scheme().is_some()).and_then(Uri::authority);
        if !authority.is_some_and(|authority| hosts.are_own_pages(authority.as_str(), host)) {
            return foreign(origin);
        }
    }
    // Browsers that leave out Origin still send this header.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return foreign("another site");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_page_changes_nothing() {
        let hosts = Hosts::local();
        let check_origin = |method: &Method, headers: &HeaderMap| {
            check_origin(&hosts, method, &Uri::from_static("/"), headers)
        };
        let from = |origin: &str| HeaderMap::from_iter([(ORIGIN, origin.parse().unwrap())]);
        for bad in ["null", "https://example.com", "http://localhost.example.com:80", "localhost"] {
            assert!(check_origin(&Method::POST, &from(bad)).is_err(), "{bad}");
            assert!(check_origin(&Method::GET, &from(bad)).is_ok(), "{bad}");
        }
        for good in ["http://localhost:3000", "http://127.0.0.1:8000", "http://[::1]:8000"] {
            assert!(check_origin(&Method::POST, &from(good)).is_ok(), "{good}");
        }
        assert!(check_origin(&Method::DELETE, &HeaderMap::new()).is_ok());
        let mut quiet = HeaderMap::new();
        quiet.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert!(check_origin(&Method::DELETE, &quiet).is_err());
    }
}
