//! The issues of a team as a place.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use syncline_engine::{
    Item, Value,
    capability::{Capabilities, ConcurrencyControl, CreateIdempotency, Removal},
    ports::{
        Call, Candidates, ConnectorError, FieldInfo, Found, Listing, Marker, MatchKey, Place, Position,
        Probed, ReadMode, Write, Written,
    },
    spec::Category,
};

use super::{
    api::PAGE, fields, find, ids, issue::Issue, issues::Issues, list::IssueListing, status::categories,
    write::MOST_STEPS,
};
use crate::{http::HttpConfig, tracker};

/// Issues that one request creates at most.
const CREATES: usize = 50;

pub(super) struct IssuePlace {
    pub(super) issues: Arc<Issues>,
    pub(super) capabilities: Capabilities,
}

/// What the issues of a team can do, if the network is reached in this way.
pub(super) fn capabilities(http: &HttpConfig) -> Capabilities {
    Capabilities {
        platform: "linear",
        key_field: None,
        snapshot: false,
        incremental: true,
        list_page: PAGE,
        fetch_batch: PAGE,
        create_batch: CREATES,
        // All of them are read again in one request and written in the next one.
        update_batch: MOST_STEPS,
        find_batch: Some(find::KEYS),
        prefers_large_batches: false,
        create_idempotency: CreateIdempotency::Native,
        request_timeout: http.total_timeout,
        // A reading by id may come from a replica that is behind.
        marker_visible_after: http.patient(Duration::from_secs(10)),
        concurrency: ConcurrencyControl::None,
        stepwise: &[],
        history: false,
        removals: &[Removal::Close, Removal::Archive, Removal::Delete],
        // An issue keeps its id when it moves to another team.
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
        Ok(fields::infos())
    }

    async fn statuses(
        &self,
        field: &str,
        call: &Call<'_>,
    ) -> Result<Vec<(String, Category)>, ConnectorError> {
        if field != "status" {
            return Ok(Vec::new());
        }
        let team = self.issues.team(call).await?;
        let statuses = categories(&team.states).into_iter();
        Ok(statuses.map(|(state, category)| (state.name.clone(), category)).collect())
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

    async fn fetch(&self, asked: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        self.issues.fetch(asked, call).await
    }

    async fn find(&self, keys: &[MatchKey], call: &Call<'_>) -> Result<Vec<Candidates>, ConnectorError> {
        self.issues.find(keys, call).await
    }

    /// A marker is as good as an id. What was put into the trash since counts as not there.
    async fn probe(&self, markers: &[Marker], call: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        let asked: Vec<String> = markers.iter().map(|marker| ids::of_marker(&marker.text)).collect();
        let there = self.issues.by_ids(&asked, call).await?;
        let there: Vec<Issue> = there.into_values().filter(|issue| !issue.is_trashed()).collect();
        let items = self.issues.items(&there, call).await?;
        let found = |id: &String| items.iter().find(|item: &&Item| item.id == *id).cloned();
        Ok(asked.iter().map(|id| found(id).map_or(Probed::Absent, Probed::Found)).collect())
    }

    fn canonical_id(&self, id: &str) -> String {
        ids::canonical(id).unwrap_or_else(|| id.to_owned())
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
