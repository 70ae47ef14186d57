//! The state of a link after its item has been processed.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Run,
    left_out::{all_landed, left_out, note_due, refusals},
};
use crate::{
    Item, Side, Value,
    capability::Removal,
    conflict::{Conflict, OpenConflict},
    hash::content_hash,
    mapping::Rule,
    merge::Decision,
    plan::{Action, Facts, ItemPlan, Seen, fields::value_of},
    ports::{Done, ItemStatus, LinkRef, LinkState, Names, OpKind, Recorded, Verdict, Written},
    side::Pair,
    value::Fields,
};

/// The outcomes of an item's writes.
pub(super) type Results = HashMap<Side, Written>;

/// Backoff after the first failure, before a scheduled run retries the item; doubled with each failure.
const RETRY_FIRST: TimeDelta = TimeDelta::minutes(1);
/// Longest backoff.
const RETRY_MOST: TimeDelta = TimeDelta::hours(6);

/// Why an item could not be carried out.
pub(super) fn errors(plan: &ItemPlan, results: &Results) -> Vec<String> {
    let mut errors = plan.problems.clone();
    for (side, outcome) in results {
        match outcome {
            Written::Refused(error) => errors.push(error.to_string()),
            Written::Done(done) => errors.extend(
                done.due()
                    .filter(|(_, error)| !error.stops_the_batch())
                    .map(|(field, e)| format!("{side}: field {field}: {e}")),
            ),
            Written::Unknown(_) | Written::NotSent(_) => {}
        }
    }
    errors
}

/// The item that a side returned after its write.
pub(super) fn written_item(results: &Results, side: Side) -> Option<&Item> {
    match results.get(&side)? {
        Written::Done(Done { item, .. }) => item.as_ref(),
        Written::Refused(_) | Written::Unknown(_) | Written::NotSent(_) => None,
    }
}

/// What became of a write that was answered.
fn verdict(outcome: &Written) -> Verdict {
    match outcome {
        Written::Done(_) => Verdict::Confirmed,
        Written::Refused(_) | Written::NotSent(_) => Verdict::NotWritten,
        Written::Unknown(_) => Verdict::Unknown,
    }
}

fn modified_at(item: &Item) -> Option<DateTime<Utc>> {
    item.modified.map(|instant| instant.at)
}

impl Run<'_> {
    /// The present state of a link, as a base for changes.
    pub(super) fn unchanged(&self, facts: &Facts) -> Recorded {
        let item = |side: Side| facts.seen.get(side).item();
        let link = facts.link.as_ref();
        let id = |side: Side| {
            link.and_then(|l| l.ids.get(side).clone()).or_else(|| item(side).map(|i| i.id.clone()))
        };
        let names = |side: Side| {
            item(side).map(|item| Names { key: item.key.clone(), url: item.url.clone() }).unwrap_or_default()
        };
        // What was read beside an item that could not be read must still be news once that item is back.
        let waits = Side::BOTH
            .into_iter()
            .any(|side| matches!(facts.seen.get(side), Seen::NotVisible | Seen::Unread(_)));
        let hash = |side: Side| match item(side).filter(|_| !waits) {
            Some(item) => Some(self.mapping.hash(side, item)),
            None => link.and_then(|link| *link.hash.get(side)),
        };
        // Keep the old times until all bases are new; after a restore they are the only way to see which items are
        // untouched.
        let modified = |side: Side| item(side).filter(|_| !self.options.after_restore).and_then(modified_at);
        let version = |side: Side| item(side).and_then(|item| item.version.clone());
        Recorded {
            link: link.map(|link| link.at),
            ids: Pair::new(id(Side::Source), id(Side::Target)),
            names: Pair::new(names(Side::Source), names(Side::Target)),
            base: link.map(|link| link.base.clone()).unwrap_or_default(),
            hash: Pair::new(hash(Side::Source), hash(Side::Target)),
            modified: Pair::new(modified(Side::Source), modified(Side::Target)),
            version: Pair::new(version(Side::Source), version(Side::Target)),
            state: link.map_or(LinkState::Pending, |link| link.state),
            deleted_side: link.and_then(|link| link.deleted_side),
            missing: link.and_then(|link| link.missing),
            status: ItemStatus::Skipped,
            error: None,
            error_count: 0,
            retry_at: None,
            mapping_revision: self.mapping.revision,
            verdicts: Vec::new(),
            left_out: Vec::new(),
            conflicts: Vec::new(),
            closed_conflicts: Vec::new(),
            calls: 0,
            duration_ms: 0,
            resolution: None,
        }
    }

    /// The record of a plan that was carried out with these results.
    pub(super) fn record_of(&self, plan: &ItemPlan, link: Option<LinkRef>, results: &Results) -> Recorded {
        let mut record = self.unchanged(&plan.facts);
        let now = self.clock.now();
        record.link = link.or(record.link);
        record.verdicts.extend(results.iter().map(|(side, outcome)| (*side, verdict(outcome))));
        record.left_out = left_out(results);
        let written = |side: Side| written_item(results, side);
        self.advance_bases(plan, results, &mut record);
        change_state(plan, &written, now, &mut record);
        for side in Side::BOTH {
            if let Some(item) = written(side).filter(|_| !is_delete(plan, side)) {
                *record.ids.get_mut(side) = Some(item.id.clone());
                *record.hash.get_mut(side) = Some(content_hash(&self.known_content(plan, side, item)));
                *record.version.get_mut(side) = item.version.clone();
                *record.names.get_mut(side) = Names { key: item.key.clone(), url: item.url.clone() };
            }
        }
        if let Action::Create(side) = plan.action
            && written(side).is_some_and(|item| self.carries_back(plan, side, item))
        {
            // Makes the link due, in case this run ends before it plans the link again.
            *record.hash.get_mut(side) = None;
        }
        let errors = errors(plan, results);
        // A conflict whose winner could not be written is not resolved yet; the next run meets it again.
        let stands = |conflict: &&Conflict| {
            conflict.resolution.is_none()
                || self.has_come_about(plan, &conflict.field, results)
                || self
                    .due(plan, results)
                    .any(|(rule, _)| conflict.field.as_ref() == Some(&rule.field.source))
        };
        record.conflicts = plan.conflicts.iter().filter(stands).cloned().collect();
        record.conflicts.extend(self.refused_values(plan, results));
        record.conflicts.extend(self.lost_updates(plan, results));
        record.resolution =
            record.conflicts.iter().rev().find_map(|c| Some(c.resolution.as_ref()?.reason.clone()));
        record.closed_conflicts = self.closed(plan, &record, results);
        record.status = if !errors.is_empty() {
            ItemStatus::Failed
        } else if still_open(plan, &record) {
            ItemStatus::Conflict
        } else if matches!(plan.action, Action::Leave | Action::MarkMissing(_) | Action::LeaveScope(_)) {
            ItemStatus::Skipped
        } else {
            ItemStatus::Completed
        };
        // After a restore the times change only when all bases are new.
        if !self.options.after_restore || record.status == ItemStatus::Completed {
            let now = |side: Side| match written(side) {
                Some(item) if !is_delete(plan, side) => Some(item),
                _ => plan.facts.seen.get(side).item(),
            };
            let modified = |side: Side| now(side).and_then(modified_at);
            record.modified = Pair::new(modified(Side::Source), modified(Side::Target));
        }
        if !errors.is_empty() {
            record.error_count = plan.facts.link.as_ref().map_or(0, |link| link.error_count) + 1;
            record.retry_at = Some(retry_at(now, record.error_count));
            record.error = Some(errors.join("; "));
        } else if record.status == ItemStatus::Conflict {
            record.error = refusals(results);
        } else if !plan.notes.is_empty() {
            record.error = Some(plan.notes.join("; "));
        } else if Side::BOTH.into_iter().any(|side| *plan.facts.seen.get(side) == Seen::NotVisible) {
            // The cursor has passed what was to be done; it is still to be done once the item is shown.
            record.error_count = plan.facts.link.as_ref().map_or(0, |link| link.error_count) + 1;
            record.retry_at = Some(retry_at(now, record.error_count));
        }
        record
    }

    /// True if the item just created on side `on` has a value of its own, such as a default or a computed column, in a
    /// field that flows only from there, and the copied item has none. The link must be planned once more.
    pub(super) fn carries_back(&self, plan: &ItemPlan, on: Side, returned: &Item) -> bool {
        let is_open = |(rule, decision): &(&Rule, &Decision)| {
            **decision == Decision::Drift
                && rule.flow.writes(on.other())
                && value_of(plan.now.get(on.other()), rule.field.get(on.other())).is_blank()
        };
        let mut open = self.mapping.rules.iter().zip(&plan.decisions).filter(is_open).peekable();
        if open.peek().is_none() {
            return false;
        }
        let new = self.mapping.typed(on, returned);
        open.any(|(rule, _)| !value_of(&new, rule.field.get(on)).is_blank())
    }

    /// The content that a side is known to have after a write: what was read, plus the written fields as returned. If
    /// other fields were returned changed, they were edited meanwhile and not merged yet, so the next run must find
    /// them changed.
    fn known_content(&self, plan: &ItemPlan, side: Side, item: &Item) -> Fields {
        let mut returned = self.mapping.typed(side, item);
        for op in plan.ops.iter().filter(|op| op.side == side && op.kind == OpKind::Update) {
            let written = |name: &String| op.fields.iter().any(|write| write.field == *name);
            let read = plan.now.get(side).iter().filter(|(name, _)| !written(name));
            returned.extend(read.map(|(name, value)| (name.clone(), value.clone())));
        }
        returned
    }

    /// Open conflicts of earlier runs that this run has closed.
    fn closed(&self, plan: &ItemPlan, record: &Recorded, results: &Results) -> Vec<i64> {
        let asked = |field: &Option<String>| {
            record.conflicts.iter().any(|c| c.resolution.is_none() && c.field == *field)
        };
        let earlier = plan.facts.link.iter().flat_map(|link| &link.conflicts);
        earlier
            .filter(|open| {
                !asked(&open.field)
                    && self.has_come_about(plan, &open.field, results)
                    && !self.is_still_lost(plan, open)
            })
            .map(|open| open.id)
            .collect()
    }

    /// True if the decision about a field (about the whole item, without one) has taken effect.
    fn has_come_about(&self, plan: &ItemPlan, field: &Option<String>, results: &Results) -> bool {
        let written = |side: Side| written_item(results, side);
        let position =
            |field: &String| self.mapping.rules.iter().position(|rule| rule.field.source == *field);
        match plan.action {
            Action::Leave | Action::MarkMissing(_) | Action::LeaveScope(_) | Action::AskDeleted(_) => false,
            Action::Create(side) | Action::Delete(side) => written(side).is_some(),
            Action::End(_) => true,
            Action::Merge => {
                let position = field.as_ref().and_then(position);
                let decided = position
                    .and_then(|position| self.mapping.rules.get(position).zip(plan.decisions.get(position)));
                match decided {
                    Some((rule, decision @ (Decision::Write { .. } | Decision::Set { .. }))) => {
                        all_landed(results, rule, decision)
                    }
                    Some((_, Decision::Blocked(_) | Decision::Ask)) => false,
                    Some((_, Decision::Unchanged | Decision::Agree | Decision::Drift)) | None => true,
                }
            }
        }
    }

    fn advance_bases(&self, plan: &ItemPlan, results: &Results, record: &mut Recorded) {
        let written = |side: Side| written_item(results, side);
        let typed = |side: Side| written(side).map(|item| self.mapping.typed(side, item));
        let returned = Pair::new(typed(Side::Source), typed(Side::Target));
        if let Action::Create(side) = plan.action
            && written(side).is_some()
        {
            // The bases of a replaced item do not apply to its replacement.
            record.base = Pair::default();
        }
        for (rule, outcome) in self.mapping.rules.iter().zip(&plan.decisions) {
            if let Action::Create(side) = plan.action
                && let Some(new) = returned.get(side)
            {
                note_unsent(rule, outcome, side, plan, new, record);
            }
            for side in Side::BOTH {
                if let Some(value) = self.halfway(results, side, rule) {
                    record.base.get_mut(side).insert(rule.field.get(side).clone(), rule.shared(side, &value));
                }
            }
            match outcome {
                Decision::Agree => {}
                Decision::Write { .. } | Decision::Set { .. } if all_landed(results, rule, outcome) => {}
                _ => continue,
            }
            for side in Side::BOTH {
                let field = rule.field.get(side);
                let wrote = outcome.write_to(side).is_some();
                let now = if wrote { returned.get(side).as_ref() } else { Some(plan.now.get(side)) };
                if let Some(value) = now.and_then(|fields| fields.get(field)) {
                    record.base.get_mut(side).insert(field.clone(), rule.shared(side, value));
                }
            }
        }
        for (rule, side) in self.due(plan, results) {
            let value = match returned.get(side).as_ref().filter(|_| plan.action == Action::Create(side)) {
                Some(new) => self
                    .halfway(results, side, rule)
                    .unwrap_or_else(|| value_of(new, rule.field.get(side)).clone()),
                None => self.left_with(plan, results, side, rule),
            };
            let origin = value_of(plan.now.get(side.other()), rule.field.get(side.other()));
            note_due(rule, side, &value, origin, &mut record.base);
        }
    }
}

/// Sets the bases of a field that was not written to a new item although the copied item has a value. The new item's
/// own value, a column's default, is not an edit and must not replace that value. A refused value gets no base on the
/// side that it comes from, so that the next run tries it again.
fn note_unsent(
    rule: &Rule,
    outcome: &Decision,
    on: Side,
    plan: &ItemPlan,
    new: &Fields,
    record: &mut Recorded,
) {
    let (field, copied) = (rule.field.get(on), rule.field.get(on.other()));
    let value = plan.now.get(on.other()).get(copied).filter(|value| !value.is_blank());
    let (Some(value), Some(own)) = (value, new.get(field)) else { return };
    let crossed = match outcome {
        Decision::Blocked(_) => Value::Null,
        Decision::Drift => value.clone(),
        _ => return,
    };
    record.base.get_mut(on).insert(field.clone(), rule.shared(on, own));
    record.base.get_mut(on.other()).insert(copied.clone(), rule.shared(on.other(), &crossed));
}

/// The time of the next retry after `failures` in a row.
pub(super) fn retry_at(now: DateTime<Utc>, failures: u32) -> DateTime<Utc> {
    let doubled = RETRY_FIRST.checked_mul(1 << failures.saturating_sub(1).min(20)).unwrap_or(RETRY_MOST);
    now + doubled.min(RETRY_MOST)
}

/// True if the plan takes the item away; one that is closed or archived stays.
fn is_delete(plan: &ItemPlan, side: Side) -> bool {
    plan.action == Action::Delete(side) && plan.ops.iter().any(|op| op.how == Removal::Delete)
}

fn change_state<'r>(
    plan: &ItemPlan,
    written: &impl Fn(Side) -> Option<&'r Item>,
    now: DateTime<Utc>,
    record: &mut Recorded,
) {
    let is_back = |side: Side| {
        matches!(plan.facts.seen.get(side), Seen::Present(_) | Seen::Missing | Seen::Gone | Seen::Never)
    };
    if record.state == LinkState::OutOfScope && Side::BOTH.into_iter().all(is_back) {
        (record.state, record.missing) = (LinkState::Linked, None);
    }
    match plan.action {
        Action::Merge => {
            record.state = LinkState::Linked;
            record.missing = None;
            record.deleted_side = None;
        }
        Action::Create(side) if written(side).is_some() => {
            record.state = LinkState::Linked;
            record.missing = None;
            record.deleted_side = None;
        }
        // An ended link that gets a new counterpart waits for it like a new link.
        Action::Create(side) if record.state == LinkState::Tombstone => {
            record.state = LinkState::Pending;
            record.deleted_side = None;
            *record.ids.get_mut(side) = None;
            *record.hash.get_mut(side) = None;
            record.base = Pair::default();
        }
        Action::Delete(side) if written(side).is_some() => {
            end(record, Some(side.other()));
            if is_delete(plan, side) {
                // Unlike an item that stays when its link ends, this one is gone: an item that has its id later is a new
                // one.
                record.missing = Some((side, now));
            }
        }
        Action::End(side) => {
            let stays = plan.facts.seen.get(side.other()).item().is_some();
            end(record, stays.then_some(side));
        }
        Action::MarkMissing(side) => record.missing = Some((side, now)),
        Action::LeaveScope(side) => {
            record.state = LinkState::OutOfScope;
            record.missing = Some((side, now));
        }
        Action::Create(_) | Action::Delete(_) | Action::Leave | Action::AskDeleted(_) => {}
    }
}

/// Ends a link whose item was deleted on side `deleted`; none means both. A deleted item's content hash is cleared: by
/// that a later run recognizes an item that came back.
fn end(record: &mut Recorded, deleted: Option<Side>) {
    record.state = LinkState::Tombstone;
    record.deleted_side = deleted;
    record.missing = None;
    for side in Side::BOTH.into_iter().filter(|side| deleted.is_none_or(|deleted| deleted == *side)) {
        *record.hash.get_mut(side) = None;
    }
}

/// True if a person still has to decide something.
fn still_open(plan: &ItemPlan, record: &Recorded) -> bool {
    let earlier = plan.facts.link.iter().flat_map(|link| &link.conflicts);
    record.conflicts.iter().any(|conflict| conflict.resolution.is_none())
        || earlier.into_iter().any(|conflict| !record.closed_conflicts.contains(&conflict.id))
}

/// True if a record adds nothing to the link: every run meets the conflicts that wait for a person.
pub(super) fn is_old_news(plan: &ItemPlan, record: &Recorded) -> bool {
    let Some(link) = &plan.facts.link else { return false };
    let asked_before = |asked: &Conflict| {
        let same = |open: &OpenConflict| {
            let same = |side: Side| asked.values.get(side).same(open.values.get(side));
            open.field == asked.field && Side::BOTH.into_iter().all(same)
        };
        link.conflicts.iter().any(same)
    };
    let stays_out = matches!(plan.action, Action::LeaveScope(_)) && link.state == LinkState::OutOfScope;
    (matches!(plan.action, Action::AskDeleted(_) | Action::Leave) || stays_out)
        && record.conflicts.iter().all(asked_before)
        && record.hash == link.hash
        && record.mapping_revision == link.mapping_revision
        && record.error_count == 0
        && link.error_count == 0
}
