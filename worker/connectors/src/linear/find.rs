//! Looks for issues by title, or by what people call them.

use serde_json::{Value as Json, json};
use syncline_engine::{
    Item, Value,
    ports::{Call, Candidates, ConnectorError, MatchKey},
};

use super::{api::PAGE, issue::Issue, issues::Issues};

/// Keys of one search.
pub(super) const KEYS: usize = 20;

impl Issues {
    /// Looks for the issues that may have these values, all of them in one request. Only titles and identifiers can be
    /// looked for.
    pub(super) async fn find(
        &self,
        keys: &[MatchKey],
        call: &Call<'_>,
    ) -> Result<Vec<Candidates>, ConnectorError> {
        let filters: Vec<Json> = keys.iter().filter_map(filter).collect();
        let unknown = || Candidates { items: Vec::new(), complete: false };
        if filters.is_empty() {
            return Ok(keys.iter().map(|_| unknown()).collect());
        }
        let filter_all = json!({ "team": self.api.scope.team_filter(), "or": filters });
        let (issues, complete) = self.api.some(&filter_all, PAGE, call).await?;
        let here: Vec<Issue> =
            issues.into_iter().filter(|issue| !issue.is_trashed() && self.api.scope.takes(issue)).collect();
        let items = self.items(&here, call).await?;
        let of = |key: &MatchKey| match filter(key) {
            None => unknown(),
            Some(_) => Candidates { items: fitting(&items, key), complete },
        };
        Ok(keys.iter().map(of).collect())
    }
}

/// The filter of a key; none if nothing of it can be looked for.
fn filter(key: &MatchKey) -> Option<Json> {
    if let Some(Value::Text(identifier)) = key.fields.get("identifier") {
        let (_, number) = identifier.rsplit_once('-')?;
        return Some(json!({ "number": { "eq": number.parse::<u32>().ok()? } }));
    }
    match key.fields.get("title") {
        Some(Value::Text(title)) if !title.is_empty() => Some(json!({ "title": { "eq": title } })),
        _ => None,
    }
}

fn fitting(items: &[Item], key: &MatchKey) -> Vec<Item> {
    let name = if key.fields.contains_key("identifier") { "identifier" } else { "title" };
    let wanted = key.fields.get(name).unwrap_or(&Value::Null);
    items
        .iter()
        .filter(|item| item.fields.get(name).is_some_and(|value| value.same(wanted)))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use syncline_engine::value::fields_from_json;

    use super::*;

    #[rstest]
    #[case(json!({ "title": "Fix it" }), Some(json!({ "title": { "eq": "Fix it" } })))]
    #[case(json!({ "identifier": "ENG-12", "title": "x" }), Some(json!({ "number": { "eq": 12 } })))]
    #[case(json!({ "identifier": "ENG" }), None)]
    #[case(json!({ "title": null }), None)]
    #[case(json!({ "status": "Done" }), None)]
    fn keys_become_filters(#[case] fields: Json, #[case] expected: Option<Json>) {
        assert_eq!(filter(&MatchKey { fields: fields_from_json(&fields) }), expected);
    }
}
