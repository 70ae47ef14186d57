//! The page of the simulated Linear: teams, issues, and a form for each issue.

use super::state::State;
use crate::{
    http::{Call, Reply},
    page::missing,
    platform::Scene,
};

/// Answers a request; its path is the one behind `/page/linear`.
pub(crate) fn answer(_state: &mut State, _call: &Call, _scene: &Scene) -> Reply {
    missing()
}
