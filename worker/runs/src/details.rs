//! The details of a run, as they are stored and as they are shown.

use serde_json::Value as Json;
use syncline_entity::sync_history;

/// The count of conflicts that a rule resolved.
const RESOLVED: &str = "resolved";
/// Its stored key: programs of earlier versions cannot read the counts of a plan without it.
const STORED: &str = "settled";

/// Returns the details of a run, as commands and the API show them.
pub fn details(run: &sync_history::Model) -> Option<Json> {
    run.sync_metadata.clone().map(|details| rename(details, STORED, RESOLVED))
}

/// Returns the details of a run, as they are stored.
pub(super) fn stored(details: Json) -> Json {
    rename(details, RESOLVED, STORED)
}

/// Renames a key of the run's counts, and of its plan's.
fn rename(mut details: Json, from: &str, to: &str) -> Json {
    for place in ["", "/plan/counts"] {
        let counts = details.pointer_mut(place).and_then(Json::as_object_mut);
        if let Some(counts) = counts
            && let Some(count) = counts.remove(from)
        {
            counts.insert(to.to_owned(), count);
        }
    }
    details
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{RESOLVED, STORED, rename, stored};

    #[test]
    fn counts_are_stored_under_their_old_key_and_shown_under_the_new_one() {
        let shown =
            json!({ "resolved": 1, "links": 2, "plan": { "counts": { "resolved": 3 }, "items": [] } });
        let kept = json!({ "settled": 1, "links": 2, "plan": { "counts": { "settled": 3 }, "items": [] } });
        assert_eq!(stored(shown.clone()), kept);
        assert_eq!(rename(kept, STORED, RESOLVED), shown);
        assert_eq!(rename(json!({ "links": 2 }), STORED, RESOLVED), json!({ "links": 2 }));
    }
}
