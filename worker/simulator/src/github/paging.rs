//! Pages by number, and the cursors of the list of issues.

use serde_json::Value;

use super::error::{Refusal, invalid};
use crate::http::{Call, Reply};

/// The largest page. Larger numbers are reduced to it.
const MAX: usize = 100;

/// The requested page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) size: usize,
}

impl Page {
    /// Reads the page of a request. Invalid numbers and 0 are ignored.
    pub(crate) fn of(call: &Call) -> Page {
        let number =
            |name: &str| call.query(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0);
        Page { number: number("page").unwrap_or(1), size: number("per_page").unwrap_or(30).min(MAX) }
    }

    pub(crate) fn skipped(self) -> usize {
        (self.number - 1).saturating_mul(self.size)
    }

    /// Returns the items of the page.
    pub(crate) fn cut<T>(self, items: Vec<T>) -> Vec<T> {
        items.into_iter().skip(self.skipped()).take(self.size).collect()
    }

    /// Returns a list with its Link header, from the JSON of all items.
    pub(crate) fn reply(self, call: &Call, items: Vec<Value>) -> Reply {
        let total = items.len();
        let reply = Reply::json(200, &self.cut(items));
        self.linked(call, total, reply)
    }

    /// Adds the Link header for this total number of items; none if there are no further pages.
    pub(crate) fn linked(self, call: &Call, total: usize, reply: Reply) -> Reply {
        let last = total.div_ceil(self.size).max(1);
        let url = |page: usize| address(call, &call.path, &[("page", page.to_string())]);
        let mut links = Vec::new();
        if self.number > 1 {
            links.push(format!("<{}>; rel=\"prev\"", url((self.number - 1).min(last))));
        }
        if self.number < last {
            links.push(format!("<{}>; rel=\"next\"", url(self.number + 1)));
            links.push(format!("<{}>; rel=\"last\"", url(last)));
        }
        if self.number > 1 {
            links.push(format!("<{}>; rel=\"first\"", url(1)));
        }
        if links.is_empty() { reply } else { reply.with("link", links.join(", ")) }
    }
}

/// Returns the URL of a path in the API, with the query of the request, in which these keys are replaced.
pub(crate) fn address(call: &Call, path: &str, keys: &[(&str, String)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in &call.query {
        let replaced = ["page", "after", "before"].contains(&key.as_str());
        if !replaced {
            query.append_pair(key, value);
        }
    }
    for (key, value) in keys {
        query.append_pair(key, value);
    }
    format!("{}/github{path}?{}", call.root, query.finish())
}

/// A position in a sorted list: the sort key and the number of the item at it.
pub(crate) type Position = (i64, u64);

const CURSOR: &str = "Y3Vyc29yOnYyOp";

/// Encodes a position for clients.
pub(crate) fn cursor((key, number): Position) -> String {
    format!("{CURSOR}{:016x}{number:x}", key.cast_unsigned())
}

/// Decodes a cursor of the query.
pub(crate) fn position(call: &Call, name: &str) -> Result<Option<Position>, Refusal> {
    let Some(text) = call.query(name) else { return Ok(None) };
    let parsed =
        text.strip_prefix(CURSOR).and_then(|rest| rest.split_at_checked(16)).and_then(|(key, number)| {
            let key = u64::from_str_radix(key, 16).ok()?.cast_signed();
            Some((key, u64::from_str_radix(number, 16).ok()?))
        });
    parsed.map(Some).ok_or_else(|| Refusal::validation(vec![invalid("Issue", name, text)]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(query: &str) -> Call {
        Call::new("GET", "/repos/acme/web/labels", query, "http://host".to_owned())
    }

    #[test]
    fn sizes_are_capped_and_nonsense_is_ignored() {
        assert_eq!(Page::of(&call("per_page=500&page=2")), Page { number: 2, size: 100 });
        assert_eq!(Page::of(&call("per_page=0&page=x")), Page { number: 1, size: 30 });
    }

    #[test]
    fn links_lead_both_ways() {
        let items = (0..5).map(|item| json!(item)).collect::<Vec<_>>();
        let call = call("per_page=2&page=2&q=a+b");
        let reply = Page::of(&call).reply(&call, items);
        let link = reply.header("link").unwrap();
        assert!(
            link.contains("<http://host/github/repos/acme/web/labels?per_page=2&q=a+b&page=3>; rel=\"next\"")
        );
        assert!(
            link.contains("rel=\"prev\"") && link.contains("rel=\"last\"") && link.contains("rel=\"first\"")
        );
        assert_eq!(reply.body, b"[2,3]");
    }

    #[test]
    fn cursors_come_back() {
        for at in [(1_790_000_000, 7), (-5, u64::MAX)] {
            let call = call(&format!("after={}", cursor(at)));
            assert_eq!(position(&call, "after").unwrap(), Some(at));
        }
        assert!(position(&call("after=abc"), "after").is_err());
    }
}
