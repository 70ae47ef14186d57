//! Looks for issues by summary, through Jira's search, or by key.

use std::collections::HashMap;

use syncline_engine::{
    Value,
    ports::{Call, Candidates, ConnectorError, MatchKey},
};

use super::{api::Search, columns, issue::Page, issues::Issues};

/// Keys looked for in one search.
pub(super) const KEYS: usize = 10;
/// Characters of a phrase, at most.
const LONGEST_PHRASE: usize = 200;

/// Nothing, and there may be something.
fn unknown() -> Candidates {
    Candidates { items: Vec::new(), complete: false }
}

impl Issues {
    /// Looks for the issues that may have these values. Only summaries and keys can be looked for.
    pub(super) async fn find(
        &self,
        keys: &[MatchKey],
        call: &Call<'_>,
    ) -> Result<Vec<Candidates>, ConnectorError> {
        let clauses: Vec<Option<String>> = keys.iter().map(clause).collect();
        let asked: Vec<&str> = clauses.iter().flatten().map(String::as_str).collect();
        if asked.is_empty() {
            return Ok(vec![unknown(); keys.len()]);
        }
        let columns = self.columns(call).await?;
        let search = Search {
            jql: format!("{} AND ({}) ORDER BY created ASC, key ASC", self.scope.jql(), asked.join(" OR ")),
            fields: columns::asked(&columns),
            reconcile: self.memo.recent(),
            token: None,
        };
        let page: Page = self.api.search(&search, call).await?.json()?;
        let complete = page.next().is_none();
        let items: Vec<_> = page.issues.iter().map(|issue| (self.item(issue, &columns), issue)).collect();
        // All keys share one answer: a candidate of another key is dropped by its words.
        let summaries: HashMap<&str, String> = items
            .iter()
            .map(|(_, issue)| {
                (issue.id.as_str(), folded(issue.field("summary").as_str().unwrap_or_default()))
            })
            .collect();
        let candidates = |(key, clause): (&MatchKey, &Option<String>)| {
            if clause.is_none() {
                return unknown();
            }
            let fits = |item: &syncline_engine::Item| match (key.fields.get("key"), key.fields.get("summary"))
            {
                (Some(named), _) => {
                    item.key.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(named.name().trim()))
                }
                (None, Some(summary)) => summaries.get(item.id.as_str()) == Some(&folded(&summary.name())),
                (None, None) => false,
            };
            let items = items.iter().map(|(item, _)| item).filter(|item| fits(item)).cloned().collect();
            Candidates { items, complete }
        };
        Ok(keys.iter().zip(&clauses).map(candidates).collect())
    }
}

/// Without case and signs, which do not count in a search, and as long as a summary is kept.
fn folded(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// The JQL of a key; none if it cannot be looked for.
fn clause(key: &MatchKey) -> Option<String> {
    if let Some(Value::Text(name)) = key.fields.get("key") {
        let name = name.trim();
        let (project, number) = name.rsplit_once('-')?;
        let is_key = !project.is_empty()
            && project.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit());
        return is_key.then(|| format!("key = \"{name}\""));
    }
    match key.fields.get("summary")? {
        Value::Text(summary) => phrase(summary).map(|phrase| format!("summary ~ \"\\\"{phrase}\\\"\"")),
        _ => None,
    }
}

/// The words of a summary, as a phrase. Signs do not count in Jira's search, and some are operators there. None if there is
/// no word to search for.
fn phrase(summary: &str) -> Option<String> {
    let mut phrase = String::new();
    for word in summary.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        // A shorter phrase finds more, and what is found is compared again.
        if phrase.chars().count() + word.chars().count() >= LONGEST_PHRASE {
            break;
        }
        if !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push_str(word);
    }
    (!phrase.is_empty()).then_some(phrase)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use syncline_engine::value::fields_from_json;

    use super::*;

    #[rstest]
    #[case(json!({"summary": "Fix \"the\" log-in!"}), Some("summary ~ \"\\\"Fix the log in\\\"\""))]
    #[case(json!({"summary": "*** ???"}), None)]
    #[case(json!({"key": "PROJ-12"}), Some("key = \"PROJ-12\""))]
    #[case(json!({"key": "PROJ-1\" OR x"}), None)]
    #[case(json!({"summary": null}), None)]
    #[case(json!({"labels": ["a"]}), None)]
    fn keys_become_jql(#[case] fields: serde_json::Value, #[case] expected: Option<&str>) {
        let key = MatchKey { fields: fields_from_json(&fields) };
        assert_eq!(clause(&key).as_deref(), expected);
    }
}
