//! Lists a file page by page; memory holds one page and the index.

use std::sync::Arc;

use async_trait::async_trait;
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, Listing, ListingEnd},
};

use super::{
    blocking,
    location::{Location, patiently},
    read::{Index, Step, Table},
};

/// Approximate size of a page at which it ends, even with few rows.
const PAGE_BYTES: usize = 4 << 20;

pub(super) struct PageReader {
    pub(super) table: Table,
    pub(super) index: Index,
    pub(super) ended: bool,
    reserved: bool,
}

impl PageReader {
    pub(super) fn new(table: Table) -> Self {
        Self { table, index: Index::default(), ended: false, reserved: false }
    }

    /// At most `page_size` rows, fewer if they are large; sets `ended` at the end of the file.
    pub(super) fn rows<T>(
        &mut self,
        most: usize,
        take: impl Fn(&Table) -> T,
    ) -> Result<Vec<T>, ConnectorError> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        while rows.len() < most && bytes < PAGE_BYTES {
            match self.table.step()? {
                Step::Row(id) => {
                    if !self.index.insert(&id, self.table.record.offset) {
                        return Err(self.table.duplicate(&id));
                    }
                    bytes += self.table.weight();
                    rows.push(take(&self.table));
                }
                Step::Blank => {}
                Step::End => {
                    self.ended = true;
                    break;
                }
            }
        }
        if !self.ended && !std::mem::replace(&mut self.reserved, true) {
            self.index.reserve(rows_to_come(rows.len(), self.table.record.offset, self.table.identity.size));
        }
        Ok(rows)
    }
}

/// At most `most` rows, fewer if they are large; sets `ended` at the end of the file.
fn rows_to_come(read: usize, offset: u64, size: u64) -> usize {
    const MOST: u64 = 4_000_000;
    let each = offset / (read as u64).max(1);
    let whole = size / each.max(1);
    usize::try_from(whole.min(MOST)).unwrap_or(0).saturating_sub(read)
}

pub(super) struct CsvListing {
    place: Arc<Location>,
    stage: Stage,
    complete: bool,
}

/// The progress of a listing.
enum Stage {
    Unopened,
    Reading(Box<PageReader>),
    Over,
}

impl CsvListing {
    pub(super) fn new(place: Arc<Location>) -> Self {
        Self { place, stage: Stage::Unopened, complete: false }
    }
}

/// Reads a page; the flag is true if the listing is now complete.
fn next(place: &Location, mut reader: Box<PageReader>) -> Result<(Stage, Vec<Item>, bool), ConnectorError> {
    let page = reader.rows(super::PAGE, Table::item)?;
    if !reader.ended {
        return Ok((Stage::Reading(reader), page, false));
    }
    let complete = reader.table.is_whole()?;
    if complete {
        place.remember(reader.table.identity, reader.index);
    }
    Ok((Stage::Over, page, complete))
}

#[async_trait]
impl Listing for CsvListing {
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        if matches!(stage, Stage::Over) {
            return Ok(None);
        }
        if matches!(stage, Stage::Unopened) {
            call.meter.count();
        }
        let place = self.place.clone();
        let (stage, page, complete) = blocking(move || {
            let page = match stage {
                Stage::Reading(reader) => next(&place, reader),
                // No page was returned yet, so the file can be read again from its start.
                _ => patiently(|| next(&place, Box::new(PageReader::new(place.table()?)))),
            };
            page.map_err(|error| place.passing(error))
        })
        .await?;
        (self.stage, self.complete) = (stage, complete);
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    fn end(&self) -> ListingEnd {
        ListingEnd { complete: self.complete, cursor: None }
    }
}
