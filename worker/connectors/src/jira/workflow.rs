//! The workflow of an issue type, as far as transitions of its issues have shown it, and the way through it.

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// Transitions made at most for one change of a status.
pub(super) const MOST_HOPS: usize = 3;

/// A transition that an issue may make.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Transition {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) to: Status,
    /// The fields of its screen, by their ids. Jira may leave out some that it takes.
    #[serde(default)]
    pub(super) fields: Map<String, Json>,
}

/// A status as a transition leads to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    status_category: Json,
}

impl Status {
    /// `new`, `indeterminate` or `done`.
    pub(super) fn category(&self) -> &str {
        self.status_category["key"].as_str().unwrap_or_default()
    }
}

impl Transition {
    /// The ids of fields that must be given with it.
    pub(super) fn required(&self) -> impl Iterator<Item = &str> {
        let is_required = |field: &Json| field["required"] == true && field["hasDefaultValue"] != true;
        self.fields.iter().filter(move |(_, field)| is_required(field)).map(|(id, _)| id.as_str())
    }

    /// Of two transitions to one status the one that asks for less is taken, then the older.
    fn rank(&self) -> (usize, u64) {
        (self.required().count(), self.id.parse().unwrap_or(u64::MAX))
    }
}

/// The transitions from each status that was met, by the id of the status.
#[derive(Debug, Default)]
pub(super) struct Graph(BTreeMap<String, Vec<Transition>>);

/// The next step on the way to a status.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) transition: Transition,
    /// It leads to the status itself or nearer to it, as far as is known; otherwise it is tried.
    pub(super) is_known_way: bool,
}

impl Graph {
    pub(super) fn learn(&mut self, from: &str, transitions: Vec<Transition>) {
        self.0.insert(from.to_owned(), transitions);
    }

    pub(super) fn forget(&mut self, from: &str) {
        self.0.remove(from);
    }

    pub(super) fn knows(&self, from: &str) -> bool {
        self.0.contains_key(from)
    }

    /// The first step of the shortest way from a status to one that is wanted, in at most so many steps. If no way is
    /// known, the first step to a status from which the ways are not known yet and which was not visited: first one of the
    /// category `near`, nearest first.
    pub(super) fn next(
        &self,
        from: &str,
        wanted: &dyn Fn(&Status) -> bool,
        near: &str,
        hops: usize,
        visited: &HashSet<String>,
    ) -> Option<Hop> {
        // The first transition of the way to each status that was reached, and its length.
        let mut reached: BTreeMap<&str, usize> = BTreeMap::from([(from, 0)]);
        let mut queue: VecDeque<(&str, Option<&Transition>, usize)> = VecDeque::from([(from, None, 0)]);
        let mut unknown: Vec<((usize, usize, u64), &Transition)> = Vec::new();
        while let Some((at, first, length)) = queue.pop_front() {
            if length >= hops {
                continue;
            }
            for transition in self.best(at) {
                let first = first.unwrap_or(transition);
                if wanted(&transition.to) {
                    return Some(Hop { transition: first.clone(), is_known_way: true });
                }
                let to = transition.to.id.as_str();
                if reached.contains_key(to) {
                    continue;
                }
                reached.insert(to, length + 1);
                if self.knows(to) {
                    queue.push_back((to, Some(first), length + 1));
                } else if !visited.contains(to) && length + 1 < hops {
                    let is_near = usize::from(transition.to.category() != near);
                    let id = transition.to.id.parse().unwrap_or(u64::MAX);
                    unknown.push(((is_near, length, id), first));
                }
            }
        }
        let best = unknown.into_iter().min_by_key(|(rank, _)| *rank);
        best.map(|(_, first)| Hop { transition: first.clone(), is_known_way: false })
    }

    /// The transitions from a status, of those to one status the best alone, in the order of their ids.
    fn best(&self, from: &str) -> Vec<&Transition> {
        let mut best: BTreeMap<&str, &Transition> = BTreeMap::new();
        for transition in self.0.get(from).into_iter().flatten() {
            best.entry(&transition.to.id)
                .and_modify(|known| {
                    if transition.rank() < known.rank() {
                        *known = transition;
                    }
                })
                .or_insert(transition);
        }
        let mut best: Vec<&Transition> = best.into_values().collect();
        best.sort_by_key(|transition| transition.rank());
        best
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn transition(id: u64, to: u64, required: &[&str]) -> Transition {
        let fields: Map<String, Json> =
            required.iter().map(|name| ((*name).to_owned(), json!({ "required": true }))).collect();
        let category = ["new", "indeterminate", "done"][usize::try_from(to / 10).unwrap().min(2)];
        let to =
            json!({ "id": to.to_string(), "name": format!("S{to}"), "statusCategory": { "key": category } });
        serde_json::from_value(json!({ "id": id.to_string(), "to": to, "fields": fields })).unwrap()
    }

    fn next(graph: &Graph, from: &str, to: &str, hops: usize, visited: &[&str]) -> Option<(String, bool)> {
        let visited = visited.iter().map(|id| (*id).to_owned()).collect();
        let hop = graph.next(from, &|status| status.id == to, "indeterminate", hops, &visited)?;
        Some((hop.transition.id, hop.is_known_way))
    }

    fn known(id: &str) -> Option<(String, bool)> {
        Some((id.to_owned(), true))
    }

    fn tried(id: &str) -> Option<(String, bool)> {
        Some((id.to_owned(), false))
    }

    #[test]
    fn case_35_of_two_transitions_the_one_that_asks_for_less_is_taken() {
        let mut graph = Graph::default();
        graph.learn(
            "1",
            vec![transition(31, 20, &["resolution"]), transition(41, 20, &[]), transition(51, 20, &[])],
        );
        assert_eq!(next(&graph, "1", "20", 3, &[]), known("41"));
        graph.learn("1", vec![transition(51, 20, &[]), transition(41, 20, &[])]);
        assert_eq!(next(&graph, "1", "20", 3, &[]), known("41"), "whatever their order");
    }

    #[test]
    fn the_shortest_known_way_is_taken() {
        let mut graph = Graph::default();
        graph.learn("1", vec![transition(11, 10, &[]), transition(12, 11, &[])]);
        graph.learn("10", vec![transition(21, 12, &[])]);
        graph.learn("12", vec![transition(31, 20, &[])]);
        assert_eq!(next(&graph, "1", "20", 3, &[]), known("11"));
        assert_eq!(next(&graph, "1", "20", 2, &[]), tried("12"), "three are too many, and 11 is not known");
        graph.learn("11", vec![transition(22, 20, &[])]);
        assert_eq!(next(&graph, "1", "20", 3, &[]), known("12"));
    }

    #[test]
    fn without_a_way_a_status_is_tried_once() {
        let mut graph = Graph::default();
        graph.learn("1", vec![transition(11, 2, &[]), transition(12, 10, &[]), transition(13, 11, &[])]);
        assert_eq!(next(&graph, "1", "20", 3, &[]), tried("12"), "one that is being worked on");
        assert_eq!(next(&graph, "1", "20", 3, &["10"]), tried("13"));
        assert_eq!(next(&graph, "1", "20", 3, &["10", "11"]), tried("11"));
        assert_eq!(next(&graph, "1", "20", 3, &["10", "11", "2"]), None);
        assert_eq!(next(&graph, "1", "20", 1, &[]), None, "the last step must arrive");
        assert_eq!(next(&Graph::default(), "1", "20", 3, &[]), None);
    }
}
