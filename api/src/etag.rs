//! `ETag` and `If-Match`: a change is refused if the thing was changed since the caller read it.
//!
//! A route that shows something changeable returns `(tag.header(), Json(...))`. A route that changes it takes
//! [`IfMatch`], names it among its `params`, and calls [`IfMatch::check`] with the tag of what is stored.

#![allow(dead_code, reason = "the routes that show what can be changed come one by one")]

use axum::{
    extract::FromRequestParts,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{ETAG, IF_MATCH},
        request::Parts,
    },
};
use utoipa::{
    IntoParams,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use crate::{document, problem::Problem};

/// The version of something that can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag(String);

impl Tag {
    /// The tag of a revision, or of another number that grows with each change.
    pub(crate) fn of_revision(revision: i64) -> Tag {
        Tag(format!("\"{revision}\""))
    }

    /// The tag of something that has no revision: a hash of what a change of it changes.
    pub(crate) fn of_content(content: &impl serde::Serialize) -> Tag {
        let bytes = serde_json::to_vec(content).unwrap_or_default();
        Tag(format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..32]))
    }

    /// The header of a response.
    pub(crate) fn header(&self) -> [(HeaderName, HeaderValue); 1] {
        // A tag is printable ASCII, so that it is a value of a header.
        [(ETAG, HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("\"\"")))]
    }
}

/// The header `If-Match`, if it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// Refuses the request if the caller knows another version than the current one.
    pub(crate) fn check(&self, current: &Tag) -> Result<(), Problem> {
        let known = self.0.as_ref().is_none_or(|tags| tags.iter().any(|tag| tag == "*" || *tag == current.0));
        if known {
            return Ok(());
        }
        let detail = "It was changed since you read it: read it again, and send its new ETag as If-Match";
        Err(Problem::new(StatusCode::PRECONDITION_FAILED, "changed-since", "Changed since", detail))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in parts.headers.get_all(IF_MATCH) {
            let text = value.to_str().unwrap_or_default();
            tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        let strong =
            |tag: &String| tag == "*" || (tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"'));
        if !tags.iter().all(strong) {
            let detail = "If-Match must be the ETag of what was read, in its quotation marks, or *";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-header", "Invalid header", detail));
        }
        Ok(Self(parts.headers.contains_key(IF_MATCH).then_some(tags)))
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let header = ParameterBuilder::new().name("If-Match").parameter_in(ParameterIn::Header);
        let told = "The `ETag` of what was read. If it has changed since, the request is refused (412).";
        let text = document::text(r#"^(\*|"[0-9a-f]{1,64}")$"#);
        vec![header.required(Required::False).description(Some(told)).schema(Some(text)).build()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    async fn of(values: &[&str]) -> Result<IfMatch, Problem> {
        let request =
            values.iter().fold(Request::get("/"), |request, value| request.header(IF_MATCH, *value));
        IfMatch::from_request_parts(&mut request.body(()).unwrap().into_parts().0, &()).await
    }

    #[tokio::test]
    async fn a_version_that_is_gone_is_refused() {
        let current = Tag::of_revision(7);
        assert_eq!(current.header()[0].1, "\"7\"");
        for known in [&[][..], &["\"7\""], &["*"], &["\"6\", \"7\""], &["\"6\"", "\"7\""]] {
            of(known).await.unwrap().check(&current).unwrap_or_else(|_| panic!("{known:?}"));
        }
        let problem = of(&["\"6\""]).await.unwrap().check(&current).unwrap_err();
        assert_eq!((problem.status, problem.kind), (412, "changed-since"));
        for bad in ["7", "W/\"7\"", "", "\""] {
            assert_eq!(of(&[bad]).await.unwrap_err().kind, "invalid-header", "{bad:?}");
        }
    }

    #[test]
    fn a_tag_of_content_is_another_one_when_it_changes() {
        let [one, other] = ["a", "b"].map(|name| Tag::of_content(&serde_json::json!({ "name": name })));
        assert_ne!(one, other);
        assert_eq!(one, Tag::of_content(&serde_json::json!({ "name": "a" })));
    }
}
