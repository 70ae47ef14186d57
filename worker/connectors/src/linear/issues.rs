//! The issues of one team: what all operations of a place share.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, Found},
};
use tokio::sync::Mutex as AsyncMutex;

use super::{
    api::Api,
    convert, ids,
    issue::Issue,
    label::Labels,
    team::{self, People, Team},
};

/// Issues whose labels are remembered at most.
const MOST_KNOWN: usize = 100_000;

/// The name under which people are kept: they are those of the workspace.
const PEOPLE: &str = "people";

/// How long what a team calls things is kept, for all syncs of the process.
const KEPT: Duration = Duration::from_secs(10 * 60);

pub(super) struct Issues {
    pub(super) api: Api,
    /// The sync maps the labels. Their names take a request.
    maps_labels: bool,
    /// Held while labels are read or made, so that none is made twice.
    labels: AsyncMutex<()>,
    /// What was kept turned out to be old, and was read again.
    read_anew: AtomicBool,
    /// The labels of the issues read so far.
    known: Mutex<HashMap<String, Vec<String>>>,
}

impl Issues {
    pub(super) fn new(api: Api, maps_labels: bool) -> Issues {
        let (labels, read_anew, known) = Default::default();
        Issues { api, maps_labels, labels, read_anew, known }
    }

    fn name(&self, what: &str) -> String {
        format!("{what} of {}", self.api.scope.team.as_str())
    }

    pub(super) async fn team(&self, call: &Call<'_>) -> Result<Arc<Team>, ConnectorError> {
        let name = self.name("team");
        match self.api.client.kept(&name, KEPT) {
            Some(kept) => Ok(kept),
            None => Ok(self.api.client.keep(&name, Team::read(&self.api, call).await?)),
        }
    }

    pub(super) async fn people(&self, call: &Call<'_>) -> Result<Arc<People>, ConnectorError> {
        match self.api.client.kept(PEOPLE, KEPT) {
            Some(kept) => Ok(kept),
            None => Ok(self.api.client.keep(PEOPLE, People::read(&self.api, call).await?)),
        }
    }

    /// The id of the project of the scope, if it has one.
    pub(super) async fn project(&self, call: &Call<'_>) -> Result<Option<Arc<String>>, ConnectorError> {
        let Some(project) = &self.api.scope.project else { return Ok(None) };
        let name = format!("project {}", project.as_str());
        match self.api.client.kept(&name, KEPT) {
            Some(kept) => Ok(Some(kept)),
            None => {
                let read = team::project(&self.api, project, call).await?;
                Ok(Some(self.api.client.keep(&name, read)))
            }
        }
    }

    /// Forgets what is kept, since something is not in it or was refused. False if that has been done by this place
    /// already.
    pub(super) fn forget(&self) -> bool {
        let again = !self.read_anew.swap(true, Ordering::Relaxed);
        if again {
            for name in [self.name("team"), self.name("labels"), PEOPLE.to_owned()] {
                self.api.client.forget(&name);
            }
        }
        again
    }

    /// The labels that are known, with at least those of the team and of the workspace.
    pub(super) async fn labels(&self, call: &Call<'_>) -> Result<Arc<Labels>, ConnectorError> {
        self.change_labels(call, async |_| Ok(false)).await
    }

    /// The labels, changed by `change`, which says whether it did.
    pub(super) async fn change_labels(
        &self,
        call: &Call<'_>,
        change: impl AsyncFnOnce(&mut Labels) -> Result<bool, ConnectorError>,
    ) -> Result<Arc<Labels>, ConnectorError> {
        let _one = self.labels.lock().await;
        let name = self.name("labels");
        let client = &self.api.client;
        let labels = match client.kept::<Labels>(&name, KEPT) {
            Some(kept) => kept,
            None => client.keep(&name, Labels::read(&self.api, call).await?),
        };
        let mut copy = Labels::clone(&labels);
        Ok(if change(&mut copy).await? { client.keep(&name, copy) } else { labels })
    }

    /// The items of issues. The names of labels are asked for if there are any.
    pub(super) async fn items(&self, issues: &[Issue], call: &Call<'_>) -> Result<Vec<Item>, ConnectorError> {
        self.note(issues);
        let used: HashSet<&str> =
            issues.iter().flat_map(|issue| &issue.label_ids).map(String::as_str).collect();
        if used.is_empty() || !self.maps_labels {
            return Ok(issues.iter().map(|issue| convert::item(issue, |_| None)).collect());
        }
        let labels = self
            .change_labels(call, async |labels| {
                let unknown: Vec<&str> =
                    used.iter().copied().filter(|id| labels.name(id).is_none()).collect();
                if !unknown.is_empty() {
                    labels.read_ids(&self.api, &unknown, call).await?;
                }
                Ok(!unknown.is_empty())
            })
            .await?;
        let name = |id: &str| labels.name(id).map(str::to_owned);
        Ok(issues.iter().map(|issue| convert::item(issue, name)).collect())
    }

    pub(super) async fn item(&self, issue: Issue, call: &Call<'_>) -> Result<Item, ConnectorError> {
        let mut items = self.items(&[issue], call).await?;
        items.pop().ok_or_else(|| ConnectorError::transient("an issue without an item"))
    }

    fn note(&self, issues: &[Issue]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for issue in issues {
            if known.len() < MOST_KNOWN || known.contains_key(&issue.id) {
                known.insert(issue.id.clone(), issue.label_ids.clone());
            }
        }
    }

    /// The ids of the labels that an issue had when it was last read.
    pub(super) fn labels_of(&self, id: &str) -> Option<Vec<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Issues by their ids, wherever they are now. What is no id of an issue is not asked for.
    pub(super) async fn by_ids(
        &self,
        asked: &[String],
        call: &Call<'_>,
    ) -> Result<BTreeMap<String, Issue>, ConnectorError> {
        let ids: Vec<String> = asked.iter().filter_map(|id| ids::canonical(id)).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let filter = json!({ "id": { "in": ids } });
        let (issues, complete) = self.api.some(&filter, ids.len(), call).await?;
        if !complete && issues.len() < ids.len() {
            let text = "Linear cut a list of issues by their ids, so what it lacks is not known";
            return Err(ConnectorError::transient(text));
        }
        Ok(issues.into_iter().map(|issue| (issue.id.clone(), issue)).collect())
    }

    /// What is known of items, one answer per id.
    pub(super) async fn fetch(
        &self,
        asked: &[String],
        call: &Call<'_>,
    ) -> Vec<(String, Result<Found, ConnectorError>)> {
        let found = match self.found(asked, call).await {
            Ok(found) => found,
            Err(error) => return asked.iter().map(|id| (id.clone(), Err(error.clone()))).collect(),
        };
        let answer = |id: &String| ids::canonical(id).and_then(|id| found.get(&id).cloned());
        asked.iter().map(|id| (id.clone(), Ok(answer(id).unwrap_or(Found::NotVisible)))).collect()
    }

    async fn found(
        &self,
        asked: &[String],
        call: &Call<'_>,
    ) -> Result<HashMap<String, Found>, ConnectorError> {
        let issues: Vec<Issue> = self.by_ids(asked, call).await?.into_values().collect();
        let (here, elsewhere): (Vec<Issue>, Vec<Issue>) =
            issues.into_iter().partition(|issue| !issue.is_trashed() && self.api.scope.takes(issue));
        let mut found: HashMap<String, Found> = HashMap::new();
        for issue in elsewhere {
            let what = if issue.is_trashed() { Found::Gone } else { Found::OutOfScope };
            found.insert(issue.id, what);
        }
        let items = self.items(&here, call).await?;
        found.extend(items.into_iter().map(|item| (item.id.clone(), Found::Item(item))));
        Ok(found)
    }
}
