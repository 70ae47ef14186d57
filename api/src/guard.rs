//! Protection against web pages that call the API through the browser of their visitor.
//!
//! The server listens on loopback only, but a page may point a name of its own at 127.0.0.1 (DNS rebinding) and then
//! count as the same origin. Such a request has the page's host in its Host header, so any host that is not loopback is
//! refused. A page that submits a form across sites sends the right host, but its Origin header differs.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Uri,
        header::{CACHE_CONTROL, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS},
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::problem::Problem;

/// Accepts requests whose host is this machine and whose origin is no other site.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let checked = check_host(request.uri(), request.headers())
        .and_then(|()| check_origin(request.method(), request.headers()));
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn check_host(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let mut named = uri.authority().is_some();
    if let Some(authority) = uri.authority() {
        loopback(authority.as_str())?;
    }
    for value in headers.get_all(HOST) {
        loopback(value.to_str().unwrap_or("(not ASCII)"))?;
        named = true;
    }
    if named { Ok(()) } else { Err(misdirected("The request names no host")) }
}

fn loopback(authority: &str) -> Result<(), Problem> {
    if is_loopback(authority) {
        return Ok(());
    }
    Err(misdirected(&format!("This server does not answer for {authority:?}")))
}

fn misdirected(what: &str) -> Problem {
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "foreign-host",
        "Foreign host",
        format!("{what}: address it as localhost, 127.0.0.1 or [::1]"),
    )
}

/// True for localhost, 127.0.0.0/8 and `[::1]`, with any port.
fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host();
    let is_host = host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|host| host.parse() == Ok(Ipv6Addr::LOCALHOST));
    is_host && !authority.as_str().contains('@')
}

fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        return Ok(());
    }
    let foreign = |from: &str| {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "foreign-origin",
            "Foreign origin",
            format!("A page of {from} may not change anything here"),
        ))
    };
    for origin in headers.get_all(ORIGIN) {
        let origin = origin.to_str().unwrap_or("(not ASCII)");
        let uri = origin.parse::<Uri>().ok();
        let authority = uri.as_ref().filter(|uri| uri.scheme().is_some()).and_then(Uri::authority);
        if !authority.is_some_and(|authority| is_loopback(authority.as_str())) {
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
    fn loopback_has_few_names() {
        for good in ["localhost", "LocalHost:80", "127.0.0.1", "127.1.2.3:9", "[::1]", "[::1]:8000"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "localhost.example.com",
            "example.com@localhost",
            "localhost@example.com",
            "127.0.0.1.nip.io",
            "[::]",
            "[::2]:80",
            "::1",
            "0.0.0.0",
            "10.0.0.1:8000",
            "2130706433",
            "127.1",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn a_foreign_page_changes_nothing() {
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
