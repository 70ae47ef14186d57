//! The issues of a repository as a place.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
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
    write::Stopped,
};
use crate::{http::HttpConfig, tracker};

/// Requests under way at once when issues are read by number.
const AT_ONCE: usize = 4;
/// Requests under way at once on a server without limits.
pub(super) const AT_ONCE_WITHOUT_LIMITS: usize = 10;
/// Updates of one call on a server without limits: as many as it takes in about a second.
const UPDATES_WITHOUT_LIMITS: usize = 50;

pub(super) struct IssuePlace {
    pub(super) issues: Arc<Issues>,
    pub(super) capabilities: Capabilities,
    pub(super) mapped: Vec<String>,
}

/// GitHub gives up after ten seconds of work on a request.
const LONGEST_WORK: Duration = Duration::from_secs(10);

/// What the issues of a repository can do, if the network is reached in this way.
pub(super) fn capabilities(http: &HttpConfig, keeps_limits: bool) -> Capabilities {
    Capabilities {
        platform: "github",
        key_field: None,
        snapshot: false,
        incremental: true,
        list_page: PAGE,
        fetch_batch: 100,
        create_batch: 20,
        // So that each issue is read again just before it is written, and not before the writes of others.
        update_batch: if keeps_limits { 1 } else { UPDATES_WITHOUT_LIMITS },
        // Each key is a search, of which there are 30 a minute.
        find_batch: Some(1),
        // A list of issues always has their bodies.
        prefers_large_batches: false,
        create_idempotency: CreateIdempotency::Marker,
        request_timeout: http.total_timeout.max(http.patient(LONGEST_WORK)),
        // A list may come from a replica that is behind.
        marker_visible_after: http.patient(Duration::from_secs(10)),
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

impl IssuePlace {
    /// Reads an issue, unless an earlier one of the batch met an error that is about more than itself.
    async fn read(
        &self,
        id: &str,
        stopped: &Stopped,
        call: &Call<'_>,
    ) -> (String, Result<Found, ConnectorError>) {
        let found = match stopped.error() {
            Some(error) => Err(error),
            None => self.issues.fetch(id, call).await,
        };
        stopped.note(found.as_ref().err());
        (id.to_owned(), found)
    }
}

#[async_trait]
impl Place for IssuePlace {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self, _: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError> {
        Ok(fields::infos(&self.mapped))
    }

    async fn is_public(&self, call: &Call<'_>) -> Result<Option<bool>, ConnectorError> {
        self.issues.api.is_public(call).await
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
        let keeps_limits = self.issues.api.keeps_limits();
        let at_once = if keeps_limits { AT_ONCE } else { AT_ONCE_WITHOUT_LIMITS };
        let stopped = Stopped::default();
        let read = stream::iter(0..ids.len()).map(|at| self.read(&ids[at], &stopped, call));
        read.buffered(at_once).collect().await
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
        tracker::creates(names, "title")
    }

    async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        self.issues.write(writes, call).await
    }
}
