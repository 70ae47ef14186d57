//! Pages of lists: how many entries, and where the next page begins.

use serde::{Deserialize, Serialize};
use syncline_service::scan::Start;
use utoipa::IntoParams;

use crate::{cursor, extract::invalid_query, problem::Problem, state::ApiState};

/// The most entries of a page.
const MOST: u16 = 200;

/// Entries of a page without a `limit`.
const USUAL: u16 = 50;

/// Which page to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// The most entries of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// The number of entries of a page.
pub(crate) fn limit(given: Option<u16>) -> Result<u64, Problem> {
    let limit = given.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(invalid_query("limit", "not between 1 and 200"));
    }
    Ok(u64::from(limit))
}

/// The id after which a page begins, from a cursor of the list with these filters.
pub(crate) async fn after(
    api: &ApiState,
    list: &impl Serialize,
    cursor: Option<&str>,
) -> Result<Option<i64>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let position = api.cursors.open(&api.db, list, cursor).await?;
    position.parse().map(Some).map_err(|_| cursor::invalid())
}

/// Where a page begins.
pub(crate) async fn start(
    api: &ApiState,
    list: &impl Serialize,
    cursor: Option<&str>,
) -> Result<Start, Problem> {
    Ok(after(api, list, cursor).await?.map_or(Start::First, Start::After))
}

/// The cursor of the page after this id.
pub(crate) async fn next(
    api: &ApiState,
    list: &impl Serialize,
    id: Option<i64>,
) -> Result<Option<String>, Problem> {
    match id {
        Some(id) => api.cursors.sign(&api.db, list, &id.to_string()).await.map(Some),
        None => Ok(None),
    }
}
