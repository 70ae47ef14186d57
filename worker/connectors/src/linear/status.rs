//! The workflow states of a team, and what Syncline calls them.

use serde::Deserialize;
use syncline_engine::spec::Category;

/// A state of a team's workflow.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct WorkflowState {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) position: f64,
}

/// The states in the order of work, each with Syncline's own word; of a category the one that a new status gets comes
/// first.
pub(super) fn categories(states: &[WorkflowState]) -> Vec<(&WorkflowState, Category)> {
    let mut states: Vec<&WorkflowState> = states.iter().collect();
    states.sort_by(|a, b| rank(a).cmp(&rank(b)).then(a.position.total_cmp(&b.position)));
    let started: Vec<&str> =
        states.iter().filter(|state| state.kind == "started").map(|state| state.id.as_str()).collect();
    // Of several states of work under way the last one is the review, unless one says so itself.
    let named = states.iter().any(|state| state.kind == "started" && says_review(&state.name));
    let last = started.last().copied().filter(|_| started.len() > 1 && !named);
    let category = |state: &WorkflowState| match state.kind.as_str() {
        "started" if says_review(&state.name) || last == Some(&*state.id) => Category::InReview,
        "started" => Category::InProgress,
        "completed" => Category::Done,
        "canceled" | "duplicate" => Category::Cancelled,
        _ => Category::Todo,
    };
    states.into_iter().map(|state| (state, category(state))).collect()
}

/// Work that is planned comes before the backlog, and that before what nobody has looked at.
fn rank(state: &WorkflowState) -> usize {
    const ORDER: [&str; 7] =
        ["unstarted", "backlog", "triage", "started", "completed", "canceled", "duplicate"];
    ORDER.iter().position(|kind| *kind == state.kind).unwrap_or(ORDER.len())
}

fn says_review(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("review") || name.split(|c: char| !c.is_alphanumeric()).any(|word| word == "qa")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(states: &[(&str, &str)]) -> Vec<(String, &'static str)> {
        let states: Vec<WorkflowState> = states
            .iter()
            .enumerate()
            .map(|(at, (name, kind))| WorkflowState {
                id: at.to_string(),
                name: (*name).to_owned(),
                kind: (*kind).to_owned(),
                position: at as f64,
            })
            .collect();
        categories(&states)
            .into_iter()
            .map(|(state, category)| (state.name.clone(), category.as_str()))
            .collect()
    }

    #[test]
    fn types_have_categories() {
        let found = of(&[
            ("Triage", "triage"),
            ("Backlog", "backlog"),
            ("Todo", "unstarted"),
            ("In Progress", "started"),
            ("Done", "completed"),
            ("Canceled", "canceled"),
            ("Duplicate", "duplicate"),
        ]);
        let found: Vec<(&str, &str)> = found.iter().map(|(name, category)| (&**name, *category)).collect();
        assert_eq!(
            found,
            [
                ("Todo", "todo"),
                ("Backlog", "todo"),
                ("Triage", "todo"),
                ("In Progress", "in_progress"),
                ("Done", "done"),
                ("Canceled", "cancelled"),
                ("Duplicate", "cancelled"),
            ]
        );
    }

    #[test]
    fn the_review_is_named_or_the_last_of_several() {
        let category = |states: &[(&str, &'static str)]| -> Vec<&'static str> {
            of(states).into_iter().map(|(_, category)| category).collect()
        };
        let last = [("Doing", "started"), ("Checking", "started")];
        assert_eq!(category(&last), ["in_progress", "in_review"]);
        let named = [("Code review", "started"), ("Deploying", "started")];
        assert_eq!(category(&named), ["in_review", "in_progress"]);
        assert_eq!(category(&[("Ready for QA", "started")]), ["in_review"]);
        assert_eq!(category(&[("Aquatics", "started")]), ["in_progress"]);
    }
}
