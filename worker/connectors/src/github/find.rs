//! Looks for issues by title, through GitHub's search, or by number.
//!
//! <https://docs.github.com/search-github/searching-on-github/searching-issues-and-pull-requests>

use serde::Deserialize;
use syncline_engine::{
    Value,
    ports::{Call, Candidates, ConnectorError, Found, MatchKey},
};

use super::{issue::Issue, issues::Issues};

/// The longest query that GitHub accepts is 256 characters, with the qualifiers.
const LONGEST_PHRASE: usize = 150;

#[derive(Deserialize)]
struct Results {
    total_count: usize,
    incomplete_results: bool,
    items: Vec<Issue>,
}

/// Nothing, and there may be something.
fn unknown() -> Candidates {
    Candidates { items: Vec::new(), complete: false }
}

impl Issues {
    /// Looks for the issues that may have these values. Only titles and numbers can be looked for.
    pub(super) async fn find(&self, key: &MatchKey, call: &Call<'_>) -> Result<Candidates, ConnectorError> {
        if let Some(number) = key.fields.get("number") {
            let found = self.fetch(&number.name(), call).await?;
            let items = if let Found::Item(item) = found { vec![item] } else { Vec::new() };
            return Ok(Candidates { items, complete: true });
        }
        let title = match key.fields.get("title") {
            Some(Value::Text(title)) => title,
            _ => return Ok(unknown()),
        };
        let Some(phrase) = phrase(title) else { return Ok(unknown()) };
        let query = format!("repo:{} is:issue in:title \"{phrase}\"", self.api.full_name());
        let mut results: Results = self.api.search(&query, call).await?.json()?;
        let complete = !results.incomplete_results && results.total_count <= results.items.len();
        results.items.retain(|issue| self.takes(issue));
        let mut items = Vec::new();
        for issue in &mut results.items {
            self.fill(issue, call).await?;
            items.push(self.item(issue));
        }
        Ok(Candidates { items, complete })
    }
}

/// The words of a title, as a phrase in quotes. Signs do not count in GitHub's search, and a quote would end the phrase.
/// None if there is no word to search for.
fn phrase(title: &str) -> Option<String> {
    let plain: String = title
        .chars()
        .map(|letter| if letter.is_control() || "\"\\".contains(letter) { ' ' } else { letter })
        .collect();
    let mut phrase = String::new();
    for word in plain.split_whitespace() {
        // A shorter phrase finds more, and what is found is compared again.
        if phrase.chars().count() + word.chars().count() >= LONGEST_PHRASE {
            break;
        }
        if !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push_str(word);
    }
    phrase.chars().any(char::is_alphanumeric).then_some(phrase)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Fix the login", Some("Fix the login"))]
    #[case("A \"quoted\" word\tand\n more", Some("A quoted word and more"))]
    #[case("C:\\temp", Some("C: temp"))]
    #[case("!!! ???", None)]
    #[case("", None)]
    fn titles_become_phrases(#[case] title: &str, #[case] expected: Option<&str>) {
        assert_eq!(phrase(title).as_deref(), expected);
    }

    #[test]
    fn long_titles_are_cut_at_a_word() {
        let title = "wörd ".repeat(60);
        let found = phrase(&title).unwrap();
        assert!(found.chars().count() <= LONGEST_PHRASE && found.ends_with("wörd"));
        assert_eq!(phrase(&"x".repeat(200)), None);
    }
}
