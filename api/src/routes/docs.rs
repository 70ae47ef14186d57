//! `/docs/`: the API as a page to read and to try. `/docs/problems`: what each kind of problem means; the text is that of
//! docs/problems.md.

use std::{fmt::Write, sync::Arc};

use axum::{
    Router,
    extract::Path,
    http::{
        HeaderName, HeaderValue, StatusCode, Uri,
        header::{
            CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
        },
    },
    response::{Html, IntoResponse, Response},
    routing::get,
};
use utoipa_swagger_ui::{Config, serve};

use crate::{problem::Problem, router::unknown_route, state::ApiState};

/// The text, in the few forms that [`page`] knows.
pub(crate) const PROBLEMS: &str = include_str!("../../../docs/problems.md");

/// The page that shows the document, and its script; both of ours.
const PAGE: &str = include_str!("docs/index.html");
const SCRIPT: &str = include_str!("docs/start.js");

/// What the page loads of Swagger UI.
const PARTS: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

/// Swagger UI sets styles inline, and has its pictures in its stylesheet.
const UI_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// The pages. That about problems is always there: the documents of problems link to it.
pub(crate) fn router(with_ui: bool) -> Router<ApiState> {
    let pages = Router::new().route("/docs/problems", get(problems));
    if !with_ui {
        return pages;
    }
    // The page names its parts relative to the folder, so that they are found behind a proxy with a prefix, too.
    let folder = (StatusCode::PERMANENT_REDIRECT, [(LOCATION, HeaderValue::from_static("docs/"))]);
    pages
        .route("/docs", get(async || folder))
        .route("/docs/", get(async || own("text/html; charset=utf-8", PAGE)))
        .route("/docs/start.js", get(async || own("text/javascript; charset=utf-8", SCRIPT)))
        .route("/docs/{part}", get(part))
}

fn own(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_SECURITY_POLICY, UI_POLICY),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, text)
}

/// A part of Swagger UI. It is compressed, which every browser reads.
async fn part(Path(name): Path<String>, uri: Uri) -> Result<Response, Problem> {
    if !PARTS.contains(&name.as_str()) {
        return Err(unknown_route(uri).await);
    }
    let found = serve(&name, Arc::new(Config::from("../openapi.json"))).ok().flatten();
    let Some(file) = found else { return Err(unknown_route(uri).await) };
    let mut response = file.bytes.into_owned().into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&file.content_type) {
        headers.insert(CONTENT_TYPE, kind);
    }
    if file.gzpipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    Ok(response)
}

pub(crate) async fn problems() -> ([(HeaderName, HeaderValue); 1], Html<String>) {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(page(PROBLEMS)))
}

/// Headings, each with its own text as anchor, and paragraphs.
fn page(text: &str) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Problems - Syncline</title>\n",
    );
    for part in text.split("\n\n") {
        let (heading, rest) = match part.trim().strip_prefix('#') {
            Some(heading) => {
                let (heading, rest) = heading.split_once('\n').unwrap_or((heading, ""));
                (Some(heading), rest)
            }
            None => (None, part),
        };
        // Writing to a string cannot fail.
        match heading.map(|heading| (heading.strip_prefix('#'), heading)) {
            Some((Some(kind), _)) => {
                let kind = escaped(kind.trim());
                let _ = writeln!(page, "<h2 id=\"{kind}\">{kind}</h2>");
            }
            Some((None, title)) => {
                let _ = writeln!(page, "<h1>{}</h1>", escaped(title.trim()));
            }
            None => {}
        }
        if !rest.trim().is_empty() {
            let _ = writeln!(page, "<p>{}</p>", escaped(rest.trim()));
        }
    }
    page.push_str("</html>\n");
    page
}

/// Text for HTML. Code is not set off; a link is its text.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    text.replace('`', "").replace("[HTTP API](api.md)", "HTTP API")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_an_anchor_for_each_kind_and_no_markup_of_the_text() {
        let text = "# Problems\n\nOf the `api` <b>.\n\n## busy\n503. Try &\nagain.\n\n## x-y\n400. No.\n";
        let page = page(text);
        assert!(page.contains("<h1>Problems</h1>\n<p>Of the api &lt;b&gt;.</p>\n"), "{page}");
        assert!(page.contains("<h2 id=\"busy\">busy</h2>\n<p>503. Try &amp;\nagain.</p>\n"), "{page}");
        assert!(page.contains("<h2 id=\"x-y\">"), "{page}");
    }
}
