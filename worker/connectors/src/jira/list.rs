//! Lists issues: all of them in the order of their creation, or those changed since a time, oldest change first.
//!
//! Neither order changes behind a page that was returned, except that an edited issue moves to the end of the second, where
//! it is seen again. Pages are asked for by tokens alone.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::json;
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, ErrorKind, Listing, ListingEnd, Position, ReadMode},
};

use super::{
    api::{PAGE, Search},
    columns,
    cursor::{LATENESS, Resume, in_jql},
    issue::{Issue, Page},
    issues::Issues,
};
use crate::tracker::cursor::{Seen, start};

/// Pages without any issue in a row, after which a listing is given up: Jira has been seen to return them without end.
const MOST_EMPTY: usize = 5;

pub(super) struct IssueListing {
    issues: Arc<Issues>,
    whole: bool,
    resume: Resume,
    /// The token is from an earlier run: Jira may have forgotten it.
    is_old_token: bool,
    /// The tokens followed so far.
    followed: HashSet<String>,
    empty: usize,
    next: Next,
    /// The last change listed.
    last: Option<DateTime<Utc>>,
    returned: HashSet<u64>,
    sound: bool,
}

#[derive(PartialEq)]
enum Next {
    Page,
    None,
}

impl IssueListing {
    pub(super) fn new(
        issues: Arc<Issues>,
        mode: &ReadMode,
        from: Option<&Position>,
    ) -> Result<Self, ConnectorError> {
        let whole = *mode == ReadMode::Full;
        let resume: Resume = start(mode, from, "Jira")?;
        Ok(Self {
            issues,
            whole,
            is_old_token: resume.token.is_some(),
            resume,
            followed: HashSet::new(),
            empty: 0,
            next: Next::Page,
            last: None,
            returned: HashSet::new(),
            sound: true,
        })
    }

    /// The JQL from the present place on. What leaves the filter would be missed by an incremental listing with it, so that
    /// one has none.
    fn jql(&self) -> String {
        let scope = &self.issues.scope;
        let (field, issues) =
            if self.whole { ("created", scope.jql()) } else { ("updated", scope.whole_project()) };
        let since = self.resume.from.map(|from| format!(" AND {field} >= {}", in_jql(from)));
        // Without an upper bound: it would hide an issue that changes again and again.
        format!("{issues}{} ORDER BY {field} ASC, key ASC", since.unwrap_or_default())
    }

    async fn read(&mut self, call: &Call<'_>) -> Result<(Page, Option<DateTime<Utc>>), ConnectorError> {
        let columns = self.issues.columns(call).await?;
        if self.resume.token.is_none() {
            self.resume.jql = self.jql();
            self.resume.reconcile = self.issues.memo.recent();
        }
        let mut search = Search {
            jql: self.resume.jql.clone(),
            fields: columns::asked(&columns),
            reconcile: self.resume.reconcile.clone(),
            token: self.resume.token.clone(),
        };
        let mut answer = self.issues.api.search(&search, call).await;
        let refused = |error: &ConnectorError| {
            error.kind == ErrorKind::Permanent
                && error.answer.as_ref().is_some_and(|answer| answer.status == 400)
        };
        if self.is_old_token && answer.as_ref().err().is_some_and(refused) {
            self.resume.token = None;
            self.resume.jql = self.jql();
            search = Search { jql: self.resume.jql.clone(), token: None, ..search };
            answer = self.issues.api.search(&search, call).await;
        }
        self.is_old_token = false;
        let reply = answer?;
        Ok((reply.json()?, reply.date()))
    }

    /// The changed issues of a page that the filter does not find. What was deleted meanwhile leaves the page.
    async fn take_outside(
        &self,
        page: &mut Page,
        call: &Call<'_>,
    ) -> Result<HashSet<String>, ConnectorError> {
        if self.whole || self.issues.scope.jql.is_none() {
            return Ok(HashSet::new());
        }
        let ids = page.issues.iter().map(|issue| issue.id.clone()).collect();
        let (inside, outside) = self.issues.by_filter(ids, call).await?;
        let (inside, outside): (HashSet<String>, HashSet<String>) =
            (inside.into_iter().collect(), outside.into_iter().collect());
        page.issues.retain(|issue| inside.contains(&issue.id) || outside.contains(&issue.id));
        Ok(outside)
    }

    /// Decides where to go on after a page.
    fn advance(&mut self, page: &Page) {
        let times = page.issues.iter().filter_map(|issue| self.time(issue));
        // The order is Jira's; a page that it does not keep is no reason to go back.
        self.resume.from = self.resume.from.max(times.max());
        self.empty = if page.issues.is_empty() { self.empty + 1 } else { 0 };
        match page.next() {
            None => {
                self.resume.token = None;
                self.next = Next::None;
            }
            Some(token) if self.empty < MOST_EMPTY && self.followed.insert(token.to_owned()) => {
                self.resume.token = Some(token.to_owned());
            }
            // The tokens go in a circle, or lead nowhere.
            Some(_) => {
                self.resume.token = None;
                self.sound = false;
                self.next = Next::None;
            }
        }
    }

    /// The time by which the listing is ordered.
    fn time(&self, issue: &Issue) -> Option<DateTime<Utc>> {
        time(issue, if self.whole { "created" } else { "updated" })
    }

    /// What was seen up to now: no change that was made while it was read, since an issue may have been edited behind the
    /// pages of a whole listing.
    fn seen(&self) -> Seen {
        let mut seen = self.resume.seen.clone();
        if self.whole {
            seen.until = seen.until.min(self.resume.began.or(seen.until));
        }
        seen
    }
}

fn time(issue: &Issue, field: &str) -> Option<DateTime<Utc>> {
    columns::instant(issue.field(field)).map(|instant| instant.at)
}

#[async_trait]
impl Listing for IssueListing {
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        if self.next == Next::None {
            return Ok(None);
        }
        let (mut page, date) = self.read(call).await?;
        let columns = self.issues.columns(call).await?;
        // More than were asked for would be a fault of Jira's, and more than the engine takes.
        page.issues.truncate(PAGE);
        let outside = self.take_outside(&mut page, call).await?;
        let began = *self.resume.began.get_or_insert(date.unwrap_or(call.now));
        let mut items = Vec::with_capacity(page.issues.len());
        for issue in &page.issues {
            let changed = time(issue, "updated");
            self.resume.seen.note(changed);
            self.last = self.last.max(changed);
            // An issue that was edited meanwhile is on a later page once more.
            let is_new = issue.id.parse().map_or(true, |id| self.returned.insert(id));
            if outside.contains(&issue.id) {
                items.push(Item::outside(issue.id.as_str()));
            } else if is_new || !self.whole {
                items.push(self.issues.item(issue, &columns));
            }
        }
        self.advance(&page);
        if self.next == Next::None && self.whole && self.sound && self.issues.scope.jql.is_none() {
            self.issues.memo.note_whole(began);
        }
        Ok(Some(items))
    }

    fn position(&self) -> Option<Position> {
        Some(json!(self.resume))
    }

    /// A listing that was resumed is complete together with its earlier part.
    fn end(&self) -> ListingEnd {
        let mut seen = self.seen();
        let at_end = self.next == Next::None && self.sound;
        if let (Some(last), Some(began), true) = (self.last, self.resume.began, at_end && !self.whole) {
            seen.settle(&LATENESS, last, began);
        }
        // What a broken whole listing lacks may have changed long ago.
        let cursor = (self.sound || !self.whole).then(|| seen.write());
        ListingEnd { complete: self.whole && self.sound, cursor }
    }
}
