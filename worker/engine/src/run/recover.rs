//! Finds out what became of writes that an earlier attempt began.
//!
//! A crash leaves an intent on record and no word of its outcome. The platform is asked: a create is looked for by its
//! marker, an update is compared with what was sent, a delete with what is there. Only then is anything planned again.

use std::collections::HashMap;

use super::{Report, Run, RunError, index};
use crate::{
    Item, Side, Value,
    capability::CreateIdempotency,
    conflict::{Conflict, ConflictKind},
    mapping::read_as,
    plan::{Facts, Seen},
    ports::{ErrorKind, IntentOp, ItemStatus, Link, LinkState, Marker, OpKind, Recorded, Verdict},
    side::Pair,
    value::{Fields, fields_from_json},
};

impl Run<'_> {
    /// Settles all open intents of the sync.
    pub(super) async fn recover(&self, report: &mut Report) -> Result<(), RunError> {
        let open = self.store.open_intents().await?;
        for page in open.chunks(index::PAGE) {
            let links: Vec<Link> =
                self.store.links(page).await?.into_iter().map(|link| self.mapping.retype(link)).collect();
            self.wait_for_senders(&links)?;
            let found = self.look(&links, report).await?;
            let records: Vec<Recorded> = links.iter().map(|link| self.recovered(link, &found)).collect();
            self.store.record(&records).await?;
        }
        Ok(())
    }

    /// A sender that lost its lease stops at its deadline, and its create may take a while to become visible.
    fn wait_for_senders(&self, links: &[Link]) -> Result<(), RunError> {
        let mut latest = None;
        for intent in links.iter().filter_map(|link| link.intent.as_ref()) {
            let visible = |op: &IntentOp| match op.kind {
                OpKind::Create => self.connectors.get(op.side).capabilities().marker_visible_after,
                OpKind::Update | OpKind::Delete => std::time::Duration::ZERO,
            };
            let delay = intent.ops.iter().map(visible).max().unwrap_or_default();
            latest = latest.max(Some(intent.deadline + delay));
        }
        match latest {
            Some(time) if time > self.clock.now() => Err(RunError::NotBefore(time)),
            _ => Ok(()),
        }
    }

    /// The items that the intents were about, as they are now.
    async fn look(
        &self,
        links: &[Link],
        report: &mut Report,
    ) -> Result<HashMap<(i64, Side), Item>, RunError> {
        let mut found = HashMap::new();
        for side in Side::BOTH {
            let connector = *self.connectors.get(side);
            let ops = || {
                let of = |link: &Link| {
                    link.intent.iter().flat_map(|i| i.ops.clone()).map(|op| (link.at.id, op)).collect()
                };
                links
                    .iter()
                    .flat_map(of as fn(&Link) -> Vec<(i64, IntentOp)>)
                    .filter(|(_, op)| op.side == side)
            };
            let failed = |error| RunError::Connector { side, error };
            let creates: Vec<(i64, Marker)> = ops()
                .filter(|(_, op)| op.kind == OpKind::Create)
                .filter_map(|(link, op)| Some((link, Marker { text: op.marker?, id: op.id })))
                .collect();
            for page in creates.chunks(connector.capabilities().page_size.max(1)) {
                let markers: Vec<Marker> = page.iter().map(|(_, marker)| marker.clone()).collect();
                let answers = connector.probe(&markers).await.map_err(failed)?;
                report.counts.api_calls += 1;
                for ((link, _), item) in page.iter().zip(answers) {
                    found.extend(item.map(|item| ((*link, side), item)));
                }
            }
            // Both the item written to and, for a base, its counterpart.
            let by_id: HashMap<String, i64> =
                links.iter().filter_map(|link| Some((link.ids.get(side).clone()?, link.at.id))).collect();
            let ids: Vec<String> = by_id.keys().cloned().collect();
            for page in ids.chunks(connector.capabilities().page_size.max(1)) {
                report.counts.api_calls += 1;
                match connector.fetch(page).await {
                    Ok(items) => {
                        for item in items.into_iter().filter(|item| !item.deleted) {
                            if let Some(link) = by_id.get(&item.id) {
                                found.entry((*link, side)).or_insert(item);
                            }
                        }
                    }
                    Err(error) if error.kind == ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(error)),
                }
            }
        }
        Ok(found)
    }

    /// A link with its intent settled; its hashes are forgotten, so that this run looks at it.
    fn recovered(&self, link: &Link, found: &HashMap<(i64, Side), Item>) -> Recorded {
        let seen = |side: Side| found.get(&(link.at.id, side)).cloned().map_or(Seen::Missing, Seen::Present);
        let facts =
            Facts { link: Some(link.clone()), seen: Pair::new(seen(Side::Source), seen(Side::Target)) };
        let mut record = self.unchanged(&facts);
        record.ids = link.ids.clone();
        record.hash = Pair::default();
        record.error_count = link.error_count;
        record.retry_at = Some(self.clock.now());
        record.mapping_revision = link.mapping_revision;
        for op in link.intent.iter().flat_map(|intent| &intent.ops) {
            let verdict = self.verdict(op, facts.seen.get(op.side).item());
            record.verdicts.push((op.side, verdict));
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
                    }
                    self.advance_recovered(op, &facts, &mut record);
                }
                (Verdict::Unknown, OpKind::Create) => {
                    record.conflicts.push(ambiguous_create(op));
                    record.status = ItemStatus::Conflict;
                    record.retry_at = None;
                }
                (Verdict::Unknown | Verdict::NotWritten, _) => {}
            }
        }
        record
    }

    /// Whether a write happened, going by what is there now.
    fn verdict(&self, op: &IntentOp, item: Option<&Item>) -> Verdict {
        let certain =
            self.connectors.get(op.side).capabilities().create_idempotency != CreateIdempotency::None;
        match (op.kind, item) {
            (OpKind::Create, Some(_)) | (OpKind::Delete, None) => Verdict::Confirmed,
            (OpKind::Create, None) if certain => Verdict::NotWritten,
            (OpKind::Create, None) | (OpKind::Update, None) => Verdict::Unknown,
            (OpKind::Delete, Some(_)) => Verdict::NotWritten,
            (OpKind::Update, Some(item)) => {
                let now = self.mapping.typed(op.side, item);
                let is = |wanted: &serde_json::Value| {
                    fields_from_json(wanted).iter().all(|(field, value)| {
                        self.typed(op.side, field, value).same(now.get(field).unwrap_or(&Value::Null))
                    })
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

    fn typed(&self, side: Side, field: &str, value: &Value) -> Value {
        let rule = self.mapping.rule_of(side, field);
        rule.and_then(|rule| read_as(value, *rule.field_type.get(side)).ok()).unwrap_or_else(|| value.clone())
    }

    /// The bases of a write that turned out to have happened: what the side has now, and the value it came from.
    fn advance_recovered(&self, op: &IntentOp, facts: &Facts, record: &mut Recorded) {
        let now: Fields =
            facts.seen.get(op.side).item().map(|item| self.mapping.typed(op.side, item)).unwrap_or_default();
        let after = fields_from_json(&op.after);
        let other = op.side.other();
        for (field, origin) in fields_from_json(&op.origin) {
            let Some(rule) = self.mapping.rule_of(op.side, &field) else { continue };
            // An item edited since its create: the base is what we sent, so that the edit shows as one.
            let sent = after.get(&field).map(|value| self.typed(op.side, &field, value));
            let value = sent.or_else(|| now.get(&field).cloned()).unwrap_or(Value::Null);
            let origin_field = rule.field.get(other);
            record.base.get_mut(other).insert(origin_field.clone(), self.typed(other, origin_field, &origin));
            record.base.get_mut(op.side).insert(field, value);
        }
    }
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
        settled: None,
    }
}
