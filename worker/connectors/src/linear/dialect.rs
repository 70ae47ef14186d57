//! Linear's errors and limits, in the terms of the HTTP layer.

use serde_json::Value as Json;
use syncline_engine::{limits::Observed, ports::ErrorScope};

use super::{auth::Form, limits};
use crate::http::{Class, Dialect, Head, Told};

/// Linear's manners, towards a secret that is sent in one of its forms.
pub(super) struct LinearDialect(pub(super) Form);

impl Dialect for LinearDialect {
    fn platform(&self) -> &'static str {
        "linear"
    }

    fn observed(&self, head: &Head<'_>) -> Vec<Observed> {
        limits::observed(|name| head.header(name), head.now)
    }

    /// The errors of GraphQL come with other statuses, too; only a refused secret needs more words.
    fn told(&self, head: &Head<'_>, body: &[u8]) -> Told {
        let body: Json = serde_json::from_slice(body).unwrap_or_default();
        let first = body["errors"].get(0).map(|error| self.graphql(error));
        let told = first.unwrap_or_default();
        let refused = head.status == 401 || told.class == Some(Class::Auth);
        if !refused {
            return told;
        }
        let text = told.message.filter(|text| !text.is_empty());
        let text = text.map_or_else(String::new, |text| format!("{text}; "));
        Told { message: Some(format!("{text}{}", self.0.remedy())), class: Some(Class::Auth), ..told }
    }

    fn graphql(&self, error: &Json) -> Told {
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let extensions = &error["extensions"];
        let (code, kind) = (text(&extensions["code"]), text(&extensions["type"]));
        let plain = text(&error["message"]).unwrap_or_default();
        let (class, scope) = classify(code.as_deref(), kind.as_deref(), &plain);
        let shown = text(&extensions["userPresentableMessage"]).filter(|shown| !shown.is_empty());
        let message = match shown {
            Some(shown) if !plain.contains(&shown) && !plain.is_empty() => format!("{plain}: {shown}"),
            Some(shown) => shown,
            None => plain,
        };
        Told { class, scope, code: code.or(kind), message: Some(message), retry_in: None }
    }
}

/// What an error is, by its code, its type and its text. None: the status decides.
fn classify(code: Option<&str>, kind: Option<&str>, message: &str) -> (Option<Class>, Option<ErrorScope>) {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', ' '], "");
    let is = |names: &[&str]| [code, kind].into_iter().flatten().any(|text| names.contains(&&*plain(text)));
    // The code comes before everything: the status of a limit is 400, and its text may be about anything.
    if is(&["ratelimited"]) {
        return (Some(Class::RateLimited), None);
    }
    if is(&["authenticationerror", "unauthenticated"]) {
        return (Some(Class::Auth), None);
    }
    if message.to_ascii_lowercase().contains("entity not found") {
        return (Some(Class::NotFound), None);
    }
    if is(&["networkerror", "internalerror", "internalservererror", "locktimeout", "bootstraperror"]) {
        return (Some(Class::Transient), None);
    }
    // The plan allows no more issues: none of the others would be taken either.
    if is(&["usagelimitexceeded"]) {
        return (Some(Class::Permanent), Some(ErrorScope::Endpoint));
    }
    if is(&["unknown", "other"]) {
        return (None, None);
    }
    (Some(Class::Permanent), None)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn error(code: &str, kind: &str, message: &str) -> Json {
        json!({ "message": message, "extensions": { "code": code, "type": kind } })
    }

    #[rstest]
    #[case("RATELIMITED", "ratelimited", "Entity not found: Team", Some(Class::RateLimited))]
    #[case("AUTHENTICATION_ERROR", "authentication error", "no", Some(Class::Auth))]
    #[case("INPUT_ERROR", "invalid input", "Entity not found: Issue - x", Some(Class::NotFound))]
    #[case("INPUT_ERROR", "invalid input", "estimate is wrong", Some(Class::Permanent))]
    #[case("FORBIDDEN", "forbidden", "no", Some(Class::Permanent))]
    #[case("INTERNAL_SERVER_ERROR", "internal error", "oops", Some(Class::Transient))]
    #[case("LOCK_TIMEOUT", "lock timeout", "later", Some(Class::Transient))]
    #[case("GRAPHQL_VALIDATION_FAILED", "graphql error", "no field", Some(Class::Permanent))]
    #[case("OTHER", "other", "?", None)]
    fn codes_tell_what_an_error_is(
        #[case] code: &str,
        #[case] kind: &str,
        #[case] message: &str,
        #[case] class: Option<Class>,
    ) {
        let told = LinearDialect(Form::Key).graphql(&error(code, kind, message));
        assert_eq!((told.class, told.code.as_deref()), (class, Some(code)));
    }

    /// The status of a limit is 400.
    #[test]
    fn case_112_a_limit_is_told_by_its_code() {
        let body = json!({ "errors": [error("RATELIMITED", "ratelimited", "Rate limit exceeded")] });
        let head = Head { status: 400, headers: &HeaderMap::new(), now: chrono::Utc::now() };
        let told = LinearDialect(Form::Key).told(&head, body.to_string().as_bytes());
        assert_eq!(told.class, Some(Class::RateLimited));
    }

    #[rstest]
    #[case(Form::Key, "without Bearer")]
    #[case(Form::Bearer, "with Bearer")]
    fn case_142_a_refused_secret_tells_how_it_was_sent(#[case] form: Form, #[case] words: &str) {
        let head = Head { status: 401, headers: &HeaderMap::new(), now: chrono::Utc::now() };
        for body in
            ["", "[1]", "{\"errors\":[{\"message\":\"It looks like you're trying to use an API key\"}]}"]
        {
            let told = LinearDialect(form).told(&head, body.as_bytes());
            assert_eq!(told.class, Some(Class::Auth));
            assert!(told.message.as_ref().unwrap().contains(words), "{told:?}");
        }
    }
}
