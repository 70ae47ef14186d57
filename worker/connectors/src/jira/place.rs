//! The issues of a project as a place.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use syncline_engine::{
    Value,
    capability::{Capabilities, ConcurrencyControl, CreateIdempotency, Removal},
    ports::{
        Call, Candidates, ConnectorError, FieldInfo, Found, Listing, Marker, MatchKey, Place, Position,
        Probed, ReadMode, Write, Written,
    },
    spec::Category,
};

use super::{
    api::PAGE,
    fields, find,
    issues::{Issues, number},
    list::IssueListing,
};
use crate::{http::HttpConfig, tracker};

pub(super) struct IssuePlace {
    pub(super) issues: Arc<Issues>,
    pub(super) capabilities: Capabilities,
}

/// Jira's gateway gives up after a minute of work on a request.
const LONGEST_WORK: Duration = Duration::from_secs(60);

/// What the issues of a project can do, if the network is reached in this way.
pub(super) fn capabilities(http: &HttpConfig) -> Capabilities {
    Capabilities {
        platform: "jira",
        key_field: None,
        snapshot: false,
        incremental: true,
        list_page: PAGE,
        fetch_batch: 100,
        create_batch: 50,
        // So that each issue is read again just before it is written, and not before the writes of others.
        update_batch: 1,
        find_batch: Some(find::KEYS),
        prefers_large_batches: true,
        create_idempotency: CreateIdempotency::Marker,
        request_timeout: http.total_timeout.max(http.patient(LONGEST_WORK)),
        // The index may be behind.
        marker_visible_after: http.patient(Duration::from_secs(90)),
        concurrency: ConcurrencyControl::None,
        stepwise: &["status"],
        history: true,
        // Who may not delete is refused when it comes to it.
        removals: &[Removal::Close, Removal::Delete],
        ids_change: false,
        remote: true,
    }
}

#[async_trait]
impl Place for IssuePlace {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self, _: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError> {
        Ok(fields::infos(&self.issues.mapped))
    }

    async fn statuses(
        &self,
        field: &str,
        call: &Call<'_>,
    ) -> Result<Vec<(String, Category)>, ConnectorError> {
        if field != "status" {
            return Ok(Vec::new());
        }
        let known = self.issues.api.known_statuses(call).await?;
        Ok(known.iter().map(|status| (status.name.clone(), status.category)).collect())
    }

    async fn is_public(&self, _: &Call<'_>) -> Result<Option<bool>, ConnectorError> {
        Ok(Some(false))
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
        self.issues.fetch(ids, call).await
    }

    async fn find(&self, keys: &[MatchKey], call: &Call<'_>) -> Result<Vec<Candidates>, ConnectorError> {
        self.issues.find(keys, call).await
    }

    async fn probe(&self, markers: &[Marker], call: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        self.issues.probe(markers, call).await
    }

    async fn wrote(&self, id: &str, field: &str, call: &Call<'_>) -> Result<bool, ConnectorError> {
        self.issues.wrote(id, field, call).await
    }

    fn canonical_id(&self, id: &str) -> String {
        number(id).map_or_else(|| id.trim().to_owned(), |number| number.to_string())
    }

    fn accepts(&self, field: &str, value: &Value) -> Result<(), String> {
        fields::accepts(field, value)
    }

    fn creates(&self, names: &[&str]) -> Result<(), String> {
        tracker::creates(names, "summary")
    }

    async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        self.issues.write(writes, call).await
    }
}
