//! A platform in memory, with the behaviours of real ones.

mod calls;
mod faults;
mod parts;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::{DateTime, TimeDelta, Utc};
use syncline_engine::{
    Item, Value,
    capability::{Capabilities, ConcurrencyControl, CreateIdempotency, Removal},
    ports::{
        Call, Clock, ConnectorError, Done, ErrorKind, Found, Marker, Write, WriteOp, Written,
        changed_since_read,
    },
    spec::Category,
    value::{Fields, Instant, Precision},
};

use super::{Fault, Manners, Shown, TestClock};

/// Decides which writes are refused, one by one.
type Refusal = Box<dyn Fn(&WriteOp) -> bool + Send + Sync>;
/// An edit by another person just before a write.
type Meddling = Box<dyn FnOnce(&FakePlace) + Send>;

/// A platform in memory.
pub(crate) struct FakePlace {
    name: &'static str,
    capabilities: Capabilities,
    manners: Manners,
    clock: Arc<TestClock>,
    rows: Mutex<Rows>,
    refusal: Mutex<Option<Refusal>>,
    meddling: Mutex<Option<Meddling>>,
    meddling_at_intent: Mutex<Option<Meddling>>,
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
    /// Fields that people edited and that no reading has shown since.
    unseen: BTreeSet<(String, String)>,
    /// Fields that a sync was the last to change.
    ours: BTreeSet<(String, String)>,
    /// Edits that a write has overwritten, and told of.
    overwritten: Vec<Overwritten>,
    /// Items that syncs deleted, as they were.
    removed: Vec<Fields>,
    /// Writes over such a field.
    blind: Vec<String>,
    /// Listings meet no limit any more.
    unlimited: bool,
    /// The present ids of items that got another one.
    moved: BTreeMap<String, String>,
    /// Who reads it; none if the credentials are dead.
    reader: Option<Option<&'static str>>,
    /// What listings show of items until they catch up.
    stale: BTreeMap<String, Row>,
    /// The statuses that this place has beside those of its platform.
    statuses: Vec<(String, Category)>,
    /// The next reads by id fail for these items alone.
    poisoned: BTreeSet<String>,
    calls: u64,
    write_calls: u64,
    written: Vec<WriteOp>,
    answered_with_hidden: usize,
    /// When slow writes were sent.
    sent: Vec<DateTime<Utc>>,
}

/// An edit that a write has overwritten.
#[derive(Debug, Clone)]
pub(crate) struct Overwritten {
    pub(crate) field: String,
    pub(crate) edit: Value,
    pub(crate) sent: Value,
}

#[derive(Clone)]
struct Row {
    fields: Fields,
    marker: Option<String>,
    modified: Instant,
    /// The place's change counter when this row last changed; cursors are made of it.
    changed: u64,
}

impl FakePlace {
    pub(crate) fn new(name: &'static str, manners: Manners, clock: Arc<TestClock>) -> FakePlace {
        let capabilities = Capabilities {
            platform: name,
            key_field: manners.key_field.clone(),
            snapshot: manners.snapshot,
            incremental: manners.incremental,
            list_page: manners.page_size,
            fetch_batch: manners.page_size,
            create_batch: manners.write_batch,
            update_batch: manners.write_batch,
            find_batch: manners.finds,
            prefers_large_batches: manners.prefers_large_batches,
            create_idempotency: manners.create_idempotency,
            request_timeout: manners.request_timeout,
            marker_visible_after: manners.marker_visible_after,
            concurrency: manners.concurrency,
            stepwise: manners.stepwise,
            history: manners.history,
            removals: manners.removals,
            ids_change: manners.ids_change,
            remote: manners.remote,
        };
        let (rows, refusal, meddling, meddling_at_intent) = Default::default();
        FakePlace { name, capabilities, manners, clock, rows, refusal, meddling, meddling_at_intent }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }

    /// Leaves another field out of every write from now on.
    pub(crate) fn leave_out(&mut self, field: Option<&'static str>) {
        self.manners.leaves_out = field;
    }

    /// Listings show an item as it is now, whatever becomes of it, until they catch up.
    pub(crate) fn lag(&self, id: &str) {
        let mut rows = self.rows();
        let row = rows.items[id].clone();
        rows.stale.insert(id.to_owned(), row);
    }

    pub(crate) fn catch_up(&self) {
        self.rows().stale.clear();
    }

    /// Gives the place statuses of its own.
    pub(crate) fn set_statuses(&self, own: &[(&str, Category)]) {
        self.rows().statuses = own.iter().map(|(name, category)| ((*name).to_owned(), *category)).collect();
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
            let before = fields.insert(field.to_owned(), value.clone()).unwrap_or(Value::Null);
            self.put(id, fields, None);
            self.rows().ours.remove(&(id.to_owned(), field.to_owned()));
            // Empty text in place of nothing is no edit that anybody would miss.
            if !before.same(&value) {
                self.rows().unseen.insert((id.to_owned(), field.to_owned()));
            }
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

    /// Writes that overwrote an edit which no reading had shown.
    pub(crate) fn blind_writes(&self) -> Vec<String> {
        self.rows().blind.clone()
    }

    /// Items that syncs deleted, as they were.
    pub(crate) fn removed(&self) -> Vec<Fields> {
        self.rows().removed.clone()
    }

    /// Lets listings come to their end.
    pub(crate) fn lift_limits(&self) {
        self.rows().unlimited = true;
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

    /// When slow writes were sent.
    pub(crate) fn sent(&self) -> Vec<DateTime<Utc>> {
        self.rows().sent.clone()
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
            (Value::List(values), _) if self.manners.shouts => {
                let mut values: Vec<Value> =
                    values.iter().map(|value| Value::text(value.name().to_uppercase())).collect();
                values.dedup();
                Value::List(values)
            }
            (value, _) => value.clone(),
        }
    }

    /// Records that readings have shown the present state of these items.
    fn show_items<'a>(rows: &mut Rows, ids: impl Iterator<Item = &'a str>) {
        for id in ids {
            rows.unseen.retain(|(unseen, _)| unseen != id);
        }
    }

    fn item(&self, id: &str, row: &Row) -> Item {
        let mut item = Item::new(id, row.fields.clone());
        item.url = row.fields.get("url").map(Value::name);
        let unread = self.manners.unread_times;
        item.modified = (self.manners.modified_times && !unread).then_some(row.modified);
        item.unread = unread.then(|| "the column \"at\" holds \"5:11 PM\"".to_owned());
        item
    }

    fn find(&self, id: &str) -> Option<Item> {
        self.rows().items.get(id).map(|row| self.item(id, row))
    }

    /// What the platform tells of one write.
    fn answer(&self, write: &Write) -> Written {
        let mut write = write.clone();
        let mut left_out = Vec::new();
        if let (WriteOp::Create { fields, .. } | WriteOp::Update { fields, .. }, Some(field)) =
            (&mut write.op, self.manners.leaves_out)
            && fields.remove(field).is_some()
        {
            let until = self.clock.now() + TimeDelta::minutes(1);
            let error = match field {
                _ if self.manners.is_limited => {
                    ConnectorError::new(ErrorKind::RateLimited { until }, "the limit is used up")
                }
                "state" => {
                    ConnectorError::new(ErrorKind::NoTransition, format!("{} has no transition", self.name))
                }
                _ => ConnectorError::permanent(format!("{} is too long", self.name)),
            };
            left_out.push((field.to_owned(), error));
        }
        let overwritten = self.about_to_overwrite(&write);
        let is_silent = self.manners.silent && !matches!(write.op, WriteOp::Create { .. });
        match self.write_one(&write) {
            Ok(item) => {
                self.note_overwritten(&write, &overwritten);
                Written::Done(Done {
                    item: (!is_silent).then_some(item),
                    left_out,
                    overwritten,
                    ..Done::default()
                })
            }
            Err(error) => Written::Refused(error),
        }
    }

    fn write_slowly(&self, writes: &[Write], call: &Call<'_>, seconds: u32) -> Vec<Written> {
        let mut results = Vec::new();
        for write in writes {
            results.push(match call.leave.check() {
                Ok(()) => {
                    self.rows().sent.push(self.clock.now());
                    self.write_one(write).into()
                }
                Err(stopped) => Written::NotSent(stopped.into()),
            });
            self.clock.advance(TimeDelta::seconds(seconds.into()));
        }
        results
    }

    fn look(&self, id: &str) -> Result<Found, ConnectorError> {
        let (shown, poisoned, moved, dead) = {
            let rows = self.rows();
            let moved = std::iter::successors(rows.moved.get(id), |now| rows.moved.get(*now)).last();
            let moved = moved.cloned();
            // An item that has another id is shown as that one is.
            let id = moved.as_deref().unwrap_or(id);
            (rows.shown.get(id).copied(), rows.poisoned.contains(id), moved, rows.reader == Some(None))
        };
        if dead {
            return Ok(Found::NotVisible);
        }
        let is_shown = matches!(shown, None | Some(Shown::ById));
        if let Some((now, item)) =
            moved.filter(|_| is_shown).and_then(|now| Some((now.clone(), self.find(&now)?)))
        {
            return Ok(Found::Moved { id: now, item });
        }
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
                let mut rows = self.rows();
                for field in fields.keys() {
                    if rows.unseen.remove(&(id.clone(), field.clone())) && !self.manners.history {
                        rows.blind.push(format!("{} {id} {field}", self.name));
                    }
                }
                drop(rows);
                now.extend(fields.clone());
                self.put(id, now, None);
                self.note(write);
                Ok(self.find(id).unwrap())
            }
            WriteOp::Remove { id, how: Removal::Close | Removal::Archive } => {
                let Some(mut now) = self.unchanged(id, write)? else { return Ok(gone(id)) };
                now.insert("notes".to_owned(), Value::Text("closed".to_owned()));
                self.put(id, now, None);
                self.note(write);
                Ok(self.find(id).unwrap())
            }
            WriteOp::Remove { id, how: Removal::Delete } => {
                let Some(before) = self.unchanged(id, write)? else { return Ok(gone(id)) };
                self.remove(id);
                self.rows().removed.push(before.clone());
                self.note(write);
                let mut item = Item::new(id, before);
                item.deleted = true;
                Ok(item)
            }
        }
    }

    fn create(&self, marker: &Marker, fields: &Fields, write: &Write) -> Result<Item, ConnectorError> {
        if let Some(item) = self.find_marked(marker) {
            let mut rows = self.rows();
            if rows.shown.get(&item.id) == Some(&Shown::Hidden) {
                rows.answered_with_hidden += 1;
            }
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
