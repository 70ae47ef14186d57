//! The calls that the engine makes to a place.

use std::collections::VecDeque;

use async_trait::async_trait;
use syncline_engine::{
    Item, Value,
    capability::{Capabilities, CreateIdempotency},
    ports::{
        Call, Candidates, ConnectorError, ErrorKind, ErrorScope, FieldInfo, Found, Listing, ListingEnd,
        Marker, MatchKey, Place, Position, Probed, ReadMode, Write, WriteOp, Written,
    },
};

use super::{FakePlace, Row, gone};
use crate::support::Fault;

#[async_trait]
impl Place for FakePlace {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self) -> Result<Vec<FieldInfo>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn list(
        &self,
        mode: ReadMode,
        from: Option<Position>,
        _: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError> {
        let rows = self.rows();
        let since = match &mode {
            ReadMode::Full | ReadMode::Ids => 0,
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
        if pages.is_empty() {
            pages.push_back(Vec::new());
        }
        if self.manners.overlaps {
            let lasts: Vec<Item> = pages.iter().filter_map(|page| page.last().cloned()).collect();
            pages.extend(lasts.into_iter().map(|item| vec![item]));
        }
        let first = from.map_or(0, |position| usize::try_from(position.as_u64().unwrap()).unwrap());
        let pages: VecDeque<Vec<Item>> = pages.into_iter().skip(first).collect();
        let limit = self.manners.pages_per_run;
        let end = ListingEnd {
            complete: mode == ReadMode::Full && !rows.incomplete,
            cursor: self.manners.incremental.then(|| rows.changes.into()),
        };
        Ok(Box::new(Pages { pages, end, next: first, limit, read: 0 }))
    }

    async fn fetch(&self, ids: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        assert!(ids.len() <= self.manners.page_size, "{}: a fetch of {} items", self.name, ids.len());
        let meddling = self.meddling_at_fetch.lock().unwrap().take();
        if let Some(meddling) = meddling {
            meddling(self);
        }
        call.meter.count();
        self.rows().calls += 1;
        ids.iter().map(|id| (id.clone(), self.look(id))).collect()
    }

    async fn find(&self, keys: &[MatchKey], call: &Call<'_>) -> Result<Vec<Candidates>, ConnectorError> {
        assert!(keys.len() <= self.manners.finds.unwrap(), "{}: a search for {} keys", self.name, keys.len());
        call.meter.count();
        self.rows().calls += 1;
        let rows = self.rows();
        let known = |row: &Row| row.changed + self.manners.search_lag <= rows.changes;
        let has = |row: &Row, key: &MatchKey| {
            key.fields.iter().all(|(name, value)| row.fields.get(name) == Some(value))
        };
        let candidates = |key: &MatchKey| Candidates {
            items: rows
                .items
                .iter()
                .filter(|(id, row)| {
                    known(row) && !rows.shown.contains_key(*id) && (self.manners.fuzzy || has(row, key))
                })
                .map(|(id, row)| self.item(id, row))
                .collect(),
            complete: !self.manners.search_is_cut,
        };
        Ok(keys.iter().map(candidates).collect())
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
        let creates = writes.iter().filter(|write| matches!(write.op, WriteOp::Create { .. })).count();
        let most = creates.max(writes.len() - creates);
        assert!(most <= self.manners.write_batch, "{}: a batch of {most}", self.name);
        self.meddle_now();
        for position in 0..writes.len() {
            (0..self.manners.calls_per_write).for_each(|_| call.for_write(position).count());
        }
        if self.manners.calls_per_write == 0 {
            call.count();
        }
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
        if let Fault::Slow(seconds) = fault {
            // As slow as the call before, until all are written.
            self.rows().faults.push_front(fault);
            return self.write_slowly(writes, call, seconds);
        }
        let mut results: Vec<Written> = writes.iter().map(|write| self.answer(write)).collect();
        if let Fault::AfterOne(position) = fault
            && let Some(result) = results.get_mut(position)
        {
            *result = Written::Unknown(ConnectorError::transient(format!("{} was cut off", self.name)));
        }
        if fault == Fault::After {
            return all(&Written::Unknown, ConnectorError::transient(format!("{} was cut off", self.name)));
        }
        results
    }
}

struct Pages {
    pages: VecDeque<Vec<Item>>,
    end: ListingEnd,
    /// The number of the next page.
    next: usize,
    limit: Option<usize>,
    read: usize,
}

#[async_trait]
impl Listing for Pages {
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        if self.limit.is_some_and(|limit| self.read >= limit) && !self.pages.is_empty() {
            let until = call.now + chrono::TimeDelta::hours(1);
            return Err(ConnectorError::new(ErrorKind::RateLimited { until }, "the limit is used up"));
        }
        let page = self.pages.pop_front();
        if page.is_some() {
            call.meter.count();
            self.read += 1;
            self.next += 1;
        }
        Ok(page)
    }

    fn position(&self) -> Option<Position> {
        self.limit.map(|_| self.next.into())
    }

    fn end(&self) -> ListingEnd {
        self.end.clone()
    }
}
