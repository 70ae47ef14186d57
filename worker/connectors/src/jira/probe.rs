//! Looks for markers. A property can be searched for only where an app declares it, so the issues themselves are read,
//! youngest first.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, ErrorScope, Found, Marker, Probed},
};

use super::{api::Search, columns, issue::Page, issues::Issues};

/// A whole listing shows what was created so long before it began.
const LAG: TimeDelta = TimeDelta::minutes(5);

impl Issues {
    /// Looks for the issues that carry these markers: among those seen, then among those that may be younger.
    pub(super) async fn probe(
        &self,
        markers: &[Marker],
        call: &Call<'_>,
    ) -> Result<Vec<Probed>, ConnectorError> {
        let wanted: Vec<&str> = markers.iter().map(|marker| marker.text.as_str()).collect();
        let ids = self.marked(&wanted, true, call).await?;
        let mut asked: Vec<String> = ids.values().map(u64::to_string).collect();
        asked.sort();
        let mut items: HashMap<String, Item> = HashMap::new();
        for asked in asked.chunks(100) {
            for (id, found) in self.fetch(asked, call).await {
                if let Found::Item(item) | Found::Moved { item, .. } = found? {
                    items.insert(id, item);
                }
            }
        }
        let probed = |marker: &Marker| {
            let id = ids.get(marker.text.as_str())?;
            items.get(&id.to_string()).cloned()
        };
        Ok(markers.iter().map(|marker| probed(marker).map_or(Probed::Absent, Probed::Found)).collect())
    }

    /// The ids of the issues with these markers. Reads the issues that a whole listing of this run has not shown, or only
    /// the youngest of them.
    pub(super) async fn marked(
        &self,
        markers: &[&str],
        all: bool,
        call: &Call<'_>,
    ) -> Result<HashMap<String, u64>, ConnectorError> {
        let known = |markers: &[&str]| -> HashMap<String, u64> {
            let id = |marker: &&str| Some(((*marker).to_owned(), self.memo.marked(marker)?));
            markers.iter().filter_map(id).collect()
        };
        let until = self.memo.whole().map(|began| began - LAG);
        let columns = self.columns(call).await?;
        let mut search = Search {
            // Also those that the filter of the scope does not find: the create was ours.
            jql: format!("{} ORDER BY created DESC, key DESC", self.scope.whole_project()),
            fields: columns::asked(&columns),
            reconcile: self.memo.recent(),
            token: None,
        };
        let mut followed = HashSet::new();
        let mut empty = 0;
        while known(markers).len() < markers.len() {
            let page: Page = self.api.search(&search, call).await?.json()?;
            for issue in &page.issues {
                self.note(issue, &columns);
            }
            empty = if page.issues.is_empty() { empty + 1 } else { 0 };
            let created = page.issues.last().and_then(|issue| columns::instant(issue.field("created")));
            if !all || is_before(created.map(|instant| instant.at), until) {
                break;
            }
            match page.next() {
                None => break,
                Some(token) if empty < 5 && followed.insert(token.to_owned()) => {
                    search.token = Some(token.to_owned());
                }
                Some(_) => {
                    let text = "Jira's search does not come to an end, so what it lacks is not known";
                    return Err(ConnectorError::transient(text).about(ErrorScope::Endpoint));
                }
            }
        }
        Ok(known(markers))
    }
}

fn is_before(created: Option<DateTime<Utc>>, time: Option<DateTime<Utc>>) -> bool {
    created.zip(time).is_some_and(|(created, time)| created < time)
}
