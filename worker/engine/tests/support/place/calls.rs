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
    spec::Category,
};

use super::{FakePlace, Row, gone};
use crate::support::Fault;

#[async_trait]
impl Place for FakePlace {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self, _: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn reader(&self, _: &Call<'_>) -> Result<Option<String>, ConnectorError> {
        match self.rows().reader {
            None => Ok(None),
            Some(Some(reader)) => Ok(Some(reader.to_owned())),
            Some(None) => Err(ConnectorError::new(ErrorKind::Auth, "the token is dead")),
        }
    }

    async fn statuses(&self, _: &str, call: &Call<'_>) -> Result<Vec<(String, Category)>, ConnectorError> {
        let own = self.rows().statuses.clone();
        if !own.is_empty() {
            call.count();
        }
        Ok(own)
    }

    async fn list(
        &self,
        mode: ReadMode,
        from: Option<Position>,
        _: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError> {
        let mut rows = self.rows();
        let since = match &mode {
            ReadMode::Full => 0,
            ReadMode::Since(cursor) => cursor.as_u64().unwrap(),
        };
        // Items come in the order of their ids, which edits leave alone, so a later part goes on behind the last one.
        let (after, cursor) = match &from {
            Some(position) => (position[0].as_str().unwrap_or_default(), position[1].as_u64().unwrap()),
            None => ("", rows.changes),
        };
        let mut items: Vec<Item> = rows
            .items
            .iter()
            .filter(|(id, row)| {
                row.changed > since
                    && rows.reader != Some(None)
                    && !rows.shown.contains_key(*id)
                    && (from.is_none() || id.as_str() > after)
            })
            .map(|(id, row)| self.item(id, rows.stale.get(id).unwrap_or(row)))
            .collect();
        let listed: Vec<String> = items.iter().map(|item| item.id.clone()).collect();
        FakePlace::show_items(&mut rows, listed.iter().map(String::as_str));
        if self.manners.tombstones {
            let deleted = rows.deleted.iter().filter(|(_, changed)| **changed > since);
            items.extend(deleted.map(|(id, _)| gone(id)));
        }
        let limit = self.manners.pages_per_run.filter(|_| !rows.unlimited);
        if self.manners.backwards && self.manners.pages_per_run.is_none() {
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
        let end = ListingEnd {
            complete: mode == ReadMode::Full && !rows.incomplete,
            cursor: self.manners.incremental.then(|| cursor.into()),
        };
        Ok(Box::new(Pages { pages, end, last: after.to_owned(), cursor, limit, read: 0 }))
    }

    async fn fetch(&self, ids: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        assert!(ids.len() <= self.manners.page_size, "{}: a fetch of {} items", self.name, ids.len());
        call.meter.count();
        self.rows().calls += 1;
        FakePlace::show_items(&mut self.rows(), ids.iter().map(String::as_str));
        ids.iter().map(|id| (id.clone(), self.look(id))).collect()
    }

    async fn find(&self, keys: &[MatchKey], call: &Call<'_>) -> Result<Vec<Candidates>, ConnectorError> {
        self.reader(call).await?;
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
        self.reader(call).await?;
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

    async fn wrote(&self, id: &str, field: &str, call: &Call<'_>) -> Result<bool, ConnectorError> {
        assert!(self.manners.history, "{} keeps no history", self.name);
        call.meter.count();
        Ok(self.rows().ours.contains(&(id.to_owned(), field.to_owned())))
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
        self.run_edit(&self.meddling);
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
        if let Err(dead) = self.reader(call).await {
            return all(&Written::NotSent, dead);
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
        let answer = |(position, write): (usize, &Write)| match fault {
            Fault::LeavesOut(at, field) if at == position => self.answer_in_part(write, Some(field)),
            Fault::Halfway(at) if at == position => self.answer_in_part(write, None),
            _ => self.answer(write),
        };
        let mut results: Vec<Written> = writes.iter().enumerate().map(answer).collect();
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
    /// The last id listed, and the cursor of the listing's first part.
    last: String,
    cursor: u64,
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
        if let Some(page) = &page {
            call.meter.count();
            self.read += 1;
            if let Some(item) = page.last() {
                self.last.clone_from(&item.id);
            }
        }
        Ok(page)
    }

    fn position(&self) -> Option<Position> {
        self.limit.map(|_| serde_json::json!([self.last, self.cursor]))
    }

    fn end(&self) -> ListingEnd {
        self.end.clone()
    }
}
