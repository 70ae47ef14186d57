//! Routes that will be removed say so in their answers: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a link to what
//! replaces them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header::LINK};
use chrono::{DateTime, NaiveDate, Utc};

/// Since when a route is deprecated, when it ends, and what replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deprecation {
    /// The day of the release that announced it.
    pub(crate) since: NaiveDate,
    /// The day from which on it may be gone.
    pub(crate) until: NaiveDate,
    /// The path of the route that replaces it.
    pub(crate) instead: &'static str,
}

impl Deprecation {
    pub(crate) fn headers(&self) -> HeaderMap {
        let headers = [
            (HeaderName::from_static("deprecation"), format!("@{}", start(self.since).timestamp())),
            (
                HeaderName::from_static("sunset"),
                start(self.until).format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            ),
            (LINK, format!("<{}>; rel=\"successor-version\"", self.instead)),
        ];
        let value = |(name, text): (HeaderName, String)| Some((name, HeaderValue::from_str(&text).ok()?));
        headers.into_iter().filter_map(value).collect()
    }

    /// A sentence for the document.
    pub(crate) fn told(&self) -> String {
        format!("Deprecated since {}, and gone from {} on. Use {}.", self.since, self.until, self.instead)
    }
}

fn start(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}
