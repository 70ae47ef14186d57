//! Suggestions for misspelt names.

/// How many alternatives a message lists.
const LISTED: usize = 6;

/// The known name most similar to a misspelt one, if any is similar enough.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.trim().to_lowercase();
    let scored = known.into_iter().map(|name| (similarity(&wrong, &name.to_lowercase()), name));
    scored.filter(|(score, _)| *score >= 0.6).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// Edit distance catches typing errors; a shared beginning catches what is left out or added at the end. A name that is
/// the last part of the other lacks a prefix (`share` for `max_share`, `web` for `team-a/web`).
fn similarity(a: &str, b: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(a, b);
    let is_part = |long: &str, short: &str| {
        short.len() > 2 && long.strip_suffix(short).is_some_and(|start| start.ends_with(['_', '/', '-', '.']))
    };
    if is_part(a, b) || is_part(b, a) {
        return edits.max(0.8);
    }
    let start = strsim::jaro_winkler(a, b);
    if start >= 0.85 { edits.max(start) } else { edits }
}

/// `did you mean "due"? <listed as> due, id, title and 4 more`, with the nearest name first.
///
/// `listed_as` introduces the list: "the columns are", "allowed:".
pub fn alternatives<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>, listed_as: &str) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    let mut text = String::new();
    if let Some(near) = nearest(wrong, known.iter().copied()) {
        text = format!("did you mean {near:?}? ");
        if let Some(place) = known.iter().position(|name| *name == near) {
            known[..=place].rotate_right(1);
        }
    }
    text + listed_as + " " + &listed(&known, LISTED)
}

/// The first `limit` names and how many more there are.
pub fn listed(names: &[impl AsRef<str>], limit: usize) -> String {
    let shown: Vec<String> = names.iter().take(limit).map(|name| visible(name.as_ref())).collect();
    match names.len().saturating_sub(limit) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A name with its invisible characters written as codes (`\u{feff}`). Precomposed accents stay.
fn visible(name: &str) -> String {
    let escaped = name.escape_debug().to_string();
    escaped.replace("\\\"", "\"").replace("\\'", "'").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("\u{feff}id", "\\u{feff}id")]
    #[case("Straße \"a\\b\"'s", "Straße \"a\\b\"'s")]
    #[case("cafe\u{301}", "cafe\u{301}")]
    fn names_are_listed_with_what_cannot_be_seen(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(listed(&[name], 1), expected);
    }

    #[rstest]
    #[case("cvs", &["csv", "sql", "jira"], Some("csv"))]
    #[case("two_way_creat", &["name", "two_way_create", "enabled"], Some("two_way_create"))]
    #[case("deu", &["id", "title", "due"], Some("due"))]
    #[case("Titel", &["id", "title", "due"], Some("title"))]
    #[case("postgre", &["csv", "postgres", "postgresql"], Some("postgres"))]
    #[case("share", &["max_share", "max_count"], Some("max_share"))]
    #[case("mysql", &["csv", "jira"], None)]
    #[case("", &["csv", "jira"], None)]
    fn the_most_similar_name_is_found(
        #[case] wrong: &str,
        #[case] known: &[&str],
        #[case] near: Option<&str>,
    ) {
        assert_eq!(nearest(wrong, known.iter().copied()), near);
    }

    #[test]
    fn a_list_is_short_and_begins_with_the_nearest() {
        let known = ["a1", "b1", "c1", "d1", "e1", "f1", "g1", "title"];
        assert_eq!(
            alternatives("titel", known, "the columns are"),
            "did you mean \"title\"? the columns are title, a1, b1, c1, d1, e1 and 2 more"
        );
        assert_eq!(alternatives("zzzzz", ["a", "b"], "allowed:"), "allowed: a, b");
    }
}
