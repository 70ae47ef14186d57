//! Cached answers of routes that count many things: at most five seconds old, so that the cost does not grow with the number
//! of callers.

use std::sync::Arc;

use axum::{
    http::{HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use syncline_runs::lately::Lately;

use crate::{problem::Problem, state::ApiState};

/// An answer as JSON, and the number of things that it counts.
#[derive(Debug, Clone)]
pub struct Counted {
    things: u64,
    json: Arc<str>,
}

/// The latest answers by their names.
pub type Answers = Lately<Counted>;

/// Returns the cached answer of this name, or counts. The name must contain every parameter of the answer.
pub(crate) async fn answered<T: Serialize + 'static>(
    api: &ApiState,
    name: &impl std::fmt::Debug,
    things: fn(&T) -> u64,
    count: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    let counting = async move {
        let counted = count.await?;
        let things = things(&counted);
        Ok((counted, things))
    };
    answered_from(api, name, counting).await
}

/// The same where the answer does not tell how many things it takes to count: `count` returns their number with it.
pub(crate) async fn answered_from<T: Serialize + 'static>(
    api: &ApiState,
    name: &impl std::fmt::Debug,
    count: impl Future<Output = Result<(T, u64), Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    let counting = async move {
        let (counted, things) = count.await?;
        let json = serde_json::to_string(&counted).map_err(|error| Problem::internal(&error))?;
        Ok::<_, Problem>(Counted { things, json: json.into() })
    };
    let counted = api.answers.get(&format!("{name:?}"), |counted| counted.things, counting).await?;
    let json = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, json)], counted.json.to_string()).into_response())
}
