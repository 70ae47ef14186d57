//! GitHub's errors and limits, in the terms of the HTTP layer.
//!
//! <https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>

use serde::Deserialize;
use serde_json::Value as Json;
use syncline_engine::{
    limits::Observed,
    ports::{ConnectorError, ErrorScope},
};

use super::limits;
use crate::http::{Class, Dialect, Head, Told};

/// GitHub's manners, in one of the versions of its API. The later one removes what is not used here.
pub(super) enum GithubDialect {
    /// 2022-11-28, which GitHub takes if nothing is said.
    V2022,
    /// 2026-03-10.
    V2026,
}

const MEDIA_TYPE: (&str, &str) = ("accept", "application/vnd.github+json");

impl Dialect for GithubDialect {
    fn platform(&self) -> &'static str {
        "github"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            GithubDialect::V2022 => &[MEDIA_TYPE, ("x-github-api-version", "2022-11-28")],
            GithubDialect::V2026 => &[MEDIA_TYPE, ("x-github-api-version", "2026-03-10")],
        }
    }

    fn request_id(&self) -> &'static str {
        "x-github-request-id"
    }

    fn observed(&self, head: &Head<'_>) -> Vec<Observed> {
        limits::observed(|name| head.header(name), head.now)
    }

    fn told(&self, head: &Head<'_>, body: &[u8]) -> Told {
        let body = ErrorBody::read(body);
        let (class, scope, remedy) = classify(head.status, &body.message.to_ascii_lowercase());
        let text = body.text();
        let message = match remedy {
            Some(remedy) => format!("{text}; {remedy}"),
            None => text,
        };
        Told { class, scope, code: body.code(), message: Some(message), retry_in: None }
    }

    fn graphql(&self, error: &Json) -> Told {
        let text = |key: &str| error[key].as_str().map(str::to_owned);
        let code = text("type");
        let class = match code.as_deref() {
            Some("RATE_LIMITED") => Some(Class::RateLimited),
            Some("NOT_FOUND") => Some(Class::NotFound),
            _ => Some(Class::Permanent),
        };
        let message = match (code.as_deref(), text("message")) {
            (Some("FORBIDDEN" | "INSUFFICIENT_SCOPES"), Some(message)) => {
                Some(format!("{message}; only administrators of the repository may delete issues"))
            }
            (_, message) => message,
        };
        Told { class, code, message, ..Told::default() }
    }
}

/// What the status alone does not tell, and what to do about it. The documentation names texts and no codes.
fn classify(status: u16, message: &str) -> (Option<Class>, Option<ErrorScope>, Option<&'static str>) {
    let is_limit = || message.contains("rate limit") || message.contains("abuse detection");
    match status {
        // Only creates are blocked after too many of them.
        403 | 429 if message.contains("content creation") => {
            (Some(Class::RateLimited), Some(ErrorScope::Endpoint), None)
        }
        403 | 429 if is_limit() => (Some(Class::RateLimited), None, None),
        403 if message.contains("saml") => {
            (Some(Class::Auth), None, Some("authorize the token for the organisation"))
        }
        403 if message.contains("not accessible by") => {
            let remedy = "give the token access to the repository, with its issues to read and to write";
            (None, Some(ErrorScope::Endpoint), Some(remedy))
        }
        403 if message.contains("archived") => (None, Some(ErrorScope::Endpoint), None),
        // Another write to the same issue was under way.
        409 => (Some(Class::Transient), None, None),
        _ => (None, None, None),
    }
}

/// The keys of a request's body that a refusal is about.
pub(super) fn refused_keys(error: &ConnectorError) -> Vec<&str> {
    let code = error.answer.as_ref().filter(|answer| answer.status == 422).and_then(|a| a.code.as_deref());
    code.into_iter().flat_map(|code| code.split(' ')).filter_map(|one| Some(one.split_once(':')?.0)).collect()
}

/// The body of an error.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Errors,
}

/// GitHub sends objects, texts, or, on some routes, one text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Errors {
    Many(Vec<Flaw>),
    One(String),
}

impl Default for Errors {
    fn default() -> Errors {
        Errors::Many(Vec::new())
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Flaw {
    Field { resource: Option<String>, field: Option<String>, code: Option<String>, message: Option<String> },
    Text(String),
}

impl ErrorBody {
    fn read(body: &[u8]) -> ErrorBody {
        serde_json::from_slice(body).unwrap_or_default()
    }

    fn flaws(&self) -> &[Flaw] {
        if let Errors::Many(flaws) = &self.errors { flaws } else { &[] }
    }

    /// What is wrong with which keys of the request's body: `assignees:invalid labels:custom`.
    fn code(&self) -> Option<String> {
        let codes = self.flaws().iter().filter_map(|flaw| match flaw {
            Flaw::Field { resource, field, code: Some(code), .. } => Some((resource, field, code)),
            _ => None,
        });
        let code = |(resource, field, code): (&Option<String>, &Option<String>, &String)| {
            let key = match (resource.as_deref(), field.as_deref()) {
                // A label that cannot be made is an error of the label and not of the issue.
                (Some("Label"), _) => Some("labels"),
                (Some("IssueField"), _) => Some("issue_field_values"),
                (_, field) => field,
            };
            key.map_or_else(|| code.clone(), |key| format!("{key}:{code}"))
        };
        let codes: Vec<String> = codes.map(code).collect();
        (!codes.is_empty()).then(|| codes.join(" "))
    }

    /// The message, with what is wrong with single fields.
    fn text(&self) -> String {
        let flaw = |flaw: &Flaw| match flaw {
            Flaw::Text(text) => text.clone(),
            Flaw::Field { field, code, message, .. } => match (field, code, message) {
                (_, _, Some(message)) => message.clone(),
                (Some(field), Some(code), None) => format!("{field}: {code}"),
                (field, code, None) => field.iter().chain(code).cloned().collect::<Vec<_>>().join(" "),
            },
        };
        let flaws: Vec<String> = match &self.errors {
            Errors::Many(flaws) => flaws.iter().map(flaw).collect(),
            Errors::One(text) => vec![text.clone()],
        };
        if flaws.is_empty() {
            self.message.clone()
        } else {
            format!("{} ({})", self.message, flaws.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use rstest::rstest;
    use serde_json::json;
    use syncline_engine::ports::Answer;

    use super::*;

    fn told(status: u16, body: &Json) -> Told {
        let head = Head { status, headers: &HeaderMap::new(), now: chrono::Utc::now() };
        GithubDialect::V2022.told(&head, body.to_string().as_bytes())
    }

    const SECONDARY: &str =
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    const CREATION: &str =
        "You have exceeded a secondary rate limit and have been temporarily blocked from content creation.";

    #[rstest]
    #[case(403, SECONDARY, Some(Class::RateLimited), None)]
    #[case(403, CREATION, Some(Class::RateLimited), Some(ErrorScope::Endpoint))]
    #[case(403, "API rate limit exceeded for user ID 1.", Some(Class::RateLimited), None)]
    #[case(403, "You have triggered an abuse detection mechanism.", Some(Class::RateLimited), None)]
    #[case(403, "Resource protected by organization SAML enforcement.", Some(Class::Auth), None)]
    #[case(403, "Resource not accessible by personal access token", None, Some(ErrorScope::Endpoint))]
    #[case(403, "Must have admin rights to Repository.", None, None)]
    #[case(404, "Not Found", None, None)]
    #[case(409, "Conflict", Some(Class::Transient), None)]
    fn texts_tell_what_statuses_do_not(
        #[case] status: u16,
        #[case] message: &str,
        #[case] class: Option<Class>,
        #[case] scope: Option<ErrorScope>,
    ) {
        let told = told(status, &json!({ "message": message }));
        assert_eq!((told.class, told.scope), (class, scope));
        assert!(told.message.unwrap().starts_with(message));
    }

    #[test]
    fn the_flaws_of_fields_are_told() {
        let body = json!({
            "message": "Validation Failed",
            "errors": [
                {"resource": "Issue", "field": "title", "code": "missing_field"},
                {"resource": "Issue", "field": "assignees", "code": "invalid", "value": "eve"},
                {"resource": "Label", "field": "name", "code": "custom", "message": "name is too long"},
                "and a text",
            ],
            "documentation_url": "https://docs.github.com/rest",
        });
        let told = told(422, &body);
        assert_eq!(
            told.message.as_deref(),
            Some(
                "Validation Failed (title: missing_field; assignees: invalid; name is too long; and a text)"
            )
        );
        let mut error = ConnectorError::permanent("refused");
        error.answer = Some(Box::new(Answer { status: 422, code: told.code, request_id: None }));
        assert_eq!(refused_keys(&error), ["title", "assignees", "labels"]);
    }

    #[test]
    fn any_body_is_read() {
        for body in [json!([1]), json!("no"), json!({"errors": "one text"}), json!({"errors": [{}]})] {
            assert_eq!(told(422, &body).code, None);
        }
    }
}
