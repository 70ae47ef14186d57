//! Mistakes about what a place said.

use async_trait::async_trait;
use syncline_engine::{
    Item, Value,
    capability::{Capabilities, ConcurrencyControl},
    ports::{
        Call, Candidates, ConnectorError, ErrorKind, FieldInfo, Found, Listing, ListingEnd, Marker, MatchKey,
        Place, Position, Probed, ReadMode, Write, WriteOp, Written,
    },
    spec::Category,
    value::Fields,
};

use super::Seeded;
use crate::support::FakePlace;

pub(crate) struct FaultyPlace<'a> {
    inner: &'a FakePlace,
    capabilities: Capabilities,
    seeded: Option<Seeded>,
}

impl<'a> FaultyPlace<'a> {
    pub(crate) fn new(inner: &'a FakePlace, seeded: Option<Seeded>) -> FaultyPlace<'a> {
        let mut capabilities = inner.capabilities().clone();
        if seeded == Some(Seeded::SkipsTheLastReading) {
            capabilities.concurrency = ConcurrencyControl::Fields;
        }
        FaultyPlace { inner, capabilities, seeded }
    }

    fn is(&self, seeded: Seeded) -> bool {
        self.seeded == Some(seeded)
    }
}

#[async_trait]
impl Place for FaultyPlace<'_> {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self, call: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError> {
        self.inner.fields(call).await
    }

    async fn reader(&self, call: &Call<'_>) -> Result<Option<String>, ConnectorError> {
        if self.is(Seeded::TrustsAnyReader) { Ok(None) } else { self.inner.reader(call).await }
    }

    async fn statuses(
        &self,
        field: &str,
        call: &Call<'_>,
    ) -> Result<Vec<(String, Category)>, ConnectorError> {
        self.inner.statuses(field, call).await
    }

    async fn list(
        &self,
        mode: ReadMode,
        from: Option<Position>,
        call: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError> {
        let inner = self.inner.list(mode, from, call).await?;
        Ok(Box::new(FaultyListing { inner, seeded: self.seeded }))
    }

    async fn fetch(&self, ids: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        let mut answers = self.inner.fetch(ids, call).await;
        for (_, answer) in &mut answers {
            match answer {
                Ok(found @ Found::NotVisible) if self.is(Seeded::NotVisibleIsGone) => *found = Found::Gone,
                Ok(found @ Found::OutOfScope) if self.is(Seeded::OutOfScopeIsGone) => *found = Found::Gone,
                _ => {}
            }
        }
        answers
    }

    async fn find(&self, keys: &[MatchKey], call: &Call<'_>) -> Result<Vec<Candidates>, ConnectorError> {
        self.inner.find(keys, call).await
    }

    async fn probe(&self, markers: &[Marker], call: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        self.inner.probe(markers, call).await
    }

    async fn wrote(&self, id: &str, field: &str, call: &Call<'_>) -> Result<bool, ConnectorError> {
        Ok(!self.is(Seeded::HalfwayIsAnEdit) && self.inner.wrote(id, field, call).await?)
    }

    fn canonical_id(&self, id: &str) -> String {
        self.inner.canonical_id(id)
    }

    fn accepts(&self, field: &str, value: &Value) -> Result<(), String> {
        self.inner.accepts(field, value)
    }

    async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        let mut writes = writes.to_vec();
        for write in &mut writes {
            if self.is(Seeded::ForgetsWhatItExpects) {
                write.expected = Fields::new();
            }
            if let (WriteOp::Create { marker, .. }, true) =
                (&mut write.op, self.is(Seeded::MarksCreatesAtRandom))
            {
                marker.text = format!("sl-{}", self.inner.calls());
            }
        }
        let mut outcomes = self.inner.write(&writes, call).await;
        for (write, outcome) in writes.iter().zip(&mut outcomes) {
            if let Written::Done(done) = outcome {
                if self.is(Seeded::HalfwayIsAnEdit) {
                    done.halfway = Fields::new();
                }
                if self.is(Seeded::ForgetsLostUpdates) {
                    done.overwritten = Fields::new();
                }
                if self.is(Seeded::LeftOutIsRefused) {
                    done.left_out.iter_mut().for_each(|(_, error)| error.kind = ErrorKind::Permanent);
                }
            }
            let is_taken_for_written = match outcome {
                Written::Unknown(error) if self.is(Seeded::UnknownIsNotWritten) => {
                    *outcome = Written::Refused(ConnectorError::transient(error.message.clone()));
                    false
                }
                Written::NotSent(_) => self.is(Seeded::NotSentIsWritten),
                Written::Refused(_) => self.is(Seeded::RefusedIsWritten),
                Written::Unknown(_) | Written::Done(_) => false,
            };
            if is_taken_for_written {
                *outcome = as_sent(write);
            }
        }
        outcomes
    }
}

fn as_sent(write: &Write) -> Written {
    Written::item(match &write.op {
        WriteOp::Create { marker, fields } => Item::new(&marker.text, fields.clone()),
        WriteOp::Update { id, fields } => Item::new(id, fields.clone()),
        WriteOp::Remove { id, .. } => Item { deleted: true, ..Item::new(id, Fields::new()) },
    })
}

struct FaultyListing {
    inner: Box<dyn Listing>,
    seeded: Option<Seeded>,
}

#[async_trait]
impl Listing for FaultyListing {
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        match self.inner.next_page(call).await {
            Err(error)
                if matches!(error.kind, ErrorKind::RateLimited { .. })
                    && self.seeded == Some(Seeded::LimitIsTheEnd) =>
            {
                Ok(None)
            }
            page => page,
        }
    }

    fn position(&self) -> Option<Position> {
        self.inner.position()
    }

    fn end(&self) -> ListingEnd {
        let mut end = self.inner.end();
        end.complete |= self.seeded == Some(Seeded::ChangesAreEverything);
        end
    }
}
