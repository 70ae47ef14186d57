//! Lists issues, the latest first: Linear knows no other order.
//!
//! A whole listing is in the order of creation, which nothing changes, and leaves the archive out: an issue that it lacks
//! is asked for by its id. An incremental one is in the order of changes, with the archive, since the trash is there. What
//! is edited meanwhile moves to the front; the next listing sees it, because the cursor is that of the first page.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, Listing, ListingEnd, Position, ReadMode},
};

use super::{
    api::{PAGE, Query},
    issue::Issue,
    issues::Issues,
};
use crate::tracker::cursor::{Lateness, OVERLAP, Seen, start};

/// A change may show up late.
const LATENESS: Lateness = Lateness { overlap: OVERLAP, unit: TimeDelta::milliseconds(1) };

/// Issues of the first page of changes. Most polls find none, and pay for as many as they ask for.
const POLL_PAGE: usize = 25;

/// Pages without an issue that are followed by others, at most.
const MOST_EMPTY: usize = 20;

/// Where a listing goes on after its pages so far. Both orders go back in time, and what is changed or created meanwhile
/// is seen by the listing after this one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Resume {
    /// Nothing changed before this is listed.
    since: Option<DateTime<Utc>>,
    /// Everything created (or, of changes, changed) after this was returned.
    until: Option<DateTime<Utc>>,
    /// When it began, by Linear's clock.
    began: Option<DateTime<Utc>>,
    seen: Seen,
}

impl From<Seen> for Resume {
    fn from(seen: Seen) -> Self {
        Self { since: seen.since(&LATENESS), seen, ..Self::default() }
    }
}

/// A time as Linear's filters take it.
fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) struct IssueListing {
    issues: Arc<Issues>,
    whole: bool,
    at: Resume,
    /// The time of the last issue returned: from there a later listing goes on.
    returned: Option<DateTime<Utc>>,
    /// The pages before this one were returned.
    after: Option<String>,
    followed: HashSet<String>,
    first: bool,
    /// The last change listed.
    last: Option<DateTime<Utc>>,
    empty: usize,
    ended: bool,
    /// Linear did not repeat itself.
    sound: bool,
}

impl IssueListing {
    pub(super) fn new(
        issues: Arc<Issues>,
        mode: &ReadMode,
        from: Option<&Position>,
    ) -> Result<Self, ConnectorError> {
        let at: Resume = start(mode, from, "Linear")?;
        // Otherwise the first page was returned by an earlier listing.
        let first = at.until.is_none() && at.began.is_none();
        Ok(Self {
            issues,
            whole: *mode == ReadMode::Full,
            returned: at.until,
            at,
            after: None,
            followed: HashSet::new(),
            first,
            last: None,
            empty: 0,
            ended: false,
            sound: true,
        })
    }

    /// What leaves a filter of the scope would be missed by an incremental read with it, so that one has none.
    fn filter(&self) -> Json {
        let scope = &self.issues.api.scope;
        let mut filter = Map::from_iter([("team".to_owned(), scope.team_filter())]);
        let until = self.at.until.map(written);
        if self.whole {
            filter.extend(until.map(|until| ("createdAt".to_owned(), json!({ "lte": until }))));
            filter.extend(scope.project_filter().map(|project| ("project".to_owned(), project)));
            return Json::Object(filter);
        }
        let mut times = Map::new();
        times.extend(self.at.since.map(|since| ("gte".to_owned(), json!(written(since)))));
        times.extend(until.map(|until| ("lte".to_owned(), json!(until))));
        if !times.is_empty() {
            filter.insert("updatedAt".to_owned(), Json::Object(times));
        }
        Json::Object(filter)
    }

    /// Where to go on after a page.
    fn advance(&mut self, next: Option<&str>, is_empty: bool) {
        self.empty = if is_empty { self.empty + 1 } else { 0 };
        match next {
            Some(next) if self.empty <= MOST_EMPTY && self.followed.insert(next.to_owned()) => {
                self.after = Some(next.to_owned());
            }
            None => self.ended = true,
            // The pages go in a circle, or on without an end.
            Some(_) => (self.sound, self.ended) = (false, true),
        }
    }

    /// The time by which the listing is ordered.
    fn order(&self, issue: &Issue) -> DateTime<Utc> {
        if self.whole { issue.created_at } else { issue.updated_at }
    }

    /// What is in the trash is listed as deleted where changes are asked for.
    fn lists(&self, issue: &Issue) -> bool {
        if issue.is_trashed() { !self.whole } else { self.issues.api.scope.takes(issue) }
    }

    /// Notes what the first page tells: what changes later is for the next listing.
    fn begin(&mut self, issues: &[Issue], date: Option<DateTime<Utc>>) {
        self.at.began = date;
        self.at.seen.note(if self.whole { date } else { issues.iter().map(|issue| issue.updated_at).max() });
        self.first = false;
    }
}

#[async_trait]
impl Listing for IssueListing {
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        if self.ended {
            return Ok(None);
        }
        let asked = Query {
            filter: self.filter(),
            first: if self.first && !self.whole { POLL_PAGE } else { PAGE },
            after: self.after.as_deref(),
            archived: !self.whole,
            order: if self.whole { "createdAt" } else { "updatedAt" },
        };
        let found = self.issues.api.issues(asked, call).await?;
        let issues = &found.page.nodes;
        let (here, others): (Vec<Issue>, Vec<Issue>) =
            issues.iter().cloned().partition(|issue| self.lists(issue));
        let mut items = self.issues.items(&here, call).await?;
        if !self.whole {
            items.extend(others.into_iter().map(|issue| Item::outside(issue.id)));
        }
        if self.first {
            self.begin(issues, found.date);
        }
        self.last = self.last.max(issues.iter().map(|issue| issue.updated_at).max());
        self.returned = issues.last().map(|issue| self.order(issue)).or(self.returned);
        self.advance(found.page.next(), issues.is_empty());
        Ok(Some(items))
    }

    fn position(&self) -> Option<Position> {
        // A time, since a place in a list may not outlive the list.
        Some(json!(Resume { until: self.returned, ..self.at.clone() }))
    }

    /// A listing that was resumed is complete together with its earlier part.
    fn end(&self) -> ListingEnd {
        let mut seen = self.at.seen.clone();
        if let (Some(last), Some(began), true) = (self.last, self.at.began, self.sound && !self.whole) {
            seen.settle(&LATENESS, last, began);
        }
        ListingEnd { complete: self.whole && self.sound && self.ended, cursor: Some(seen.write()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(written("2026-02-03T04:05:06Z".parse().unwrap()), "2026-02-03T04:05:06.000Z");
    }
}
