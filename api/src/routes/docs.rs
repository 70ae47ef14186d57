//! `GET /docs/problems`: what each kind of problem means, as a page. The text is that of docs/problems.md.

use std::fmt::Write;

use axum::{
    http::{HeaderName, HeaderValue, header::CONTENT_SECURITY_POLICY},
    response::Html,
};

/// The text, in the few forms that [`page`] knows.
pub(crate) const PROBLEMS: &str = include_str!("../../../docs/problems.md");

const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

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
