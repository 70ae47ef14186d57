//! Descriptions as the editor writes them.

use super::state::State;

/// Rewrites a text in the way in which it is read back.
pub(crate) fn rewrite(text: &str, _state: &State) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}
