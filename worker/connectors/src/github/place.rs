//! The issues of a repository as a place.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use syncline_engine::{
    Value,
    capability::{Capabilities, ConcurrencyControl, CreateIdempotency, Removal},
    ports::{
        Call, Candidates, ConnectorError, FieldInfo, Found, Listing, Marker, MatchKey, Place, Position,
        Probed, ReadMode, Write, Written,
    },
};

use super::{
    api::PAGE,
    fields,
    issues::{Issues, number},
    list::IssueListing,
};

/// Requests under way at once when issues are read by number: usually, and on a server without limits.
const AT_ONCE: usize = 4;
const AT_ONCE_WITHOUT_LIMITS: usize = 10;

pub(super) struct IssuePlace {
    pub(super) issues: Arc<Issues>,
    pub(super) capabilities: Capabilities,
    pub(super) mapped: Vec<String>,
}

/// GitHub gives up after ten seconds of work on a request.
const LONGEST_WORK: Duration = Duration::from_secs(10);

/// What the issues of a repository can do, if a request is waited for so long.
pub(super) fn capabilities(total_timeout: Duration) -> Capabilities {
    Capabilities {
        platform: "github",
        key_field: None,
        snapshot: false,
        incremental: true,
        modified_times: true,
        list_page: PAGE,
        fetch_batch: 100,
        create_batch: 20,
        // So that each issue is read again just before it is written, and not before the writes of others.
        update_batch: 1,
        // Each key is a search, of which there are 30 a minute.
        find_batch: Some(1),
        // A list of issues always has their bodies.
        prefers_large_batches: false,
        create_idempotency: CreateIdempotency::Marker,
        request_timeout: total_timeout.max(LONGEST_WORK),
        // A list may come from a replica that is behind.
        marker_visible_after: Duration::from_secs(10),
        concurrency: ConcurrencyControl::None,
        stepwise: &["state", "state_reason", "status"],
        history: false,
        // Only administrators may delete; others are refused when it comes to it.
        removals: &[Removal::Close, Removal::Delete],
        // A transferred issue that comes back has another number.
        ids_change: true,
        remote: true,
    }
}

#[async_trait]
impl Place for IssuePlace {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self) -> Result<Vec<FieldInfo>, ConnectorError> {
        Ok(fields::infos(&self.mapped))
    }

    async fn reader(&self, call: &Call<'_>) -> Result<Option<String>, ConnectorError> {
        self.issues.api.reader(call).await.map(Some)
    }

    async fn list(
        &self,
        mode: ReadMode,
        from: Option<Position>,
        _: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError> {
        Ok(Box::new(IssueListing::new(self.issues.clone(), &mode, from.as_ref())?))
    }

    async fn fetch(&self, ids: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        let mut answers = Vec::with_capacity(ids.len());
        let mut stopped: Option<ConnectorError> = None;
        let keeps_limits = self.issues.api.keeps_limits();
        let at_once = if keeps_limits { AT_ONCE } else { AT_ONCE_WITHOUT_LIMITS };
        for some in ids.chunks(at_once) {
            if let Some(error) = &stopped {
                answers.extend(some.iter().map(|id| (id.clone(), Err(error.clone()))));
                continue;
            }
            let read = join_all(some.iter().map(|id| self.issues.fetch(id, call))).await;
            let fatal = read.iter().filter_map(|answer| answer.as_ref().err());
            stopped = fatal.filter(|error| error.stops_the_batch()).map(Clone::clone).next();
            answers.extend(some.iter().cloned().zip(read));
        }
        answers
    }

    async fn find(&self, keys: &[MatchKey], call: &Call<'_>) -> Result<Vec<Candidates>, ConnectorError> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(self.issues.find(key, call).await?);
        }
        Ok(found)
    }

    async fn probe(&self, markers: &[Marker], call: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        self.issues.probe(markers, call).await
    }

    fn canonical_id(&self, id: &str) -> String {
        number(id).map_or_else(|| id.to_owned(), |number| number.to_string())
    }

    fn accepts(&self, field: &str, value: &Value) -> Result<(), String> {
        fields::accepts(field, value)
    }

    fn creates(&self, names: &[&str]) -> Result<(), String> {
        if names.contains(&"title") {
            return Ok(());
        }
        Err("an issue needs a title: map the field title, and give it a default_value".to_owned())
    }

    async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        self.issues.write(writes, call).await
    }
}
