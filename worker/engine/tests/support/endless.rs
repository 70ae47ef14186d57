//! A remote place with many items, which are made when a page lists them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use syncline_engine::{
    Item,
    capability::{Capabilities, ConcurrencyControl, CreateIdempotency},
    ports::{
        Call, ConnectorError, ErrorKind, FieldInfo, Found, Listing, ListingEnd, Marker, Place, Position,
        Probed, ReadMode, Write, Written,
    },
};

use super::fields;

/// Items in pages, of which one listing may read some before its limit is used up.
pub(crate) struct Endless {
    capabilities: Capabilities,
    content: Arc<Content>,
}

struct Content {
    items: usize,
    page: usize,
    pages_per_run: usize,
    /// How often each page was read.
    read: Mutex<Vec<u8>>,
}

impl Endless {
    pub(crate) fn new(items: usize, page: usize, pages_per_run: usize) -> Endless {
        let capabilities = Capabilities {
            platform: "endless",
            key_field: None,
            snapshot: false,
            incremental: true,
            list_page: page,
            fetch_batch: page,
            create_batch: 1,
            update_batch: 1,
            find_batch: None,
            prefers_large_batches: false,
            create_idempotency: CreateIdempotency::Native,
            request_timeout: std::time::Duration::ZERO,
            marker_visible_after: std::time::Duration::ZERO,
            concurrency: ConcurrencyControl::None,
            stepwise: &[],
            history: false,
            removals: &[],
            ids_change: false,
            remote: true,
        };
        let read = Mutex::new(vec![0; items.div_ceil(page)]);
        Endless { capabilities, content: Arc::new(Content { items, page, pages_per_run, read }) }
    }

    /// How often each page was read.
    pub(crate) fn pages(&self) -> Vec<u8> {
        self.content.read.lock().unwrap().clone()
    }
}

#[async_trait]
impl Place for Endless {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self, _: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn list(
        &self,
        _: ReadMode,
        from: Option<Position>,
        _: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError> {
        let next = from.map_or(0, |position| position.as_u64().unwrap() as usize);
        Ok(Box::new(Pages { content: self.content.clone(), next, left: self.content.pages_per_run }))
    }

    async fn fetch(&self, ids: &[String], _: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        panic!("nothing has to be read by id: {ids:?}")
    }

    async fn probe(&self, _: &[Marker], _: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        panic!("nothing was created here")
    }

    async fn write(&self, writes: &[Write], _: &Call<'_>) -> Vec<Written> {
        panic!("nothing has to be written: {writes:?}")
    }
}

struct Pages {
    content: Arc<Content>,
    next: usize,
    left: usize,
}

#[async_trait]
impl Listing for Pages {
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        let Content { items, page, .. } = *self.content;
        let numbers = self.next * page..items.min((self.next + 1) * page);
        if numbers.is_empty() {
            return Ok(None);
        }
        if self.left == 0 {
            let until = call.now + chrono::TimeDelta::hours(1);
            return Err(ConnectorError::new(ErrorKind::RateLimited { until }, "the limit is used up"));
        }
        call.meter.count();
        self.content.read.lock().unwrap()[self.next] += 1;
        (self.next, self.left) = (self.next + 1, self.left - 1);
        let item = |number| Item::new(format!("{number}"), fields(json!({ "title": format!("{number}") })));
        Ok(Some(numbers.map(item).collect()))
    }

    fn position(&self) -> Option<Position> {
        Some(self.next.into())
    }

    fn end(&self) -> ListingEnd {
        ListingEnd { complete: true, cursor: Some(json!(0)) }
    }
}
