//! Places that get something wrong, to show that the laws see it. Nothing here is compiled into the product.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use syncline_engine::{
    Item, Side, Value,
    capability::Capabilities,
    ports::{
        Connector, ConnectorError, FieldInfo, Listing, ListingEnd, Marker, ReadMode, Write, WriteContext,
        WriteOp, WriteResult,
    },
    side::Pair as Both,
};

use crate::{harm, laws::Law, place::Place};

/// A fault of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    AddsALineWhenRead,
    QuotesWhenRead,
    ReadsAnotherText,
    QuotesAnotherRow,
    WritesAnotherField,
    WritesOldValue,
    TrimsText,
    RoundsNumbers,
    DropsTheTime,
    WritesWhatItRefuses,
    GivesNoReason,
    WritesNothing,
    CopiesNewRows,
    LosesMarkers,
    CopiesUpdatedRows,
    EndsAtTheBrokenRow,
    MergesAtTheBrokenRow,
    HidesTheLine,
    OmitsNewRows,
    ReadsNothing,
    LeavesAQuoteOpen,
}

/// Each fault and the law that is to see it.
pub(crate) const FLAWS: [(Flaw, Law); 21] = [
    (Flaw::AddsALineWhenRead, Law::Idle),
    (Flaw::QuotesWhenRead, Law::Idle),
    (Flaw::ReadsAnotherText, Law::Idle),
    (Flaw::QuotesAnotherRow, Law::Edit),
    (Flaw::WritesAnotherField, Law::Edit),
    (Flaw::WritesOldValue, Law::Edit),
    (Flaw::TrimsText, Law::Crossing),
    (Flaw::RoundsNumbers, Law::Crossing),
    (Flaw::DropsTheTime, Law::Crossing),
    (Flaw::WritesWhatItRefuses, Law::Refused),
    (Flaw::GivesNoReason, Law::Refused),
    (Flaw::WritesNothing, Law::Refused),
    (Flaw::CopiesNewRows, Law::Once),
    (Flaw::LosesMarkers, Law::Once),
    (Flaw::CopiesUpdatedRows, Law::Once),
    (Flaw::EndsAtTheBrokenRow, Law::Malformed),
    (Flaw::MergesAtTheBrokenRow, Law::Malformed),
    (Flaw::HidesTheLine, Law::Malformed),
    (Flaw::OmitsNewRows, Law::Reads),
    (Flaw::ReadsNothing, Law::Reads),
    (Flaw::LeavesAQuoteOpen, Law::Reads),
];

/// What the places of a pair get wrong, over all its runs.
#[derive(Default)]
pub(crate) struct Fault {
    flaw: Option<Flaw>,
    /// The answer to the next creates is lost: no fault, but what every network does.
    lose_answer: AtomicBool,
    places: Option<Both<Place>>,
    runs: AtomicUsize,
    markers: AtomicUsize,
    created: Mutex<Vec<(Side, String)>>,
    listed: Mutex<Both<Vec<Item>>>,
}

impl Fault {
    pub(crate) fn of(flaw: Option<Flaw>, lose_answer: bool, places: &Both<Place>) -> Arc<Fault> {
        let lose_answer = AtomicBool::new(lose_answer || flaw == Some(Flaw::LosesMarkers));
        Arc::new(Fault { flaw, lose_answer, places: Some(places.clone()), ..Fault::default() })
    }

    /// A run begins.
    pub(crate) fn next_run(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }

    /// From here on every answer arrives.
    pub(crate) fn lose_nothing(&self) {
        self.lose_answer.store(false, Ordering::Relaxed);
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn is_later_run(&self) -> bool {
        self.runs.load(Ordering::Relaxed) > 1
    }

    fn place(&self, side: Side) -> Option<&Place> {
        self.places.as_ref().map(|places| places.get(side))
    }

    fn created(&self) -> std::sync::MutexGuard<'_, Vec<(Side, String)>> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place behind a fault.
pub(crate) struct Faulty {
    inner: Box<dyn Connector>,
    side: Side,
    fault: Arc<Fault>,
}

impl Faulty {
    pub(crate) fn new(inner: Box<dyn Connector>, side: Side, fault: &Arc<Fault>) -> Faulty {
        Faulty { inner, side, fault: Arc::clone(fault) }
    }

    fn is(&self, flaw: Flaw) -> bool {
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
                    let tag = place.and_then(|place| place.layout.name(crate::pair::Role::Tag));
                    fields.extend(tag.map(|tag| (tag.to_owned(), Value::text("changed"))));
                }
                if self.is(Flaw::WritesOldValue) {
                    fields.retain(|_, _| false);
                }
                fields.values_mut().for_each(|value| self.twist_value(value));
            }
            WriteOp::Delete { .. } => {}
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

    async fn after_write(&self, writes: &[Write], results: &mut [WriteResult], context: &WriteContext<'_>) {
        for (write, result) in writes.iter().zip(results.iter_mut()) {
            if let (WriteOp::Create { .. }, Ok(item)) = (&write.op, &result) {
                self.fault.created().push((self.side, item.id.clone()));
            }
            if self.is(Flaw::WritesWhatItRefuses) && result.is_ok() {
                let names = self.fault.place(self.side).map(|place| place.layout.columns[0].name.clone());
                *result = Err(ConnectorError::permanent(format!("the column {names:?} does not take this")));
            }
            if let (Err(error), true) = (result, self.is(Flaw::GivesNoReason)) {
                "refused".clone_into(&mut error.message);
            }
        }
        if self.is(Flaw::CopiesNewRows) {
            let copies: Vec<Write> = writes.iter().filter_map(|write| self.copy(write)).collect();
            let _ = self.inner.write(&copies, context).await;
        }
        if self.is(Flaw::CopiesUpdatedRows) {
            let ids: Vec<String> = writes.iter().filter_map(updated).collect();
            let items = self.inner.fetch(&ids).await.unwrap_or_default();
            let create = |item: Item| {
                let marker = Marker { text: format!("sl-{:026}", 0), id: Some(item.id) };
                Write {
                    op: WriteOp::Create { marker, fields: item.fields },
                    expected: [].into(),
                    version: None,
                }
            };
            let copies: Vec<Write> = items.into_iter().filter_map(|item| self.copy(&create(item))).collect();
            let _ = self.inner.write(&copies, context).await;
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
impl Connector for Faulty {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    async fn fields(&self) -> Result<Vec<FieldInfo>, ConnectorError> {
        self.inner.fields().await
    }

    async fn list(&self, mode: ReadMode) -> Result<Box<dyn Listing>, ConnectorError> {
        if let Some(place) = self.fault.place(self.side).filter(|_| self.fault.is_later_run()) {
            if self.is(Flaw::AddsALineWhenRead) {
                harm::add_line(place);
            }
            if self.is(Flaw::QuotesWhenRead) {
                harm::quote_another(place, &[]).await;
            }
        }
        let inner = self.inner.list(mode).await?;
        if self.fault.flaw.is_none() {
            return Ok(inner);
        }
        let (items, end) = self.whole(inner).await?;
        Ok(Box::new(Listed { pages: vec![self.spoil(items)], end }))
    }

    async fn fetch(&self, ids: &[String]) -> Result<Vec<Item>, ConnectorError> {
        Ok(self.spoil(self.inner.fetch(ids).await?))
    }

    async fn probe(&self, markers: &[Marker]) -> Result<Vec<Option<Item>>, ConnectorError> {
        match self.is(Flaw::LosesMarkers) {
            true => Ok(markers.iter().map(|_| None).collect()),
            false => self.inner.probe(markers).await,
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

    async fn write(
        &self,
        writes: &[Write],
        context: &WriteContext<'_>,
    ) -> Result<Vec<WriteResult>, ConnectorError> {
        if self.is(Flaw::WritesNothing) {
            let item = |write: &Write| match &write.op {
                WriteOp::Create { marker, fields } => {
                    Item::new(marker.id.clone().unwrap_or_else(|| marker.text.clone()), fields.clone())
                }
                WriteOp::Update { id, fields } => Item::new(id.clone(), fields.clone()),
                WriteOp::Delete { id } => Item { deleted: true, ..Item::new(id.clone(), [].into()) },
            };
            return Ok(writes.iter().map(item).map(Ok).collect());
        }
        let twisted: Vec<Write> = writes.iter().map(|write| self.twist(write)).collect();
        let mut results = self.inner.write(&twisted, context).await?;
        self.after_write(writes, &mut results, context).await;
        let creates = writes.iter().any(|write| matches!(write.op, WriteOp::Create { .. }));
        if creates && self.fault.lose_answer.swap(false, Ordering::Relaxed) {
            return Err(ConnectorError::transient("the answer was lost"));
        }
        Ok(results)
    }
}

fn updated(write: &Write) -> Option<String> {
    if let WriteOp::Update { id, .. } = &write.op { Some(id.clone()) } else { None }
}

/// A listing that was read to its end.
struct Listed {
    pages: Vec<Vec<Item>>,
    end: ListingEnd,
}

#[async_trait]
impl Listing for Listed {
    async fn next_page(&mut self) -> Result<Option<Vec<Item>>, ConnectorError> {
        Ok(self.pages.pop())
    }

    fn end(&self) -> ListingEnd {
        self.end.clone()
    }
}

impl Faulty {
    /// All items, and how the listing ended.
    async fn whole(&self, mut listing: Box<dyn Listing>) -> Result<(Vec<Item>, ListingEnd), ConnectorError> {
        let mut items = Vec::new();
        loop {
            match listing.next_page().await {
                Ok(Some(page)) => items.extend(page),
                Ok(None) => break,
                Err(error) => return self.at_the_broken_row(items, error),
            }
        }
        let mut listed = self.fault.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.get_mut(self.side).clone_from(&items);
        Ok((items, listing.end()))
    }

    fn at_the_broken_row(
        &self,
        items: Vec<Item>,
        error: ConnectorError,
    ) -> Result<(Vec<Item>, ListingEnd), ConnectorError> {
        let end = ListingEnd { complete: true, cursor: None, calls: 1 };
        if self.is(Flaw::EndsAtTheBrokenRow) {
            return Ok((items, end));
        }
        if self.is(Flaw::MergesAtTheBrokenRow) {
            let listed = self.fault.listed.lock().unwrap_or_else(PoisonError::into_inner);
            let mut items = listed.get(self.side).clone();
            if let Some(last) = items.pop()
                && let Some(before) = items.last_mut()
            {
                for (name, value) in &last.fields {
                    if Some(name) != self.inner.capabilities().key_field.as_ref() {
                        before.fields.insert(name.clone(), value.clone());
                    }
                }
            }
            return Ok((items, end));
        }
        let message =
            if self.is(Flaw::HidesTheLine) { "the file is broken".to_owned() } else { error.message };
        Err(ConnectorError::new(error.kind, message))
    }
}
