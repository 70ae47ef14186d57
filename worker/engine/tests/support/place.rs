//! A platform in memory, with the behaviours of real ones.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use syncline_engine::{
    Item, Value,
    capability::{Capabilities, ConcurrencyControl, CreateIdempotency, Removal},
    ports::{
        Call, Clock, Connector, ConnectorError, ErrorScope, FieldInfo, Found, Listing, ListingEnd, Marker,
        Probed, ReadMode, Write, WriteOp, Written, changed_since_read,
    },
    value::{Fields, Instant, Precision},
};

use super::TestClock;

/// The behaviour of a place.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    pub(crate) create_idempotency: CreateIdempotency,
    /// The field that is the id.
    pub(crate) key_field: Option<String>,
    pub(crate) page_size: usize,
    pub(crate) write_batch: usize,
    pub(crate) prefers_large_batches: bool,
    /// Its listings are consistent readings; otherwise it is asked by id for what they lack.
    pub(crate) snapshot: bool,
    /// It says that an item was deleted, also in listings; otherwise it only does not show it.
    pub(crate) tombstones: bool,
    pub(crate) incremental: bool,
    pub(crate) modified_times: bool,
    /// Modification times exist but cannot be parsed.
    pub(crate) unread_times: bool,
    pub(crate) concurrency: ConcurrencyControl,
    /// Text is trimmed.
    pub(crate) trims: bool,
    /// Datetimes are stored in this precision.
    pub(crate) precision: Option<Precision>,
    /// Pages list the last item first.
    pub(crate) backwards: bool,
    /// Each page repeats the last item of the previous one, like offset paging when an item is inserted.
    pub(crate) overlaps: bool,
    /// Ids ignore case.
    pub(crate) ignores_case: bool,
    /// A field that cannot be written.
    pub(crate) computed: Option<&'static str>,
    pub(crate) removals: &'static [Removal],
    pub(crate) marker_visible_after: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Manners {
            create_idempotency: CreateIdempotency::Native,
            key_field: None,
            page_size: 2,
            write_batch: 2,
            prefers_large_batches: false,
            snapshot: true,
            tombstones: false,
            incremental: false,
            modified_times: true,
            unread_times: false,
            concurrency: ConcurrencyControl::Fields,
            trims: false,
            precision: None,
            backwards: false,
            overlaps: false,
            ignores_case: false,
            computed: None,
            removals: &[Removal::Delete],
            marker_visible_after: Duration::ZERO,
        }
    }
}

/// The fault of one write call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No fault: the next fault in the queue applies to the next call.
    None,
    /// The call fails and nothing was written.
    Before,
    /// Everything was written, and the reply was lost.
    After,
}

/// What a place shows of an item that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// By id only: the listing is behind, or cut short.
    ById,
    /// Not at all: hidden from the account.
    Hidden,
    /// Outside what the place lists.
    Outside,
}

/// Decides which writes are refused, one by one.
type Refusal = Box<dyn Fn(&WriteOp) -> bool + Send + Sync>;
/// An edit by another person just before a write.
type Meddling = Box<dyn FnOnce(&Place) + Send>;

/// A platform in memory.
pub(crate) struct Place {
    name: &'static str,
    capabilities: Capabilities,
    manners: Manners,
    clock: Arc<TestClock>,
    rows: Mutex<Rows>,
    refusal: Mutex<Option<Refusal>>,
    meddling: Mutex<Option<Meddling>>,
}

#[derive(Default)]
struct Rows {
    items: BTreeMap<String, Row>,
    next: u64,
    changes: u64,
    faults: VecDeque<Fault>,
    incomplete: bool,
    /// Deleted items, with the change counter of the deletion.
    deleted: BTreeMap<String, u64>,
    /// What the place shows of its items.
    shown: BTreeMap<String, Shown>,
    /// The next reads by id fail for these items alone.
    poisoned: BTreeSet<String>,
    calls: u64,
    write_calls: u64,
    written: Vec<WriteOp>,
}

#[derive(Clone)]
struct Row {
    fields: Fields,
    marker: Option<String>,
    modified: Instant,
    /// The place's change counter when this row last changed; cursors are made of it.
    changed: u64,
}

impl Place {
    pub(crate) fn new(name: &'static str, manners: Manners, clock: Arc<TestClock>) -> Place {
        let capabilities = Capabilities {
            platform: name,
            key_field: manners.key_field.clone(),
            snapshot: manners.snapshot,
            incremental: manners.incremental,
            modified_times: manners.modified_times,
            page_size: manners.page_size,
            write_batch: manners.write_batch,
            prefers_large_batches: manners.prefers_large_batches,
            create_idempotency: manners.create_idempotency,
            marker_visible_after: manners.marker_visible_after,
            concurrency: manners.concurrency,
            removals: manners.removals,
            remote: false,
        };
        let (rows, refusal, meddling) = Default::default();
        Place { name, capabilities, manners, clock, rows, refusal, meddling }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }

    // Edits by people.

    /// Adds an item; returns its id.
    pub(crate) fn add(&self, fields: Fields) -> String {
        let id = self.new_id(&fields, None);
        self.put(&id, fields, None);
        id
    }

    /// Changes a field.
    pub(crate) fn edit(&self, id: &str, field: &str, value: impl Into<serde_json::Value>) {
        let mut fields = self.get(id).unwrap_or_else(|| panic!("{}: no item {id}", self.name));
        let value = Value::from_json(&value.into());
        if fields.get(field) != Some(&value) {
            fields.insert(field.to_owned(), value);
            self.put(id, fields, None);
        }
    }

    /// Deletes an item.
    pub(crate) fn remove(&self, id: &str) {
        let mut rows = self.rows();
        rows.changes += 1;
        let changed = rows.changes;
        if rows.items.remove(id).is_some() {
            rows.deleted.insert(id.to_owned(), changed);
        }
    }

    /// Restores an item, or creates one with this id.
    pub(crate) fn restore(&self, id: &str, fields: Fields) {
        self.put(id, fields, None);
    }

    pub(crate) fn get(&self, id: &str) -> Option<Fields> {
        self.rows().items.get(id).map(|row| row.fields.clone())
    }

    /// One field of an item as JSON; null if it is missing.
    pub(crate) fn value(&self, id: &str, field: &str) -> serde_json::Value {
        self.get(id).and_then(|fields| fields.get(field).map(Value::to_json)).unwrap_or_default()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.rows().items.keys().cloned().collect()
    }

    /// All items.
    pub(crate) fn all(&self) -> Vec<(String, Fields)> {
        self.rows().items.iter().map(|(id, row)| (id.clone(), row.fields.clone())).collect()
    }

    /// The id of the only item.
    pub(crate) fn only(&self) -> String {
        let ids = self.ids();
        assert_eq!(ids.len(), 1, "{}: {ids:?}", self.name);
        ids.into_iter().next().unwrap()
    }

    // Faults.

    pub(crate) fn refuse(&self, refusal: impl Fn(&WriteOp) -> bool + Send + Sync + 'static) {
        *self.refusal.lock().unwrap() = Some(Box::new(refusal));
    }

    pub(crate) fn refuse_nothing(&self) {
        *self.refusal.lock().unwrap() = None;
    }

    /// Runs this edit just before the next write.
    pub(crate) fn meddle(&self, meddling: impl FnOnce(&Place) + Send + 'static) {
        *self.meddling.lock().unwrap() = Some(Box::new(meddling));
    }

    /// Runs the pending edit now, if no write has run it.
    pub(crate) fn meddle_now(&self) {
        let meddling = self.meddling.lock().unwrap().take();
        if let Some(meddling) = meddling {
            meddling(self);
        }
    }

    /// The faults of the next write calls.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.rows().faults = faults.into_iter().collect();
    }

    /// Shows an item otherwise; `None` shows it as usual.
    pub(crate) fn show(&self, id: &str, shown: Option<Shown>) {
        let mut rows = self.rows();
        match shown {
            Some(shown) => rows.shown.insert(id.to_owned(), shown),
            None => rows.shown.remove(id),
        };
    }

    /// Reads by id fail for these items alone.
    pub(crate) fn poison(&self, ids: impl IntoIterator<Item = String>) {
        self.rows().poisoned = ids.into_iter().collect();
    }

    /// Listings are incomplete.
    pub(crate) fn incomplete(&self, incomplete: bool) {
        self.rows().incomplete = incomplete;
    }

    // Records of the engine's calls.

    pub(crate) fn write_calls(&self) -> u64 {
        self.rows().write_calls
    }

    pub(crate) fn calls(&self) -> u64 {
        self.rows().calls
    }

    /// Every write that had an effect, in order.
    pub(crate) fn written(&self) -> Vec<WriteOp> {
        self.rows().written.clone()
    }

    fn new_id(&self, fields: &Fields, marker: Option<&Marker>) -> String {
        if let Some(id) = marker.and_then(|marker| marker.id.clone()) {
            return id;
        }
        if let Some(value) = self.manners.key_field.as_ref().and_then(|key| fields.get(key)) {
            return match value {
                Value::Text(text) => text.clone(),
                other => other.to_json().to_string(),
            };
        }
        match marker {
            Some(marker) if self.manners.create_idempotency == CreateIdempotency::Native => {
                marker.text.clone()
            }
            _ => {
                let mut rows = self.rows();
                rows.next += 1;
                format!("{}{:03}", self.name, rows.next)
            }
        }
    }

    fn put(&self, id: &str, mut fields: Fields, marker: Option<String>) {
        for value in fields.values_mut() {
            *value = self.normal(value);
        }
        if let Some(key) = &self.manners.key_field {
            fields.insert(key.clone(), Value::text(id));
        }
        let modified = Instant::new(self.clock.now(), Precision::Second);
        let mut rows = self.rows();
        rows.changes += 1;
        let changed = rows.changes;
        let marker = marker.or_else(|| rows.items.get(id).and_then(|row| row.marker.clone()));
        rows.deleted.remove(id);
        rows.items.insert(id.to_owned(), Row { fields, marker, modified, changed });
    }

    /// A value as this place stores it.
    pub(crate) fn normal(&self, value: &Value) -> Value {
        match (value, self.manners.precision) {
            (Value::Text(text), _) if self.manners.trims => Value::text(text.trim()),
            (Value::DateTime(instant), Some(precision)) => {
                Value::DateTime(Instant::new(instant.at, precision))
            }
            (value, _) => value.clone(),
        }
    }

    fn item(&self, id: &str, row: &Row) -> Item {
        let mut item = Item::new(id, row.fields.clone());
        let unread = self.manners.unread_times;
        item.modified = (self.manners.modified_times && !unread).then_some(row.modified);
        item.unread = unread.then(|| "the column \"at\" holds \"5:11 PM\"".to_owned());
        item
    }

    fn find(&self, id: &str) -> Option<Item> {
        self.rows().items.get(id).map(|row| self.item(id, row))
    }

    fn look(&self, id: &str) -> Result<Found, ConnectorError> {
        let (shown, poisoned) = {
            let rows = self.rows();
            (rows.shown.get(id).copied(), rows.poisoned.contains(id))
        };
        if poisoned {
            return Err(ConnectorError::transient(format!("{}: {id} always answers 500", self.name)));
        }
        Ok(match (shown, self.find(id)) {
            (Some(Shown::Outside), _) => Found::OutOfScope,
            (Some(Shown::Hidden), _) => Found::NotVisible,
            (_, Some(item)) => Found::Item(item),
            (_, None) if self.manners.snapshot || self.manners.tombstones => Found::Gone,
            (_, None) => Found::NotVisible,
        })
    }

    fn find_marked(&self, marker: &Marker) -> Option<Item> {
        if self.manners.create_idempotency == CreateIdempotency::None {
            return None;
        }
        let rows = self.rows();
        let ours = |(_, row): &(&String, &Row)| row.marker.as_deref() == Some(&marker.text);
        rows.items.iter().find(ours).map(|(id, row)| self.item(id, row))
    }

    fn write_one(&self, write: &Write) -> Result<Item, ConnectorError> {
        let refused = self.refusal.lock().unwrap().as_ref().is_some_and(|refuse| refuse(&write.op));
        if refused {
            return Err(ConnectorError::permanent(format!("{} will not have it", self.name)));
        }
        match &write.op {
            WriteOp::Create { marker, fields } => self.create(marker, fields, write),
            WriteOp::Update { id, fields } => {
                let mut now = self.unchanged(id, write)?.ok_or_else(|| {
                    ConnectorError::new(syncline_engine::ports::ErrorKind::NotFound, format!("no item {id}"))
                })?;
                now.extend(fields.clone());
                self.put(id, now, None);
                self.note(write);
                Ok(self.find(id).unwrap())
            }
            WriteOp::Delete { id } => {
                let Some(before) = self.unchanged(id, write)? else { return Ok(gone(id)) };
                self.remove(id);
                self.note(write);
                let mut item = Item::new(id, before);
                item.deleted = true;
                Ok(item)
            }
        }
    }

    fn create(&self, marker: &Marker, fields: &Fields, write: &Write) -> Result<Item, ConnectorError> {
        if let Some(item) = self.find_marked(marker) {
            return Ok(item);
        }
        let id = self.new_id(fields, Some(marker));
        if self.find(&id).is_some() {
            return Err(ConnectorError::conflict(format!("{id} is taken")));
        }
        let mut fields = fields.clone();
        if let Some(computed) = self.manners.computed {
            fields.insert(computed.to_owned(), Value::Int(7));
        }
        self.put(&id, fields, Some(marker.text.clone()));
        self.note(write);
        Ok(self.find(&id).unwrap())
    }

    /// The fields of an item, if it still is as the write expects it.
    fn unchanged(&self, id: &str, write: &Write) -> Result<Option<Fields>, ConnectorError> {
        let Some(now) = self.get(id) else { return Ok(None) };
        if self.manners.concurrency == ConcurrencyControl::Fields
            && !changed_since_read(&write.expected, &now).is_empty()
        {
            return Err(ConnectorError::conflict(format!("{id} was changed meanwhile")));
        }
        Ok(Some(now))
    }

    fn note(&self, write: &Write) {
        self.rows().written.push(write.op.clone());
    }
}

fn gone(id: &str) -> Item {
    let mut item = Item::new(id, Fields::new());
    item.deleted = true;
    item
}

#[async_trait]
impl Connector for Place {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self) -> Result<Vec<FieldInfo>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn list(&self, mode: ReadMode, _: &Call<'_>) -> Result<Box<dyn Listing>, ConnectorError> {
        let rows = self.rows();
        let since = match &mode {
            ReadMode::Full => 0,
            ReadMode::Since(cursor) => cursor.as_u64().unwrap(),
        };
        let mut items: Vec<Item> = rows
            .items
            .iter()
            .filter(|(id, row)| row.changed > since && !rows.shown.contains_key(*id))
            .map(|(id, row)| self.item(id, row))
            .collect();
        if self.manners.tombstones {
            let deleted = rows.deleted.iter().filter(|(_, changed)| **changed > since);
            items.extend(deleted.map(|(id, _)| gone(id)));
        }
        if self.manners.backwards {
            items.reverse();
        }
        let mut pages: VecDeque<Vec<Item>> =
            items.chunks(self.manners.page_size).map(<[Item]>::to_vec).collect();
        if self.manners.overlaps {
            let lasts: Vec<Item> = pages.iter().filter_map(|page| page.last().cloned()).collect();
            pages.extend(lasts.into_iter().map(|item| vec![item]));
        }
        let end = ListingEnd {
            complete: mode == ReadMode::Full && !rows.incomplete,
            cursor: self.manners.incremental.then(|| rows.changes.into()),
        };
        Ok(Box::new(Pages { pages, end }))
    }

    async fn fetch(&self, ids: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        assert!(ids.len() <= self.manners.page_size, "{}: a fetch of {} items", self.name, ids.len());
        call.meter.count();
        self.rows().calls += 1;
        ids.iter().map(|id| (id.clone(), self.look(id))).collect()
    }

    async fn probe(&self, markers: &[Marker], call: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        call.meter.count();
        self.rows().calls += 1;
        let certain = self.manners.create_idempotency != CreateIdempotency::None;
        let probed = |marker: &Marker| match self.find_marked(marker) {
            Some(item) => Probed::Found(item),
            None if certain => Probed::Absent,
            None => Probed::CannotTell,
        };
        Ok(markers.iter().map(probed).collect())
    }

    fn canonical_id(&self, id: &str) -> String {
        if self.manners.ignores_case { id.to_lowercase() } else { id.to_owned() }
    }

    fn accepts(&self, field: &str, _: &Value) -> Result<(), String> {
        let computed = self.manners.computed == Some(field);
        if computed { Err(format!("{} computes {field}", self.name)) } else { Ok(()) }
    }

    async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        assert!(writes.len() <= self.manners.write_batch, "{}: a batch of {}", self.name, writes.len());
        self.meddle_now();
        call.meter.count();
        let fault = {
            let mut rows = self.rows();
            rows.calls += 1;
            rows.write_calls += 1;
            rows.faults.pop_front().unwrap_or(Fault::None)
        };
        let all = |outcome: &dyn Fn(ConnectorError) -> Written, error: ConnectorError| {
            writes.iter().map(|_| outcome(error.clone().about(ErrorScope::Endpoint))).collect()
        };
        if let Err(stopped) = call.leave.check() {
            return all(&Written::NotSent, stopped.into());
        }
        if fault == Fault::Before {
            let error = ConnectorError::transient(format!("{} did not answer", self.name));
            return all(&Written::NotSent, error);
        }
        let results = writes.iter().map(|write| self.write_one(write).into()).collect();
        if fault == Fault::After {
            return all(&Written::Unknown, ConnectorError::transient(format!("{} was cut off", self.name)));
        }
        results
    }
}

struct Pages {
    pages: VecDeque<Vec<Item>>,
    end: ListingEnd,
}

#[async_trait]
impl Listing for Pages {
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        let page = self.pages.pop_front();
        if page.is_some() {
            call.meter.count();
        }
        Ok(page)
    }

    fn end(&self) -> ListingEnd {
        self.end.clone()
    }
}
