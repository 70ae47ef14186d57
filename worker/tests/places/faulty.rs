//! A place behind a fault: it passes everything on, and gets one thing wrong.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use syncline_engine::{
    Item, Side, Value,
    capability::Capabilities,
    ports::{
        Call, ConnectorError, Done, ErrorScope, FieldInfo, Found, Listing, Marker, Place, Position, Probed,
        ReadMode, Write, WriteOp, Written,
    },
};

use crate::{
    faults::{Fault, Flaw},
    harm,
    listed::Listed,
    pair::Role,
};

/// A place behind a fault.
pub(crate) struct Faulty {
    pub(crate) inner: Box<dyn Place>,
    pub(crate) side: Side,
    pub(crate) fault: Arc<Fault>,
}

impl Faulty {
    pub(crate) fn new(inner: Box<dyn Place>, side: Side, fault: &Arc<Fault>) -> Faulty {
        Faulty { inner, side, fault: Arc::clone(fault) }
    }

    pub(crate) fn is(&self, flaw: Flaw) -> bool {
        self.fault.is(flaw)
    }

    /// Items as a faulty place hands them over.
    fn spoil(&self, mut items: Vec<Item>) -> Vec<Item> {
        let new = self.fault.created().clone();
        let is_new = |item: &Item| new.iter().any(|(side, id)| *side == self.side && *id == item.id);
        let key = self.inner.capabilities().key_field.clone();
        let plain = |(name, value): &(&String, &mut Value)| Some(*name) != key.as_ref() && !value.is_blank();
        if self.is(Flaw::OmitsNewRows) || self.is(Flaw::LosesMarkers) {
            items.retain(|item| !is_new(item));
        }
        if self.is(Flaw::ReadsNothing) {
            for item in items.iter_mut().filter(|item| is_new(item)) {
                item.fields.iter_mut().filter(plain).for_each(|(_, value)| *value = Value::Null);
            }
        }
        if self.is(Flaw::ReadsAnotherText) && self.fault.is_later_run() {
            for item in &mut items {
                for (_, value) in item.fields.iter_mut().filter(plain) {
                    if let Value::Text(text) = value {
                        text.push('~');
                    }
                }
            }
        }
        items
    }

    /// A write as a faulty place carries it out.
    fn twist(&self, write: &Write) -> Write {
        let mut write = write.clone();
        match &mut write.op {
            WriteOp::Create { marker, fields } => {
                if self.is(Flaw::LosesMarkers) {
                    let number = self.fault.markers.fetch_add(1, Ordering::Relaxed);
                    marker.text = format!("sl-lost{number:019}");
                }
                fields.values_mut().for_each(|value| self.twist_value(value));
            }
            WriteOp::Update { fields, .. } => {
                if self.is(Flaw::WritesAnotherField) {
                    let place = self.fault.place(self.side);
                    let tag = place.and_then(|place| place.layout.name(Role::Tag));
                    fields.extend(tag.map(|tag| (tag.to_owned(), Value::text("changed"))));
                }
                if self.is(Flaw::WritesOldValue) {
                    fields.retain(|_, _| false);
                }
                fields.values_mut().for_each(|value| self.twist_value(value));
            }
            WriteOp::Remove { .. } => {}
        }
        write
    }

    fn twist_value(&self, value: &mut Value) {
        match value {
            Value::Text(text) if self.is(Flaw::TrimsText) => *text = text.trim().to_owned(),
            Value::Float(_) | Value::Decimal(_) if self.is(Flaw::RoundsNumbers) => {
                let number = value.to_json().to_string().parse::<f64>().unwrap_or_default();
                *value = Value::float(number.round());
            }
            Value::DateTime(instant) if self.is(Flaw::DropsTheTime) => {
                *value = Value::Date(instant.at.date_naive());
            }
            _ => {}
        }
    }

    /// A second create of the same item, under an id of its own.
    fn copy(&self, write: &Write) -> Option<Write> {
        let WriteOp::Create { marker, fields } = &write.op else { return None };
        let key = self.inner.capabilities().key_field.clone()?;
        let mut fields = fields.clone();
        let mut other = Marker { text: format!("{}2", &marker.text[..marker.text.len() - 1]), id: None };
        if let Some(id) = &marker.id {
            // Another number, another text, and another UUID.
            let id = if id.len() == 36 { format!("{}{}", "ffff", &id[4..]) } else { format!("{id}77") };
            fields.insert(key, Value::text(&id));
            other.id = Some(id);
        }
        Some(Write { op: WriteOp::Create { marker: other, fields }, ..write.clone() })
    }

    async fn after_write(&self, writes: &[Write], results: &mut [Written], call: &Call<'_>) {
        for (write, result) in writes.iter().zip(results.iter_mut()) {
            if let (WriteOp::Create { .. }, Written::Done(Done { item: Some(item), .. })) =
                (&write.op, &*result)
            {
                self.fault.created().push((self.side, item.id.clone()));
            }
            if self.is(Flaw::WritesWhatItRefuses) && result.is_done() {
                let names = self.fault.place(self.side).map(|place| place.layout.columns[0].name.clone());
                let message = format!("the column {names:?} does not take this");
                *result = Written::Refused(ConnectorError::permanent(message));
            }
            if let (Written::Refused(error), true) = (result, self.is(Flaw::GivesNoReason)) {
                "refused".clone_into(&mut error.message);
            }
        }
        if self.is(Flaw::CopiesNewRows) {
            let copies: Vec<Write> = writes.iter().filter_map(|write| self.copy(write)).collect();
            let _ = self.inner.write(&copies, call).await;
        }
        if self.is(Flaw::CopiesUpdatedRows) {
            let ids: Vec<String> = writes.iter().filter_map(updated).collect();
            let items = self.inner.fetch(&ids, call).await;
            let items = items.into_iter().filter_map(|(_, found)| item_of(found));
            let create = |item: Item| {
                let marker = Marker { text: format!("sl-{:026}", 0), id: Some(item.id) };
                Write {
                    op: WriteOp::Create { marker, fields: item.fields },
                    expected: [].into(),
                    version: None,
                }
            };
            let copies: Vec<Write> = items.filter_map(|item| self.copy(&create(item))).collect();
            let _ = self.inner.write(&copies, call).await;
        }
        let Some(place) = self.fault.place(self.side) else { return };
        if self.is(Flaw::QuotesAnotherRow) && self.fault.is_later_run() {
            harm::quote_another(place, writes).await;
        }
        if self.is(Flaw::LeavesAQuoteOpen) {
            harm::open_quote(place);
        }
    }
}

#[async_trait]
impl Place for Faulty {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    async fn fields(&self, call: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError> {
        self.inner.fields(call).await
    }

    async fn list(
        &self,
        mode: ReadMode,
        from: Option<Position>,
        call: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError> {
        if let Some(place) = self.fault.place(self.side).filter(|_| self.fault.is_later_run()) {
            if self.is(Flaw::AddsALineWhenRead) {
                harm::add_line(place);
            }
            if self.is(Flaw::QuotesWhenRead) {
                harm::quote_another(place, &[]).await;
            }
        }
        let inner = self.inner.list(mode, from, call).await?;
        if self.fault.flaw.is_none() {
            return Ok(inner);
        }
        let (items, end) = self.whole(inner, call).await?;
        Ok(Box::new(Listed::new(self.spoil(items), end)))
    }

    async fn fetch(&self, ids: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        let spoil = |found| match found {
            Ok(Found::Item(item)) => Ok(self.spoil(vec![item]).pop().map_or(Found::Gone, Found::Item)),
            other => other,
        };
        self.inner.fetch(ids, call).await.into_iter().map(|(id, found)| (id, spoil(found))).collect()
    }

    async fn probe(&self, markers: &[Marker], call: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        match self.is(Flaw::LosesMarkers) {
            true => Ok(markers.iter().map(|_| Probed::Absent).collect()),
            false => self.inner.probe(markers, call).await,
        }
    }

    fn canonical_id(&self, id: &str) -> String {
        self.inner.canonical_id(id)
    }

    fn accepts(&self, field: &str, value: &Value) -> Result<(), String> {
        self.inner.accepts(field, value)
    }

    fn needs(&self, field: &str) -> bool {
        self.inner.needs(field)
    }

    async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        if self.is(Flaw::WritesNothing) {
            let item = |write: &Write| match &write.op {
                WriteOp::Create { marker, fields } => {
                    Item::new(marker.id.clone().unwrap_or_else(|| marker.text.clone()), fields.clone())
                }
                WriteOp::Update { id, fields } => Item::new(id.clone(), fields.clone()),
                WriteOp::Remove { id, .. } => Item { deleted: true, ..Item::new(id.clone(), [].into()) },
            };
            return writes.iter().map(item).map(Written::item).collect();
        }
        let twisted: Vec<Write> = writes.iter().map(|write| self.twist(write)).collect();
        let mut results = self.inner.write(&twisted, call).await;
        self.after_write(writes, &mut results, call).await;
        let creates = writes.iter().any(|write| matches!(write.op, WriteOp::Create { .. }));
        if creates && self.fault.lose_answer.swap(false, Ordering::Relaxed) {
            let lost = ConnectorError::transient("the answer was lost").about(ErrorScope::Endpoint);
            return writes.iter().map(|_| Written::Unknown(lost.clone())).collect();
        }
        results
    }
}

fn item_of(found: Result<Found, ConnectorError>) -> Option<Item> {
    if let Ok(Found::Item(item)) = found { Some(item) } else { None }
}

fn updated(write: &Write) -> Option<String> {
    if let WriteOp::Update { id, .. } = &write.op { Some(id.clone()) } else { None }
}
