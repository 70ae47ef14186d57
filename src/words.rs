//! Numbers, times and names as text.

use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use serde_json::Value;
use syncline_entity::{sync_history, sync_metadata, types::SyncMethod};

/// `1 item`, `2 items`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `is` or `are`.
pub(crate) fn is_are(number: u64) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// A duration in its largest unit.
pub(crate) fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// How long ago a time was.
pub(crate) fn since(time: DateTime<Utc>) -> String {
    age((Utc::now() - time).to_std().unwrap_or_default())
}

/// A duration in milliseconds; from one second on in seconds.
pub(crate) fn took(ms: i64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{:.1} s", ms as f64 / 1000.0) }
}

/// A time in UTC, with its year unless it is the current one.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    if at.year() == Utc::now().year() { at.format("%m-%d %H:%M:%S").to_string() } else { date(at) }
}

/// What triggered a run.
pub(crate) fn trigger(run: &sync_history::Model) -> String {
    match run.sync_type {
        SyncMethod::Batch => "schedule".to_owned(),
        _ if run.schedule_id.is_some() => "schedule".to_owned(),
        other => other.to_string(),
    }
}

/// A time in UTC with its year.
pub(crate) fn date(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A link's item for display: the source's key or id, and the target's if it differs.
pub(crate) fn item(link: &sync_metadata::Model) -> String {
    let source = link.source_key.as_deref().or(link.entity_id.as_deref());
    let target = link.target_key.as_deref().or(link.external_id.as_deref());
    both(source, target).unwrap_or_else(|| format!("link {}", link.id))
}

/// An item's name on both its sides, once if it is the same; none if it has none.
pub(crate) fn both(source: Option<&str>, target: Option<&str>) -> Option<String> {
    match (source, target) {
        (Some(source), Some(target)) if source != target => Some(format!("{source} / {target}")),
        (Some(name), _) | (None, Some(name)) => Some(name.to_owned()),
        (None, None) => None,
    }
}

/// The item of a change or conflict for display: the source's key or id, and the target's if it differs.
pub(crate) fn item_of(view: &Value) -> String {
    let word = |key: &str| view[key].as_str();
    match (word("source_key").or(word("entity_id")), word("target_key").or(word("external_id"))) {
        (Some(source), Some(target)) if source != target => format!("{source} / {target}"),
        (Some(name), _) | (None, Some(name)) => name.to_owned(),
        (None, None) => word("item").unwrap_or_default().to_owned(),
    }
}

/// The progress of a running job.
pub(crate) fn progress(progress: &Value) -> String {
    match (progress["done"].as_u64(), progress["total"].as_u64(), progress["removed"].as_u64()) {
        (Some(done), Some(total), _) if total > 0 => {
            format!("{done} of {total} ({} %)", done.saturating_mul(100) / total)
        }
        (_, _, Some(removed)) => format!("{} removed", count(removed, "row", "rows")),
        _ => progress.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_is_singular_and_all_else_plural() {
        assert_eq!(count(1, "item", "items"), "1 item");
        assert_eq!(count(0, "item", "items"), "0 items");
        assert_eq!((is_are(1), is_are(2)), ("is", "are"));
    }

    #[test]
    fn progress_is_told_in_words() {
        assert_eq!(progress(&json!({ "done": 500, "total": 30_000 })), "500 of 30000 (1 %)");
        assert_eq!(progress(&json!({ "removed": 1 })), "1 row removed");
    }
}
