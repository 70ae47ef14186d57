//! Finds out what became of the writes that an earlier attempt began.
//!
//! A crash leaves an intent on record without its verdict. Recovery asks the platform: it looks for a create by its
//! marker, compares an update with what was sent, and a delete with what exists. Only then does the run plan again.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::{Run, RunError, Scope, index};
use crate::{
    Item, Side, Value,
    capability::Removal,
    conflict::{Conflict, ConflictKind, Resolution},
    mapping::read_as,
    plan::{Facts, Seen},
    ports::{
        Found, Intent, IntentOp, ItemStatus, Link, LinkState, Marker, OpKind, Probed, Recorded, Verdict,
    },
    side::Pair,
    value::fields_from_json,
};

/// What the places show of the intents' items.
#[derive(Default)]
pub(super) struct Evidence {
    /// The items that are there.
    pub(super) items: HashMap<(i64, Side), Item>,
    /// Where a place could not tell.
    untold: HashSet<(i64, Side)>,
    /// Fields that a write has left on the way to their value.
    pub(super) halfway: HashSet<(i64, Side, String)>,
}

impl Evidence {
    pub(super) fn halfway_of(&self, link: &Link, on: Side) -> impl Iterator<Item = &String> {
        let is_there = move |(id, side, _): &&(i64, Side, String)| *id == link.at.id && *side == on;
        self.halfway.iter().filter(is_there).map(|(_, _, field)| field)
    }
}

impl Run<'_> {
    /// Closes the open intents of the sync. A run of some links closes only theirs. A run of the whole sync leaves the
    /// links alone that another run is writing, and returns them.
    pub(super) async fn recover(&self) -> Result<Vec<Link>, RunError> {
        let mut open = self.store.open_intents().await?;
        if let Scope::Links(only) = &self.options.scope {
            open.retain(|link| only.contains(link));
        }
        let mut busy = Vec::new();
        for page in open.chunks(index::PAGE) {
            let mut links: Vec<Link> =
                self.store.links(page).await?.into_iter().map(|link| self.mapping.retype(link)).collect();
            busy.extend(self.wait_for_senders(&mut links).await?);
            let found = self.look(&links).await?;
            let records: Vec<Recorded> = links.iter().map(|link| self.recovered(link, &found)).collect();
            if !records.is_empty() {
                self.store.record(&records).await?;
            }
        }
        Ok(busy)
    }

    /// Refuses to go on while a sender may be at work on one of these links. Takes out and returns the links of other
    /// runs that are not over, if this run can do without them.
    async fn wait_for_senders(&self, links: &mut Vec<Link>) -> Result<Vec<Link>, RunError> {
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.store.now().await?;
        let until =
            |link: &Link| link.intent.as_ref().map(|intent| self.over_at(intent)).filter(|at| *at > now);
        let waiting: Vec<i64> =
            links.iter().filter(|link| until(link).is_some()).map(|link| link.at.id).collect();
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let live = match &self.options.scope {
            Scope::All | Scope::Items { .. } => self.store.live_intents(&waiting).await?,
            Scope::Links(_) => Vec::new(),
        };
        let (busy, rest) = std::mem::take(links).into_iter().partition(|link| live.contains(&link.at.id));
        *links = rest;
        match links.iter().filter_map(until).max() {
            Some(latest) => Err(RunError::NotBefore(self.clock.now() + (latest - now))),
            None => Ok(busy),
        }
    }

    /// When nothing of an intent can take effect any more, by the store's clock. A sender that lost its lease stops at
    /// its deadline. A request that it sent just before may take effect until its time-out, and the marker of a create
    /// may show some time later.
    fn over_at(&self, intent: &Intent) -> DateTime<Utc> {
        let delay = |op: &IntentOp| {
            let capabilities = self.places.get(op.side).capabilities();
            let visible = match op.kind {
                OpKind::Create => capabilities.marker_visible_after,
                OpKind::Update | OpKind::Delete => std::time::Duration::ZERO,
            };
            capabilities.request_timeout + visible
        };
        intent.deadline + intent.ops.iter().map(delay).max().unwrap_or_default()
    }

    /// The present items of the intents.
    async fn look(&self, links: &[Link]) -> Result<Evidence, RunError> {
        let mut found = Evidence::default();
        for side in Side::BOTH {
            self.look_for_creates(side, links, &mut found).await?;
            self.look_for_items(side, links, &mut found).await?;
            self.look_halfway(side, links, &mut found).await?;
        }
        Ok(found)
    }

    /// Items whose create was sent, found by their markers.
    async fn look_for_creates(
        &self,
        side: Side,
        links: &[Link],
        found: &mut Evidence,
    ) -> Result<(), RunError> {
        let connector = *self.places.get(side);
        let marker = |link: &Link| {
            let op = create_on(link, side)?;
            Some((link.at.id, Marker { text: op.marker.clone()?, id: op.id.clone() }))
        };
        let creates: Vec<(i64, Marker)> = links.iter().filter_map(marker).collect();
        for page in creates.chunks(connector.capabilities().fetch_batch.max(1)) {
            let markers: Vec<Marker> = page.iter().map(|(_, marker)| marker.clone()).collect();
            let answers = connector
                .probe(&markers, &self.call(side))
                .await
                .map_err(|error| RunError::Place { side, error })?;
            for ((link, _), probed) in page.iter().zip(answers) {
                match probed {
                    Probed::Found(item) => {
                        found.items.insert((*link, side), item);
                    }
                    Probed::Absent => {}
                    Probed::CannotTell => {
                        found.untold.insert((*link, side));
                    }
                }
            }
        }
        Ok(())
    }

    /// Items that the links already have: those written to and, for a base, their counterparts. Where a create was
    /// sent, the link's id belongs to an item that is long gone; an item with that id is not the created one.
    async fn look_for_items(&self, side: Side, links: &[Link], found: &mut Evidence) -> Result<(), RunError> {
        let connector = *self.places.get(side);
        let id = |link: &Link| Some((link.ids.get(side).clone()?, link.at.id));
        let by_id: HashMap<String, i64> =
            links.iter().filter(|link| create_on(link, side).is_none()).filter_map(id).collect();
        let deletes = |link: &&Link| {
            let mut ops = link.intent.iter().flat_map(|intent| &intent.ops);
            ops.any(|op| op.side == side && op.kind == OpKind::Delete)
        };
        let deleted: HashSet<i64> = links.iter().filter(deletes).map(|link| link.at.id).collect();
        let ids: Vec<String> = by_id.keys().cloned().collect();
        for page in ids.chunks(connector.capabilities().fetch_batch.max(1)) {
            for (id, read) in connector.fetch(page, &self.call(side)).await {
                let Some(link) = by_id.get(&id) else { continue };
                match read.map_err(|error| RunError::Place { side, error })? {
                    Found::Item(item) if !item.deleted => {
                        found.items.insert((*link, side), item);
                    }
                    Found::Item(_) | Found::Gone => {}
                    // We sent its delete: that is why it is not shown.
                    Found::NotVisible if deleted.contains(link) => {}
                    // It may be there all the same.
                    Found::Moved { .. } | Found::NotVisible | Found::OutOfScope => {
                        found.untold.insert((*link, side));
                    }
                }
            }
        }
        Ok(())
    }

    /// The link with its intent closed; its hashes are cleared, so that this run processes it.
    fn recovered(&self, link: &Link, found: &Evidence) -> Recorded {
        let seen =
            |side: Side| found.items.get(&(link.at.id, side)).cloned().map_or(Seen::Missing, Seen::Present);
        let facts = Facts {
            link: Some(link.clone()),
            seen: Pair::new(seen(Side::Source), seen(Side::Target)),
            may_remove: false,
            read_at: Pair::default(),
        };
        let mut record = self.unchanged(&facts);
        record.ids = link.ids.clone();
        record.hash = Pair::default();
        record.error_count = link.error_count;
        record.retry_at = Some(self.clock.now());
        record.mapping_revision = link.mapping_revision;
        for op in link.intent.iter().flat_map(|intent| &intent.ops) {
            let untold = found.untold.contains(&(link.at.id, op.side));
            let mut apart: Vec<String> = found.halfway_of(link, op.side).cloned().collect();
            apart.extend(self.not_taken(op, facts.seen.get(op.side).item(), &apart));
            let verdict = self.verdict(op, facts.seen.get(op.side).item(), untold, &apart);
            record.verdicts.push((op.side, verdict));
            record.left_out.extend(apart.iter().map(|field| (op.side, field.clone())));
            match (verdict, op.kind) {
                (Verdict::Confirmed, OpKind::Delete) => {
                    record.state = LinkState::Tombstone;
                    record.deleted_side = Some(op.side.other());
                    record.missing = None;
                    record.retry_at = None;
                    record.status = ItemStatus::Completed;
                }
                (Verdict::Confirmed, kind) => {
                    if let (OpKind::Create, Some(item)) = (kind, facts.seen.get(op.side).item()) {
                        *record.ids.get_mut(op.side) = Some(item.id.clone());
                        record.state = LinkState::Linked;
                        record.missing = None;
                        record.deleted_side = None;
                        // The bases of a replaced item do not apply to its replacement.
                        record.base = Pair::default();
                    }
                    record.conflicts.extend(self.decided(op, link));
                    self.advance_recovered(op, facts.seen.get(op.side).item(), &apart, &mut record);
                    self.note_apart(op, facts.seen.get(op.side).item(), &apart, &mut record);
                }
                (Verdict::Unknown, OpKind::Create) => {
                    record.conflicts.push(ambiguous_create(op));
                    record.status = ItemStatus::Conflict;
                    record.retry_at = None;
                }
                (Verdict::Unknown, OpKind::Delete) => {
                    // Our own close must not look like an edit made after the delete. It is sent again.
                    let now = facts.seen.get(op.side).item().map(|item| self.mapping.typed(op.side, item));
                    record.base.get_mut(op.side).extend(now.unwrap_or_default());
                }
                (Verdict::Unknown, OpKind::Update) => {
                    self.note_apart(op, facts.seen.get(op.side).item(), &apart, &mut record);
                }
                (Verdict::NotWritten, _) => {}
            }
        }
        record
    }

    /// The verdict on a write, derived from the present item. `untold`: the place could not tell whether it is there.
    /// Of an update the fields that it left out or on the way do not count.
    fn verdict(&self, op: &IntentOp, item: Option<&Item>, untold: bool, apart: &[String]) -> Verdict {
        match (op.kind, item) {
            (OpKind::Create, Some(_)) => Verdict::Confirmed,
            (_, None) if untold => Verdict::Unknown,
            (OpKind::Delete, None) => Verdict::Confirmed,
            (OpKind::Create, None) => Verdict::NotWritten,
            (OpKind::Update, None) => Verdict::Unknown,
            // What was closed or archived is still there, and nothing tells who did it.
            (OpKind::Delete, Some(_)) if op.how != Removal::Delete => Verdict::Unknown,
            (OpKind::Delete, Some(_)) => Verdict::NotWritten,
            (OpKind::Update, Some(item)) => {
                let now = self.mapping.typed(op.side, item);
                let is = |wanted: &serde_json::Value| {
                    fields_from_json(wanted).iter().filter(|(field, _)| !apart.contains(field)).all(
                        |(field, value)| {
                            let now = now.get(field).unwrap_or(&Value::Null);
                            is_what_became_of(&self.typed(op.side, field, value), now)
                        },
                    )
                };
                if is(&op.after) {
                    Verdict::Confirmed
                } else if is(&op.before) {
                    Verdict::NotWritten
                } else {
                    Verdict::Unknown
                }
            }
        }
    }

    /// The fields that an update left as they were, if it has written its others.
    fn not_taken(&self, op: &IntentOp, item: Option<&Item>, halfway: &[String]) -> Vec<String> {
        let Some(item) = item.filter(|_| op.kind == OpKind::Update) else { return Vec::new() };
        let (now, before) = (self.mapping.typed(op.side, item), fields_from_json(&op.before));
        let (mut not_taken, mut has_written) = (Vec::new(), false);
        for (field, sent) in fields_from_json(&op.after) {
            if halfway.contains(&field) {
                has_written = true;
                continue;
            }
            let now = now.get(&field).unwrap_or(&Value::Null);
            let is = |value: &Value| is_what_became_of(&self.typed(op.side, &field, value), now);
            if is(before.get(&field).unwrap_or(&Value::Null)) {
                not_taken.push(field);
            } else if is(&sent) {
                has_written = true;
            } else {
                // Somebody has edited it.
                return Vec::new();
            }
        }
        if has_written { not_taken } else { Vec::new() }
    }

    pub(super) fn typed(&self, side: Side, field: &str, value: &Value) -> Value {
        let rule = self.mapping.rule_of(side, field);
        rule.and_then(|rule| read_as(value, *rule.field_type.get(side)).ok()).unwrap_or_else(|| value.clone())
    }

    /// The conflicts that a write settled: it put an edit in the place of another one. The run that decided them ended before
    /// it recorded them. Of sets, and of texts that merge, both edits are kept.
    fn decided(&self, op: &IntentOp, link: &Link) -> Vec<Conflict> {
        let other = op.side.other();
        let origins = fields_from_json(&op.origin);
        let conflict = |(field, before): (String, Value)| {
            let rule = self.mapping.rule_of(op.side, &field)?;
            let origin_field = rule.field.get(other);
            let before = self.typed(op.side, &field, &before);
            let origin = self.typed(other, origin_field, origins.get(&field)?);
            let (here, there) =
                (link.base.get(op.side).get(&field)?, link.base.get(other).get(origin_field)?);
            let (mut bases, mut both) = (Pair::new(here, here), Pair::new(&before, &before));
            *bases.get_mut(other) = there;
            *both.get_mut(other) = &origin;
            let merges = || rule.is_set() || rule.merges(bases, both);
            if rule.same(op.side, &before, here) || rule.same(other, &origin, there) || merges() {
                return None;
            }
            let base = link.base.get(Side::Source).get(rule.field.get(Side::Source));
            let mut values = Pair::new(Value::Null, Value::Null);
            *values.get_mut(op.side) = before;
            *values.get_mut(other) = origin;
            let reason = "decided by a run that ended early".to_owned();
            Some(Conflict {
                field: Some(rule.field.get(Side::Source).clone()),
                kind: ConflictKind::FieldMismatch,
                base: base.cloned().unwrap_or(Value::Null),
                values,
                modified: Pair::new(None, None),
                resolution: Some(Resolution { winner: other.into(), reason }),
            })
        };
        fields_from_json(&op.before).into_iter().filter_map(conflict).collect()
    }

    /// Sets the bases of a write that happened: what the side returned, or what was sent if the item was edited since,
    /// so that the edit shows as one; and the value it came from. A field that was created empty gets no base: its
    /// present value is matched, not treated as ours. Fields that the write left out or on the way are still to be
    /// written.
    fn advance_recovered(&self, op: &IntentOp, item: Option<&Item>, apart: &[String], record: &mut Recorded) {
        let other = op.side.other();
        let now = item.map(|item| self.mapping.typed(op.side, item)).unwrap_or_default();
        let origins = fields_from_json(&op.origin);
        let sent = fields_from_json(&op.after);
        for (field, sent) in sent.into_iter().filter(|(field, _)| !apart.contains(field)) {
            let Some(rule) = self.mapping.rule_of(op.side, &field) else { continue };
            let Some(origin) = origins.get(&field) else { continue };
            let origin_field = rule.field.get(other);
            let origin = rule.shared(other, &self.typed(other, origin_field, origin));
            record.base.get_mut(other).insert(origin_field.clone(), origin);
            let sent = self.typed(op.side, &field, &sent);
            let kept = now
                .get(&field)
                .filter(|now| rule.same(op.side, &sent, now) || is_what_became_of(&sent, now))
                .cloned();
            record.base.get_mut(op.side).insert(field, rule.shared(op.side, &kept.unwrap_or(sent)));
        }
    }
}

/// The create of an intent on one side.
pub(super) fn create_on(link: &Link, side: Side) -> Option<&IntentOp> {
    link.intent.iter().flat_map(|intent| &intent.ops).find(|op| op.side == side && op.kind == OpKind::Create)
}

/// True if a platform may have made this value of the one it was sent. Many trim white space around text or change its
/// line ends.
pub(super) fn is_what_became_of(sent: &Value, now: &Value) -> bool {
    let words = |value: &Value| match value {
        Value::Null => Some(Vec::new()),
        Value::Text(text) => Some(text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
        _ => None,
    };
    sent.same(now) || words(sent).is_some_and(|words_sent| words(now) == Some(words_sent))
}

fn ambiguous_create(op: &IntentOp) -> Conflict {
    let mut values = Pair::new(Value::Null, Value::Null);
    *values.get_mut(op.side) = Value::from_json(&op.after);
    *values.get_mut(op.side.other()) = Value::from_json(&op.origin);
    Conflict {
        field: None,
        kind: ConflictKind::AmbiguousCreate,
        base: Value::Null,
        values,
        modified: Pair::new(None, None),
        resolution: None,
    }
}
