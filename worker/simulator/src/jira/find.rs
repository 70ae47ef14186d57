//! Finds the issues that match a query, by the index.

use std::{collections::BTreeSet, iter::Peekable, ops::Bound, sync::Arc};

use super::{
    index::{Place, Rank, place},
    jql::{Check, Compare, Order, ordered},
    state::State,
    types::Issue,
    visit::Visit,
};

/// The start of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    /// The number of pages before this one.
    pub(crate) page: u64,
    /// The rank's position that precedes the page.
    pub(crate) after: Option<Place>,
    /// The number of issues of a sorted result that precede the page.
    pub(crate) skipped: usize,
}

/// Restrictions of a search that need no look at each issue.
#[derive(Default)]
pub(crate) struct Narrow {
    pub(crate) projects: Option<BTreeSet<u64>>,
    ids: Option<BTreeSet<u64>>,
    from: Option<i64>,
    until: Option<i64>,
}

fn meet(one: Option<BTreeSet<u64>>, other: &BTreeSet<u64>) -> Option<BTreeSet<u64>> {
    Some(one.map_or_else(|| other.clone(), |one| &one & other))
}

/// Returns the issues whose summary has all of these words; `None` if no whole word is among them.
fn with_words(state: &State, words: &[String]) -> Option<BTreeSet<u64>> {
    let none = BTreeSet::new();
    let whole = words.iter().filter(|word| !word.ends_with('*'));
    let mut sets: Vec<_> = whole.map(|word| state.index.with_word(word).unwrap_or(&none)).collect();
    sets.sort_by_key(|set| set.len());
    let (fewest, others) = sets.split_first()?;
    Some(fewest.iter().copied().filter(|id| others.iter().all(|set| set.contains(id))).collect())
}

impl Narrow {
    pub(crate) fn add(&mut self, state: &State, check: &Check) {
        match check {
            Check::All(checks) => checks.iter().for_each(|check| self.add(state, check)),
            Check::Project(ids) => self.projects = meet(self.projects.take(), ids),
            Check::Id(ids) => self.ids = meet(self.ids.take(), ids),
            Check::Updated(Compare::AtLeast | Compare::More, at) => self.from = self.from.max(Some(*at)),
            Check::Updated(Compare::AtMost | Compare::Less, at) => {
                self.until = Some(self.until.map_or(*at, |until| until.min(*at)));
            }
            Check::Words(text, words) if text.is_summary() => {
                if let Some(ids) = with_words(state, words) {
                    self.ids = meet(self.ids.take(), &ids);
                }
            }
            _ => {}
        }
    }
}

/// Returns the matching issues from a position on, at most so many.
pub(crate) fn matching(
    state: &State,
    visit: &Visit<'_>,
    (check, order): (&Check, &Order),
    from: Position,
    most: usize,
) -> Vec<Arc<Issue>> {
    let mut narrow = Narrow::default();
    narrow.add(state, check);
    let seen = state.projects.values().filter(|project| visit.viewer.may(project, "BROWSE_PROJECTS"));
    let projects: Vec<u64> = seen
        .map(|project| project.id)
        .filter(|id| narrow.projects.as_ref().is_none_or(|ids| ids.contains(id)))
        .collect();
    let takes = |issue: &&Arc<Issue>| {
        projects.contains(&issue.project) && visit.viewer.in_level(issue) && check.takes(state, issue)
    };
    let doc = |id: &u64| state.index.doc(*id);
    match order {
        Order::Sorted(fields) => {
            let found: Vec<Arc<Issue>> = match &narrow.ids {
                Some(ids) => ids.iter().filter_map(doc).filter(takes).cloned().collect(),
                None => {
                    let ranks = projects.iter().filter_map(|id| state.index.rank(*id, Rank::Id)).flatten();
                    ranks.filter_map(|(_, id)| doc(id)).filter(takes).cloned().collect()
                }
            };
            ordered(state, found, fields).into_iter().skip(from.skipped).take(most).collect()
        }
        Order::Ranked(rank, down) => {
            if let Some(ids) = &narrow.ids {
                let mut found: Vec<&Arc<Issue>> = ids.iter().filter_map(doc).filter(takes).collect();
                found.sort_by_key(|issue| place(issue, *rank));
                if *down {
                    found.reverse();
                }
                let behind = |issue: &&Arc<Issue>| match from.after {
                    Some(after) if *down => place(issue, *rank) < after,
                    Some(after) => place(issue, *rank) > after,
                    None => true,
                };
                return found.into_iter().filter(behind).take(most).cloned().collect();
            }
            let walk = Walk::new(state, &projects, (*rank, *down), from.after, &narrow);
            walk.filter_map(|(_, id)| doc(&id)).filter(takes).take(most).cloned().collect()
        }
    }
}

/// Merges the positions of several projects into one order.
struct Walk<'s> {
    heads: Vec<Peekable<Box<dyn Iterator<Item = Place> + 's>>>,
    down: bool,
}

impl<'s> Walk<'s> {
    fn new(
        state: &'s State,
        projects: &[u64],
        (rank, down): (Rank, bool),
        after: Option<Place>,
        narrow: &Narrow,
    ) -> Walk<'s> {
        let by_updated = rank == Rank::Updated;
        let mut low =
            narrow.from.filter(|_| by_updated).map_or(Bound::Unbounded, |at| Bound::Included((at, 0)));
        let mut high = narrow
            .until
            .filter(|_| by_updated)
            .map_or(Bound::Unbounded, |at| Bound::Included((at, u64::MAX)));
        let beyond = |bound: &Bound<Place>, after: Place| matches!(bound, Bound::Included(at) if if down { *at < after } else { *at > after });
        match after {
            Some(after) if down && !beyond(&high, after) => high = Bound::Excluded(after),
            Some(after) if !down && !beyond(&low, after) => low = Bound::Excluded(after),
            _ => {}
        }
        let crossed = match (&low, &high) {
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => {
                low >= high
            }
            _ => false,
        };
        let ranks = projects.iter().filter(|_| !crossed).filter_map(|id| state.index.rank(*id, rank));
        let heads = ranks.map(|places| {
            let range = places.range((low, high)).copied();
            let boxed: Box<dyn Iterator<Item = Place>> =
                if down { Box::new(range.rev()) } else { Box::new(range) };
            boxed.peekable()
        });
        Walk { heads: heads.collect(), down }
    }
}

impl Iterator for Walk<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let down = self.down;
        let firsts = self.heads.iter_mut().enumerate();
        let firsts = firsts.filter_map(|(at, head)| head.peek().map(|place| (*place, at)));
        let (_, at) = if down { firsts.max() } else { firsts.min() }?;
        self.heads[at].next()
    }
}
