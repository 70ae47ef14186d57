//! The issues of the demo, always the same, and the document of its sync.

use serde_json::{Value, json};

use crate::commands::demo::words::{THINGS, VERBS};

/// The two repositories.
pub(super) const HERE: &str = "acme/web";
pub(super) const THERE: &str = "globex/web";

/// Issues of each repository, and how many of them are in both.
pub(super) const EACH: usize = 300;
pub(super) const SHARED: usize = 200;

/// The name of the sync.
pub(super) const NAME: &str = "issues";

pub(super) const DOCUMENT: &str = "\
name: issues
source_platform: github
source: { account: demo, repository: acme/web }
target_platform: github
target: { account: demo, repository: globex/web }
entity_type: issue
direction: bidirectional
two_way_create: true
match_on: [title]                   # how issues that both sides have already are paired
conflict_strategy: last_write_wins
delete_policy: delete
sync_interval: 5                    # seconds
field_mappings:
  - { source_field: title, target_field: title, required: true, conflict_strategy: manual }
  - { source_field: body, target_field: body }
  - { source_field: status, target_field: status }
  - { source_field: labels, target_field: labels, source_type: set, target_type: set }
";

const PLACES: [&str; 4] = ["in the shop", "for partners", "on the admin pages", "in the app"];
const LABELS: [&[&str]; 4] = [&["bug"], &[], &["docs"], &["bug", "triage"]];

/// The issues of a repository, as the simulator's control API takes them; `now` in seconds since 1970.
pub(super) fn issues(repository: &str, now: i64) -> impl Iterator<Item = Value> {
    let first_own = if repository == HERE { SHARED } else { EACH };
    (0..SHARED).chain(first_own..first_own + EACH - SHARED).map(move |number| issue(number, now))
}

fn issue(number: usize, now: i64) -> Value {
    let title = format!(
        "{} {} {}",
        VERBS[number % VERBS.len()],
        THINGS[number / VERBS.len() % THINGS.len()],
        PLACES[number / (VERBS.len() * THINGS.len()) % PLACES.len()]
    );
    // The last one is an hour old.
    let minutes = 60 + i64::try_from(2 * EACH - SHARED - number).unwrap_or(0);
    let at = chrono::DateTime::from_timestamp(now - 60 * minutes, 0).unwrap_or_default();
    let at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    json!({
        "title": title,
        "body": format!("Reported by customer {}.", 100 + number * 7 % 900),
        "labels": LABELS[number % LABELS.len()],
        "created_at": at,
        "updated_at": at,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn two_hundred_titles_are_in_both_repositories_and_none_is_twice_in_one() {
        let titles = |repository: &str| -> Vec<String> {
            issues(repository, 1_790_000_000).map(|issue| issue["title"].to_string()).collect()
        };
        let (here, there) = (titles(HERE), titles(THERE));
        assert_eq!((here.len(), there.len()), (EACH, EACH));
        let (here, there): (HashSet<_>, HashSet<_>) =
            (here.into_iter().collect(), there.into_iter().collect());
        assert_eq!((here.len(), there.len(), here.intersection(&there).count()), (EACH, EACH, SHARED));
    }
}
