//! The search index, which lags behind the issues.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{behaviour::Lagging, state::State, types::Issue};

/// The values by which issues are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rank {
    Updated,
    Created,
    Number,
    Id,
}

/// A rank's value and the id.
pub(crate) type Place = (i64, u64);

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Index {
    docs: HashMap<u64, Arc<Issue>>,
    /// By project: one set for each rank.
    ranks: BTreeMap<u64, [BTreeSet<Place>; 4]>,
    /// Ids by the words of summaries.
    words: HashMap<String, BTreeSet<u64>>,
    /// Issues to be indexed again, by due time.
    pending: BTreeSet<Place>,
}

/// Returns the words of a text, in lower case.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// Returns the place of an issue in a rank.
pub(crate) fn place(issue: &Issue, rank: Rank) -> Place {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let value = match rank {
        Rank::Updated => issue.updated,
        Rank::Created => issue.created,
        Rank::Number => signed(issue.number),
        Rank::Id => signed(issue.id),
    };
    (value, issue.id)
}

const RANKS: [Rank; 4] = [Rank::Updated, Rank::Created, Rank::Number, Rank::Id];

impl Index {
    pub(crate) fn doc(&self, id: u64) -> Option<&Arc<Issue>> {
        self.docs.get(&id)
    }

    /// Returns the places of a project's issues.
    pub(crate) fn rank(&self, project: u64, rank: Rank) -> Option<&BTreeSet<Place>> {
        self.ranks.get(&project).map(|ranks| &ranks[rank as usize])
    }

    /// Returns the issues whose summary has a word.
    pub(crate) fn with_word(&self, word: &str) -> Option<&BTreeSet<u64>> {
        self.words.get(word)
    }

    /// Removes an issue from the index.
    pub(crate) fn remove(&mut self, id: u64) {
        let Some(old) = self.docs.remove(&id) else { return };
        if let Some(ranks) = self.ranks.get_mut(&old.project) {
            for rank in RANKS {
                ranks[rank as usize].remove(&place(&old, rank));
            }
        }
        for word in words(old.text("summary")) {
            if let Some(ids) = self.words.get_mut(&word) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.words.remove(&word);
                }
            }
        }
    }

    fn put(&mut self, issue: Arc<Issue>) {
        self.remove(issue.id);
        let ranks = self.ranks.entry(issue.project).or_default();
        for rank in RANKS {
            ranks[rank as usize].insert(place(&issue, rank));
        }
        for word in words(issue.text("summary")) {
            self.words.entry(word).or_default().insert(issue.id);
        }
        self.docs.insert(issue.id, issue);
    }
}

impl State {
    /// Indexes the current state of an issue. Archived ones are not found.
    pub(crate) fn index_now(&mut self, id: u64) {
        match self.issues.get(&id).filter(|issue| !issue.archived) {
            Some(issue) => self.index.put(issue.clone()),
            None => self.index.remove(id),
        }
    }

    /// Indexes an issue after the lag.
    pub(crate) fn index_later(&mut self, id: u64, now: i64, lag: Option<u64>) {
        let own = lag.is_some();
        let lag = lag.unwrap_or(self.behaviour.index_lag_ms);
        if lag == 0 || !(own || self.random.chance(self.behaviour.lagging_percent)) {
            self.index_now(id);
            return;
        }
        if self.behaviour.lagging_edit == Lagging::Missing {
            self.index.remove(id);
        }
        self.index.pending.insert((now.saturating_add(i64::try_from(lag).unwrap_or(i64::MAX)), id));
    }

    /// Hides an issue from searches for a time.
    pub(crate) fn hide_from_index(&mut self, id: u64, now: i64, millis: u64) {
        self.index.remove(id);
        self.index.pending.insert((now.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)), id));
    }

    /// Indexes the issues that are due.
    pub(crate) fn catch_up(&mut self, now: i64) {
        while let Some(first) = self.index.pending.first().copied().filter(|(due, _)| *due <= now) {
            self.index.pending.remove(&first);
            self.index_now(first.1);
        }
    }
}
