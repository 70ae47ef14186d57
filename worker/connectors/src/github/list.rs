//! Lists issues by the time of their last change, oldest first.
//!
//! Each page but those within one second is asked for by the time at which the one before it ended. Page numbers would
//! lose items: an issue that is edited while it is behind us moves to the end, and all others move up by one place.
//! This way whatever is edited meanwhile is seen again, and a listing can go on days later.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, Listing, ListingEnd, Position, ReadMode},
};

use super::{api::Order, issue::Issue, issues::Issues, scope::Filter};
use crate::{
    http::Reply,
    tracker::cursor::{Lateness, OVERLAP, Seen, start},
};

/// The unit of GitHub's times. Whether `since` includes its own second is documented in two ways.
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// A replica of GitHub's may show a change late.
const LATENESS: Lateness = Lateness { overlap: OVERLAP, unit: SECOND };

/// Where a listing goes on after its pages so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Resume {
    /// All changes before this were returned.
    since: Option<DateTime<Utc>>,
    seen: Seen,
}

impl From<Seen> for Resume {
    fn from(seen: Seen) -> Self {
        Self { since: seen.since(&LATENESS), seen }
    }
}

pub(super) struct IssueListing {
    issues: Arc<Issues>,
    whole: bool,
    /// Begins at the first page.
    began: Option<DateTime<Utc>>,
    next: Next,
    /// The addresses followed since then.
    followed: HashSet<String>,
    /// All changes before this were returned.
    since: Option<DateTime<Utc>>,
    /// Issues returned, with the time of the change, as far as a page may have them again.
    returned: HashMap<u64, Option<DateTime<Utc>>>,
    seen: Seen,
    /// The last change listed.
    last: Option<DateTime<Utc>>,
    /// GitHub did not repeat itself.
    sound: bool,
}

/// The next page.
enum Next {
    Since,
    Address(String),
    None,
}

impl IssueListing {
    pub(super) fn new(
        issues: Arc<Issues>,
        mode: &ReadMode,
        from: Option<&Position>,
    ) -> Result<Self, ConnectorError> {
        let Resume { since, seen } = start(mode, from, "GitHub")?;
        Ok(Self {
            issues,
            whole: *mode == ReadMode::Full,
            began: None,
            next: Next::Since,
            followed: HashSet::new(),
            since,
            returned: HashMap::new(),
            seen,
            last: None,
            sound: true,
        })
    }

    async fn read(&self, call: &Call<'_>) -> Result<Option<Reply>, ConnectorError> {
        // What leaves the filter would be missed by an incremental listing with it, so that one has none.
        let none = Filter::default();
        let filter = if self.whole { &self.issues.scope.filter } else { &none };
        match &self.next {
            Next::None => Ok(None),
            Next::Since => {
                let order = Order::Updated { since: self.since, poll: !self.whole };
                self.issues.api.issues(order, filter, call).await.map(Some)
            }
            Next::Address(address) => self.issues.api.page(address, call).await.map(Some),
        }
    }

    /// Decides where to go on after a page that ends with a change at `last`.
    fn advance(&mut self, address: Option<&str>, last: Option<DateTime<Utc>>) {
        let behind = last.map(|last| last - SECOND);
        self.next = match address {
            None => Next::None,
            Some(_) if behind > self.since => {
                self.since = behind;
                self.followed.clear();
                self.returned.retain(|_, changed| *changed >= behind);
                Next::Since
            }
            // More issues changed in one second than a page has.
            Some(address) if self.followed.insert(address.to_owned()) => Next::Address(address.to_owned()),
            // The pages go in a circle.
            Some(_) => {
                self.sound = false;
                Next::None
            }
        };
    }

    /// The items of a page that were not returned before.
    async fn items(&mut self, page: &mut [Issue], call: &Call<'_>) -> Result<Vec<Item>, ConnectorError> {
        for issue in page.iter_mut().filter(|issue| self.issues.takes(issue)) {
            self.issues.fill(issue, call).await?;
        }
        let mut items = Vec::new();
        for issue in page {
            self.seen.note(issue.updated_at);
            self.last = self.last.max(issue.updated_at);
            let again = self.returned.insert(issue.number, issue.updated_at) == Some(issue.updated_at);
            if again || issue.is_pull_request() {
                continue;
            }
            if self.issues.takes(issue) {
                items.push(self.issues.item(issue));
            } else if !self.whole {
                items.push(Item::outside(issue.id()));
            }
        }
        Ok(items)
    }
}

#[async_trait]
impl Listing for IssueListing {
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        let Some(reply) = self.read(call).await? else { return Ok(None) };
        let mut page: Vec<Issue> = reply.json()?;
        if self.began.is_none() {
            self.began = Some(reply.date().unwrap_or(call.now));
        }
        let items = self.items(&mut page, call).await?;
        self.advance(reply.next_page(), page.last().and_then(|issue| issue.updated_at));
        if matches!(self.next, Next::None) && self.whole && self.sound && self.issues.scope.filter.is_open() {
            self.issues.memo.note_whole(self.began.unwrap_or(call.now));
        }
        Ok(Some(items))
    }

    fn position(&self) -> Option<Position> {
        Some(json!(Resume { since: self.since, seen: self.seen.clone() }))
    }

    /// A listing that was resumed is complete together with its earlier part.
    fn end(&self) -> ListingEnd {
        let mut seen = self.seen.clone();
        let at_end = matches!(self.next, Next::None) && self.sound;
        if let (Some(last), Some(began), true) = (self.last, self.began, at_end) {
            seen.settle(&LATENESS, last, began);
        }
        ListingEnd { complete: self.whole && self.sound, cursor: Some(seen.write()) }
    }
}
