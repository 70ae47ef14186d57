//! Looks for markers. GitHub's search is behind by seconds or minutes, so the issues themselves are read, youngest first.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, ErrorScope, Found, Marker, Probed},
};

use super::{api::Order, issue::Issue, issues::Issues, marker::Body, scope::Filter};
use crate::http::Reply;

/// A whole listing shows what was created so long before it began.
const LAG: TimeDelta = TimeDelta::minutes(2);

impl Issues {
    /// Looks for the issues that carry these markers: among those seen, then among those that may be younger.
    pub(super) async fn probe(
        &self,
        markers: &[Marker],
        call: &Call<'_>,
    ) -> Result<Vec<Probed>, ConnectorError> {
        let mut found: HashMap<&str, Item> = HashMap::new();
        for marker in markers {
            let Some(number) = self.memo.number(&marker.text) else { continue };
            if let Found::Item(item) | Found::Moved { item, .. } =
                self.fetch(&number.to_string(), call).await?
            {
                found.insert(&marker.text, item);
            }
        }
        let until = self.memo.whole().map(|began| began - LAG);
        let mut page = if found.len() < markers.len() { Some(self.youngest(call).await?) } else { None };
        let mut followed = HashSet::new();
        while let Some(reply) = page {
            let issues: Vec<Issue> = reply.json()?;
            for issue in issues.iter().filter(|issue| !issue.is_pull_request()) {
                let marker = Body::read(issue.body.as_deref().unwrap_or_default()).marker;
                if let Some(marker) = markers.iter().find(|known| Some(&known.text) == marker.as_ref()) {
                    // The list goes back in time: of two issues with one marker the older is ours.
                    found.insert(&marker.text, self.item(issue));
                }
            }
            page = match reply.next_page() {
                Some(address) if found.len() < markers.len() && !is_before(issues.last(), until) => {
                    if !followed.insert(address.to_owned()) {
                        let text = "GitHub's list of issues goes in a circle, so what it lacks is not known";
                        return Err(ConnectorError::transient(text).about(ErrorScope::Endpoint));
                    }
                    Some(self.api.page(address, call).await?)
                }
                _ => None,
            };
        }
        let probed = |marker: &Marker| found.get(marker.text.as_str()).cloned();
        Ok(markers.iter().map(|marker| probed(marker).map_or(Probed::Absent, Probed::Found)).collect())
    }

    /// The page of the youngest issues.
    pub(super) async fn youngest(&self, call: &Call<'_>) -> Result<Reply, ConnectorError> {
        self.api.issues(Order::Created, &Filter::default(), call).await
    }
}

fn is_before(issue: Option<&Issue>, time: Option<DateTime<Utc>>) -> bool {
    issue.and_then(|issue| issue.created_at).zip(time).is_some_and(|(created, time)| created < time)
}
