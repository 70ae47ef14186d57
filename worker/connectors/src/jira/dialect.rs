//! Jira's errors and limits, in the terms of the HTTP layer.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use syncline_engine::{
    limits::Observed,
    ports::{ConnectorError, ErrorScope},
};

use super::limits;
use crate::http::{Class, Dialect, Head, Told};

/// What Jira answers to a request whose credentials it does not accept, with a status of 200 or 403: what anyone may see.
const LOGIN: &str = "x-seraph-loginreason";

/// Jira's manners.
pub(super) struct JiraDialect;

impl Dialect for JiraDialect {
    fn platform(&self) -> &'static str {
        "jira"
    }

    fn request_id(&self) -> &'static str {
        "atl-traceid"
    }

    fn observed(&self, head: &Head<'_>) -> Vec<Observed> {
        limits::observed(|name| head.header(name), head.now)
    }

    fn told(&self, head: &Head<'_>, body: &[u8]) -> Told {
        if let Some(told) = self.objection(head) {
            return told;
        }
        let body = Flaws::read(body);
        let message = Some(body.text()).filter(|text| !text.is_empty());
        let told = Told { code: body.code(), message, ..Told::default() };
        let limit = |class: Class, scope: ErrorScope| Told {
            class: Some(class),
            scope: Some(scope),
            code: head.header("ratelimit-reason").map(str::to_owned),
            retry_in: head.retry_after().or_else(|| limits::reset_in(|name| head.header(name), head.now)),
            ..told.clone()
        };
        match (head.status, head.header("ratelimit-reason")) {
            // Writes to one issue came too fast: it alone waits.
            (429, Some("jira-per-issue-on-write")) => limit(Class::Transient, ErrorScope::Item),
            (429, Some("jira-burst-based")) => limit(Class::RateLimited, ErrorScope::Endpoint),
            (429, _) => limit(Class::RateLimited, ErrorScope::Account),
            (409, _) => Told { class: Some(Class::Transient), ..told },
            (410, _) => Told { class: Some(Class::Permanent), scope: Some(ErrorScope::Endpoint), ..told },
            _ => told,
        }
    }

    fn objection(&self, head: &Head<'_>) -> Option<Told> {
        let reason = head.header(LOGIN)?;
        if !["AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED"].iter().any(|sign| reason.contains(sign)) {
            return None;
        }
        let text = "Jira did not accept the e-mail address and the API token, and showed what anyone may see; make a new token";
        Some(Told {
            class: Some(Class::Auth),
            code: Some(reason.to_owned()),
            message: Some(text.to_owned()),
            ..Told::default()
        })
    }

    fn pause(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// The body of an error, of a whole request or of one element of a batch.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Flaws {
    #[serde(rename = "errorMessages")]
    messages: Vec<String>,
    /// What is wrong, by the ids of fields.
    errors: Map<String, Json>,
    /// Of endpoints that fail before they are asked anything.
    message: Option<String>,
}

impl Flaws {
    fn read(body: &[u8]) -> Flaws {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The ids of the fields that are wrong: `fields:customfield_10001 priority`.
    pub(super) fn code(&self) -> Option<String> {
        let ids: Vec<&str> = self.errors.keys().map(String::as_str).collect();
        (!ids.is_empty()).then(|| format!("fields:{}", ids.join(" ")))
    }

    /// True if the field cannot be set at all, whatever the value: Jira's texts know no other sign.
    pub(super) fn says_not_settable(&self, field: &str) -> bool {
        let why = self.errors.get(field).and_then(Json::as_str).unwrap_or_default();
        why.contains("not on the appropriate screen") || why.contains("cannot be set")
    }

    pub(super) fn text(&self) -> String {
        let fields = self.errors.iter().map(|(field, why)| match why.as_str() {
            Some(why) => format!("{field}: {why}"),
            None => format!("{field}: {why}"),
        });
        let all: Vec<String> =
            self.messages.iter().cloned().chain(self.message.clone()).chain(fields).collect();
        all.join("; ")
    }
}

/// The ids of the fields that a refusal is about.
pub(super) fn refused_fields(error: &ConnectorError) -> Vec<&str> {
    let code = error.answer.as_ref().filter(|answer| answer.status == 400).and_then(|a| a.code.as_deref());
    code.and_then(|code| code.strip_prefix("fields:")).into_iter().flat_map(|ids| ids.split(' ')).collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use rstest::rstest;
    use serde_json::json;
    use syncline_engine::ports::Answer;

    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[rstest]
    #[case("jira-per-issue-on-write", Some(Class::Transient), Some(ErrorScope::Item))]
    #[case("jira-burst-based", Some(Class::RateLimited), Some(ErrorScope::Endpoint))]
    #[case("jira-quota-tenant-based", Some(Class::RateLimited), Some(ErrorScope::Account))]
    #[case("jira-quota-global-based", Some(Class::RateLimited), Some(ErrorScope::Account))]
    #[case("something-new", Some(Class::RateLimited), Some(ErrorScope::Account))]
    fn case_119_a_limit_holds_for_what_its_reason_says(
        #[case] reason: &'static str,
        #[case] class: Option<Class>,
        #[case] scope: Option<ErrorScope>,
    ) {
        let headers = headers(&[("ratelimit-reason", reason), ("x-ratelimit-reset", "2026-11-20T10:01Z")]);
        let head = Head { status: 429, headers: &headers, now: "2026-11-20T10:00:00Z".parse().unwrap() };
        let told = JiraDialect.told(&head, b"");
        assert_eq!((told.class, told.scope, told.code.as_deref()), (class, scope, Some(reason)));
        assert_eq!(told.retry_in, Some(Duration::from_secs(60)));
    }

    #[test]
    fn case_26_a_success_may_be_that_of_nobody() {
        for (reason, is_dead) in [("AUTHENTICATED_FAILED", true), ("OK", false)] {
            let headers = headers(&[("x-seraph-loginreason", reason)]);
            let head = Head { status: 200, headers: &headers, now: chrono::Utc::now() };
            assert_eq!(
                JiraDialect.objection(&head).and_then(|told| told.class),
                is_dead.then_some(Class::Auth)
            );
        }
    }

    #[test]
    fn the_flaws_of_fields_are_told() {
        let body = json!({
            "errorMessages": ["Not good."],
            "errors": {"customfield_10001": "Points is required.", "priority": "Unknown."},
        });
        let head = Head { status: 400, headers: &HeaderMap::new(), now: chrono::Utc::now() };
        let told = JiraDialect.told(&head, body.to_string().as_bytes());
        assert_eq!(
            told.message.as_deref(),
            Some("Not good.; customfield_10001: Points is required.; priority: Unknown.")
        );
        let mut error = ConnectorError::permanent("refused");
        error.answer = Some(Box::new(Answer { status: 400, code: told.code, request_id: None }));
        assert_eq!(refused_fields(&error), ["customfield_10001", "priority"]);
        assert_eq!(JiraDialect.told(&head, b"<html>"), Told::default());
    }
}
