//! Merges the payloads of a burst into one.

use serde_json::Value;

/// The most payloads merged into one job; the next one of its key starts a new job.
pub const MAX_MERGES: u32 = 1_000;

/// Merges a later payload into an earlier one: lists are joined, objects merged key by key, and of anything else the
/// later one wins.
///
/// ```
/// use serde_json::json;
/// let mut payload = json!({ "link": 7, "events": ["opened"] });
/// syncline_queue::coalesce(&mut payload, json!({ "link": 7, "events": ["edited"], "by": "ann" }));
/// assert_eq!(payload, json!({ "link": 7, "events": ["opened", "edited"], "by": "ann" }));
/// ```
pub fn coalesce(earlier: &mut Value, later: Value) {
    match (earlier, later) {
        (Value::Array(earlier), Value::Array(later)) => earlier.extend(later),
        (Value::Object(earlier), Value::Object(later)) => {
            for (key, value) in later {
                match earlier.get_mut(&key) {
                    Some(known) => coalesce(known, value),
                    None => {
                        earlier.insert(key, value);
                    }
                }
            }
        }
        (earlier, later) => *earlier = later,
    }
}
