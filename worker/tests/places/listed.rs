//! What a faulty place lists, also where the file is broken.

use std::sync::PoisonError;

use async_trait::async_trait;
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, Listing, ListingEnd},
};

use crate::{faults::Flaw, faulty::Faulty};

/// A listing that was read to its end.
pub(crate) struct Listed {
    pages: Vec<Vec<Item>>,
    end: ListingEnd,
}

impl Listed {
    pub(crate) fn new(items: Vec<Item>, end: ListingEnd) -> Listed {
        Listed { pages: vec![items], end }
    }
}

#[async_trait]
impl Listing for Listed {
    async fn next_page(&mut self, _: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        Ok(self.pages.pop())
    }

    fn end(&self) -> ListingEnd {
        self.end.clone()
    }
}

impl Faulty {
    /// All items, and how the listing ended.
    pub(crate) async fn whole(
        &self,
        mut listing: Box<dyn Listing>,
        call: &Call<'_>,
    ) -> Result<(Vec<Item>, ListingEnd), ConnectorError> {
        let mut items = Vec::new();
        loop {
            match listing.next_page(call).await {
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
        let end = ListingEnd { complete: true, cursor: None };
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
