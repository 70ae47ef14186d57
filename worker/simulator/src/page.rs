//! The page for people: its frame, its style, and the routes to each platform's part of it.

use std::fmt::Write;

use crate::{
    http::{Call, Reply},
    world::World,
};

const STYLE: &str = include_str!("page.css");

/// Handles a request to neither a platform nor the control API.
pub(crate) fn answer(world: &mut World, call: &Call) -> Reply {
    let scene = world.scene("");
    if call.segments.is_empty() {
        return match world.platforms.first_mut() {
            Some(platform) => platform.page(&Call { path: String::new(), ..call.clone() }, &scene),
            None => missing(),
        };
    }
    let Some(below) = call.below("page") else { return missing() };
    for platform in &mut world.platforms {
        if let Some(call) = below.below(platform.prefix()) {
            return platform.page(&call, &scene);
        }
    }
    missing()
}

pub(crate) fn missing() -> Reply {
    let body = "<h1>Not found</h1><p>Nothing is at this address. <a href=\"/\">All repositories</a></p>";
    document(404, "Not found", body)
}

/// Returns a page; the body is HTML.
pub(crate) fn document(status: u16, title: &str, body: &str) -> Reply {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · Syncline simulator</title><style>{STYLE}</style></head>\
         <body><header><a href=\"/\">Syncline simulator</a><span>a stand-in, not the real platforms</span>\
         <a href=\"/page/github\">GitHub</a><a href=\"/page/jira\">Jira</a>\
         <a href=\"/page/linear\">Linear</a></header>\
         <main>{body}</main></body></html>\n",
        title = Text(title)
    );
    Reply::text(status, "text/html; charset=utf-8", page)
        .with(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'",
        )
        .with("x-content-type-options", "nosniff")
}

/// Redirects a browser to another page after a change.
pub(crate) fn see(path: &str) -> Reply {
    Reply::empty(303).with("location", path)
}

/// Returns the fields of a form.
pub(crate) fn form(call: &Call) -> Vec<(String, String)> {
    form_urlencoded::parse(&call.body).into_owned().collect()
}

/// Text for HTML; special characters are escaped.
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(Text("<b a=\"1\">&'").to_string(), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
        let page = String::from_utf8(document(200, "<script>", "").body).unwrap();
        assert!(!page.contains("<script>"));
    }
}
