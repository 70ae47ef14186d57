//! Pages of lists: how many entries, and where the next page begins.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use syncline_service::scan::Start;
use utoipa::IntoParams;

use crate::{cursor, extract::up_to, problem::Problem, state::ApiState};

/// Entries of a page without a `limit`.
const USUAL: u16 = 50;

/// Which page to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// The most entries of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// Which page of a short list to show. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShortListQuery {
    /// The most entries of a page; all if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// The number of entries of a page.
pub(crate) fn limit(given: Option<u16>) -> u64 {
    u64::from(given.unwrap_or(USUAL))
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

/// Where a page of a short list begins: after the entry with this key. Such a list is read whole, and cut.
pub(crate) async fn place<K: DeserializeOwned>(
    api: &ApiState,
    list: &impl Serialize,
    cursor: Option<&str>,
) -> Result<Option<K>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let position = api.cursors.open(&api.db, list, cursor).await?;
    serde_json::from_str(&position).map(Some).map_err(|_| cursor::invalid())
}

/// Orders a list by its keys, since databases order texts in other ways, and leaves a page of it. Returns the last key if
/// more follow.
pub(crate) fn cut<T, K: Ord>(
    entries: &mut Vec<T>,
    limit: Option<u16>,
    after: Option<K>,
    key: impl Fn(&T) -> K,
) -> Option<K> {
    entries.sort_by_cached_key(&key);
    if let Some(after) = after {
        entries.retain(|entry| key(entry) > after);
    }
    let limit = usize::from(limit?);
    if entries.len() <= limit {
        return None;
    }
    entries.truncate(limit);
    entries.last().map(key)
}

/// The cursor of the page after the entry with this key.
pub(crate) async fn next_place(
    api: &ApiState,
    list: &impl Serialize,
    key: Option<&impl Serialize>,
) -> Result<Option<String>, Problem> {
    let Some(key) = key else { return Ok(None) };
    let position = serde_json::to_string(key).map_err(|error| Problem::internal(&error))?;
    api.cursors.sign(&api.db, list, &position).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_short_list_have_every_entry_once() {
        let (all, mut seen, mut after) = ([1, 3, 5, 7, 9], Vec::new(), None);
        for _ in 0..3 {
            let mut page: Vec<i32> = all.iter().rev().copied().collect();
            after = cut(&mut page, Some(2), after, |entry| *entry);
            seen.extend(page);
        }
        assert_eq!((seen.as_slice(), after), (all.as_slice(), None));
        // The entry of the cursor may be gone.
        let mut page = all.to_vec();
        assert_eq!((cut(&mut page, None, Some(4), |entry| *entry), page), (None, vec![5, 7, 9]));
        let mut exact = all.to_vec();
        assert_eq!((cut(&mut exact, Some(5), None, |entry| *entry), exact.len()), (None, 5));
    }
}
