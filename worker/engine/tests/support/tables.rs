//! The rows of the store in memory, kept as strictly as a database keeps them.

use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

use syncline_engine::{
    Side, Value,
    conflict::{Choice, Conflict, ConflictKind, OpenConflict},
    ports::{
        BrokenListing, Change, CursorState, Intended, ItemStatus, Link, LinkRef, LinkState, Recorded,
        StoreError, Verdict,
    },
    side::Pair,
    value::{fields_from_json, fields_to_json},
};

use super::{ChangeRow, ChangeState, ConflictRow, LinkRow};

/// What all processes share.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Tables {
    /// Runs that are over.
    pub(crate) over: BTreeSet<u32>,
    /// The deadlines of intents, each with the time at which it was set.
    pub(crate) deadlines: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    pub(crate) links: BTreeMap<i64, LinkRow>,
    pub(crate) changes: Vec<ChangeRow>,
    /// So many of the first changes have their verdict.
    judged: usize,
    pub(crate) conflicts: Vec<ConflictRow>,
    /// Conflicts about edits that were overwritten, as they were first met.
    pub(crate) lost: Vec<Conflict>,
    pub(crate) cursors: BTreeMap<Side, CursorState>,
    pub(crate) listings: BTreeMap<Side, BrokenListing>,
    /// Who could read the sides when a run last asked.
    pub(crate) audience: Pair<Option<bool>>,
    /// When runs of earlier tests' steps removed items; tests add to it.
    pub(crate) removed: Vec<DateTime<Utc>>,
    /// Per run that is not over, the number of the attempt that may write.
    pub(crate) fences: BTreeMap<u32, u64>,
    /// Transactions that wrote links.
    pub(crate) records: u64,
    /// Links read in brief.
    pub(crate) briefs: u64,
    /// So often yet, another run writes the links that were just read.
    pub(crate) rivals: u32,
}

impl Tables {
    /// The change rows of writes that may have happened.
    pub(crate) fn happened(&self) -> Vec<&ChangeRow> {
        self.changes.iter().filter(|row| row.state != ChangeState::NotWritten).collect()
    }

    pub(crate) fn open_conflicts(&self) -> Vec<&ConflictRow> {
        self.conflicts.iter().filter(|row| row.open).collect()
    }

    /// A person decides every open conflict in the same way, and the links are due.
    pub(crate) fn choose(&mut self, choice: impl Into<Choice>) {
        let choice = choice.into();
        self.conflicts.iter_mut().filter(|row| row.open).for_each(|row| row.chosen = Some(choice.clone()));
        for row in self.conflicts.iter().filter(|row| row.open) {
            if let Some(link) = self.links.get_mut(&row.link) {
                link.retry_at = Some(DateTime::UNIX_EPOCH);
                link.version += 1;
            }
        }
    }

    /// Another worker takes over whatever runs.
    pub(crate) fn shut_out(&mut self) {
        self.fences.values_mut().for_each(|fence| *fence += 1);
    }

    pub(super) fn link(&self, id: i64, row: &LinkRow) -> Link {
        let conflicts = self.conflicts.iter().enumerate().filter(|(_, c)| c.link == id && c.open);
        let open = |(position, row): (usize, &ConflictRow)| OpenConflict {
            id: position as i64,
            field: row.conflict.field.clone(),
            kind: row.conflict.kind.as_str().to_owned(),
            values: Pair::new(
                through_json(&row.conflict.values.source),
                through_json(&row.conflict.values.target),
            ),
            chosen: row.chosen.clone(),
        };
        Link {
            at: LinkRef { id, version: row.version },
            ids: row.ids.clone(),
            base: Pair::new(fields_from_json(&row.base.source), fields_from_json(&row.base.target)),
            hash: row.hash,
            modified: row.modified,
            state: row.state,
            deleted_side: row.deleted_side,
            missing: row.missing,
            error_count: row.error_count,
            mapping_revision: row.mapping_revision,
            intent: row.intent.clone(),
            conflicts: conflicts.map(open).collect(),
        }
    }

    /// The link of a reference, if nobody wrote it since.
    fn current(&mut self, at: LinkRef) -> Result<&mut LinkRow, StoreError> {
        let row = self.links.get_mut(&at.id).filter(|row| row.version == at.version);
        let row = row.ok_or(StoreError::Outdated)?;
        row.version += 1;
        Ok(row)
    }

    fn insert(&mut self, run: u32, ids: Pair<Option<String>>) -> i64 {
        let id = self.links.last_key_value().map_or(1, |(last, _)| last + 1);
        let row = LinkRow {
            version: 0,
            ids,
            base: Pair::new(serde_json::json!({}), serde_json::json!({})),
            hash: Pair::default(),
            modified: Pair::default(),
            state: LinkState::Pending,
            deleted_side: None,
            missing: None,
            status: ItemStatus::Skipped,
            error: None,
            error_count: 0,
            retry_at: None,
            mapping_revision: 0,
            intent: None,
            run,
            recorded: false,
            names: Pair::default(),
            item_version: Pair::default(),
            resolution: None,
            calls: 0,
            duration_ms: 0,
        };
        self.links.insert(id, row);
        id
    }

    /// Takes these ids, of links that are new or got a new item, from ended links. A link has at least one id, so its only
    /// one is marked instead.
    pub(super) fn release<'a>(&mut self, taken: impl Iterator<Item = &'a Pair<Option<String>>>) {
        let taken: Vec<&Pair<Option<String>>> = taken.collect();
        for side in Side::BOTH {
            let taken: BTreeSet<&String> = taken.iter().filter_map(|ids| ids.get(side).as_ref()).collect();
            for (id, row) in self.links.iter_mut().filter(|(_, row)| row.state == LinkState::Tombstone) {
                let only = row.ids.get(side.other()).is_none();
                if let Some(own) = row.ids.get_mut(side).take_if(|own| taken.contains(own)) {
                    *row.ids.get_mut(side) = only.then(|| format!("{own} (ended {id})"));
                }
            }
        }
    }

    /// The database's own constraints: an item belongs to one link, a link has an item.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for side in Side::BOTH {
            let mut ids: Vec<&String> =
                self.links.values().filter_map(|row| row.ids.get(side).as_ref()).collect();
            ids.sort();
            if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(violation(format!("unique: {side} {}", twice[0])));
            }
        }
        let empty = |row: &LinkRow| row.ids.source.is_none() && row.ids.target.is_none();
        if self.links.values().any(empty) {
            return Err(violation("check: a link without items".to_owned()));
        }
        Ok(())
    }

    pub(super) fn intend_one(&mut self, run: u32, intended: &Intended) -> Result<LinkRef, StoreError> {
        let id = match intended.link {
            Some(at) => {
                self.current(at)?;
                at.id
            }
            None => self.insert(run, intended.ids.clone()),
        };
        let row = self.links.get_mut(&id).unwrap();
        assert!(row.intent.is_none(), "link {id}: an intent on top of an open one");
        row.intent = Some(intended.intent.clone());
        row.run = run;
        let version = row.version;
        self.changes.extend(intended.changes.iter().map(|change| ChangeRow {
            link: id,
            change: through_database(change),
            state: ChangeState::Intended,
        }));
        Ok(LinkRef { id, version })
    }

    pub(super) fn record_one(&mut self, run: u32, record: &Recorded) -> Result<(), StoreError> {
        let id = match record.link {
            Some(at) => {
                self.current(at)?;
                at.id
            }
            None => self.insert(run, record.ids.clone()),
        };
        let row = self.links.get_mut(&id).unwrap();
        if let Some(intent) = row.intent.take() {
            for op in &intent.ops {
                let told = record.verdicts.iter().filter(|(side, _)| *side == op.side).count();
                assert_eq!(told, 1, "link {id}: {} verdicts on the write to the {}", told, op.side);
            }
        }
        row.ids = record.ids.clone();
        row.base = Pair::new(fields_to_json(&record.base.source), fields_to_json(&record.base.target));
        row.hash = record.hash;
        for side in Side::BOTH {
            let modified = row.modified.get_mut(side);
            *modified = record.modified.get(side).or(*modified);
            let (names, new) = (row.names.get_mut(side), record.names.get(side).clone());
            names.key = new.key.or(names.key.take());
            names.url = new.url.or(names.url.take());
        }
        row.state = record.state;
        row.deleted_side = record.deleted_side;
        row.missing = record.missing;
        row.status = record.status;
        row.error = record.error.clone();
        row.error_count = record.error_count;
        row.retry_at = record.retry_at;
        row.mapping_revision = record.mapping_revision;
        row.item_version = record.version.clone();
        row.resolution = record.resolution.clone().or(row.resolution.take());
        (row.calls, row.duration_ms) = (record.calls, record.duration_ms);
        (row.run, row.recorded) = (run, true);
        for (side, field) in &record.left_out {
            self.judge(id, *side, Verdict::NotWritten, |change| change.field.as_ref() == Some(field));
        }
        for (side, verdict) in &record.verdicts {
            self.judge(id, *side, *verdict, |_| true);
        }
        let lost = record.conflicts.iter().filter(|conflict| conflict.kind == ConflictKind::LostUpdate);
        self.lost.extend(lost.cloned());
        for conflict in &record.conflicts {
            self.meet(id, conflict);
        }
        for closed in &record.closed_conflicts {
            let row = &mut self.conflicts[*closed as usize];
            assert_eq!(row.link, id, "conflict {closed} is another link's");
            row.open = false;
        }
        Ok(())
    }

    fn judge(&mut self, link: i64, side: Side, verdict: Verdict, of: impl Fn(&Change) -> bool) {
        let is_ours = |row: &ChangeRow| {
            row.link == link
                && row.change.side == side
                && row.state == ChangeState::Intended
                && of(&row.change)
        };
        let state = match verdict {
            Verdict::Confirmed => ChangeState::Confirmed,
            Verdict::NotWritten => ChangeState::NotWritten,
            Verdict::Unknown => ChangeState::Unknown,
        };
        let is_open = |row: &ChangeRow| row.state == ChangeState::Intended;
        self.judged += self.changes[self.judged..].iter().take_while(|row| !is_open(row)).count();
        // The rows of one intent stand together.
        let open = self.changes[self.judged..].iter_mut().skip_while(|row| row.link != link || !is_open(row));
        let of_link = open.take_while(|row| row.link == link);
        of_link.filter(|row| is_ours(row)).for_each(|row| row.state = state);
    }

    /// Of one link and field at most one conflict is open; a choice holds for the values that were shown.
    fn meet(&mut self, link: i64, conflict: &Conflict) {
        let open = conflict.resolution.is_none();
        let is_it =
            |row: &&mut ConflictRow| row.open && row.link == link && row.conflict.field == conflict.field;
        match self.conflicts.iter_mut().find(is_it) {
            Some(row) => {
                *row = ConflictRow {
                    link,
                    conflict: conflict.clone(),
                    open,
                    chosen: None,
                    occurrences: row.occurrences + 1,
                };
            }
            None => {
                let conflict = conflict.clone();
                self.conflicts.push(ConflictRow { link, conflict, open, chosen: None, occurrences: 1 });
            }
        }
    }
}

pub(crate) fn through_json(value: &Value) -> Value {
    Value::from_json(&value.to_json())
}

fn through_database(change: &Change) -> Change {
    Change { before: through_json(&change.before), after: through_json(&change.after), ..change.clone() }
}

fn violation(what: String) -> StoreError {
    StoreError::Database(what.into())
}
