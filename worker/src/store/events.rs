//! The events of items in the live feed: one event for up to [`MOST_LINKS`] items with the same kind of change.

use std::{collections::BTreeMap, sync::PoisonError};

use serde_json::json;
use syncline_engine::ports::{Intended, ItemStatus, LinkRef, OpKind, Recorded, Verdict};
use syncline_entity::{
    event::{MOST_LINKS, NewEvent},
    types::EventType,
};

use super::LinkStore;

/// Remembers the operation on each link until it is recorded, since the record does not contain it.
pub(super) fn note_intended(store: &LinkStore, batch: &[Intended], refs: &[LinkRef]) {
    let mut noted = store.intended.lock().unwrap_or_else(PoisonError::into_inner);
    for (intended, at) in batch.iter().zip(refs) {
        let kinds = || intended.intent.ops.iter().map(|op| op.kind);
        let whole = kinds().find(|kind| *kind != OpKind::Update);
        if let Some(kind) = whole.or_else(|| kinds().next()) {
            noted.insert(at.id, kind);
        }
    }
}

pub(super) fn forget_intended(store: &LinkStore, refs: &[LinkRef]) {
    let mut noted = store.intended.lock().unwrap_or_else(PoisonError::into_inner);
    for at in refs {
        noted.remove(&at.id);
    }
}

/// Returns the events of a batch.
pub(super) fn of_items(store: &LinkStore, batch: &[Recorded], refs: &[LinkRef]) -> Vec<NewEvent> {
    let mut links: BTreeMap<EventType, Vec<i64>> = BTreeMap::new();
    {
        let noted = store.intended.lock().unwrap_or_else(PoisonError::into_inner);
        for (record, at) in batch.iter().zip(refs) {
            if record.verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Confirmed) {
                let kind = match noted.get(&at.id) {
                    Some(OpKind::Create) => EventType::ItemCreated,
                    Some(OpKind::Delete) => EventType::ItemDeleted,
                    // Includes a write of an earlier attempt that turns out to have arrived.
                    Some(OpKind::Update) | None => EventType::ItemChanged,
                };
                links.entry(kind).or_default().push(at.id);
            }
            if record.status == ItemStatus::Failed {
                links.entry(EventType::ItemFailed).or_default().push(at.id);
            }
        }
    }
    let pieces = links.iter().flat_map(|(kind, links)| links.chunks(MOST_LINKS).map(|piece| (*kind, piece)));
    pieces
        .map(|(kind, links)| {
            let facts = json!({
                "run": store.run.id, "sync": store.sync.config_id, "count": links.len(), "links": links,
            });
            NewEvent::new(kind, Some(store.sync.project_id), facts)
                .about(store.run.id)
                .of_sync(store.sync.config_id)
                .of_links(links)
        })
        .collect()
}
