//! The header `Prefer: wait=N`: the caller would rather wait for the end of a run than ask again.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, request::Parts},
};
use sea_orm::DatabaseConnection;
use syncline_entity::sync_history;
use tokio::time::{Instant, sleep};
use utoipa::{
    IntoParams,
    openapi::{
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
    },
};
use uuid::Uuid;

use crate::problem::Problem;

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The header of an answer that has waited.
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The longest time that a request waits, in seconds; a longer wish is shortened.
const LONGEST: u64 = 25;

/// How long the caller would wait; zero without the header. Other preferences are ignored, as they may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(Duration);

impl Wait {
    /// Waits for the end of a run. True if it is over.
    pub(crate) async fn for_end(self, db: &DatabaseConnection, run: Uuid) -> Result<bool, Problem> {
        if self.0.is_zero() {
            return Ok(false);
        }
        until_end(db, run, self.0).await
    }

    /// The header of an answer that has waited.
    pub(crate) fn applied(self) -> [(HeaderName, HeaderValue); 1] {
        let text = format!("wait={}", self.0.as_secs());
        [(APPLIED, HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("wait")))]
    }
}

/// Waits for the end of a run, at most so long. True if it is over.
pub(crate) async fn until_end(db: &DatabaseConnection, run: Uuid, most: Duration) -> Result<bool, Problem> {
    let end = Instant::now() + most;
    let mut pause = Duration::from_millis(50);
    loop {
        let over = sync_history::by_run(db, run).await?.is_none_or(|row| row.completed_at.is_some());
        let left = end.saturating_duration_since(Instant::now());
        if over || left.is_zero() {
            return Ok(over);
        }
        sleep(pause.min(left)).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let values = parts.headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let mut wishes = values.flat_map(|value| value.split([',', ';']));
        let seconds = wishes.find_map(|wish| {
            let (name, value) = wish.trim().split_once('=')?;
            let seconds = value.trim().trim_matches('"').parse::<u64>().ok()?;
            name.trim().eq_ignore_ascii_case("wait").then_some(seconds)
        });
        Ok(Wait(Duration::from_secs(seconds.unwrap_or(0).min(LONGEST))))
    }
}

impl IntoParams for Wait {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let told =
            "`wait=N`: wait up to N seconds, at most 25, for the end of the run. Then the answer is 200.";
        let header = ParameterBuilder::new().name("Prefer").parameter_in(ParameterIn::Header);
        // Other preferences are no error (RFC 7240).
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        vec![header.description(Some(told)).schema(Some(text)).build()]
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[tokio::test]
    async fn the_wish_to_wait_is_read_and_bounded() {
        for (headers, seconds) in [
            (&[][..], 0),
            (&["wait=20"], 20),
            (&["respond-async, wait=5"], 5),
            (&["respond-async", "Wait = \"7\""], 7),
            (&["wait=999999"], LONGEST),
            (&["wait=soon"], 0),
            (&["wait=-1"], 0),
        ] {
            let request =
                headers.iter().fold(Request::get("/"), |request, value| request.header(PREFER, *value));
            let Ok(wait) = Wait::from_request_parts(&mut request.body(()).unwrap().into_parts().0, &()).await;
            assert_eq!(wait.0.as_secs(), seconds, "{headers:?}");
        }
    }
}
