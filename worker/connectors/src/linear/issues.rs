//! The issues of one team: what all operations of a place share.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, Found},
};
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use super::{
    api::Api,
    convert, ids,
    issue::Issue,
    team::{self, Labels, People, Team},
};

/// Issues whose labels are remembered at most.
const MOST_KNOWN: usize = 100_000;

pub(super) struct Issues {
    pub(super) api: Api,
    /// The sync maps the labels. Their names take a request.
    maps_labels: bool,
    team: OnceCell<Team>,
    people: OnceCell<People>,
    project: OnceCell<Option<String>>,
    labels: AsyncMutex<Option<Arc<Labels>>>,
    /// The labels of the issues read so far.
    known: Mutex<HashMap<String, Vec<String>>>,
}

impl Issues {
    pub(super) fn new(api: Api, maps_labels: bool) -> Issues {
        Issues {
            api,
            maps_labels,
            team: OnceCell::new(),
            people: OnceCell::new(),
            project: OnceCell::new(),
            labels: AsyncMutex::default(),
            known: Mutex::default(),
        }
    }

    pub(super) async fn team(&self, call: &Call<'_>) -> Result<&Team, ConnectorError> {
        self.team.get_or_try_init(|| Team::read(&self.api, call)).await
    }

    pub(super) async fn people(&self, call: &Call<'_>) -> Result<&People, ConnectorError> {
        self.people.get_or_try_init(|| People::read(&self.api, call)).await
    }

    /// The id of the project of the scope, if it has one.
    pub(super) async fn project(&self, call: &Call<'_>) -> Result<Option<&str>, ConnectorError> {
        let project = self.project.get_or_try_init(|| team::project(&self.api, call)).await?;
        Ok(project.as_deref())
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
        let mut known = self.labels.lock().await;
        let labels = match &*known {
            Some(labels) => labels.clone(),
            None => Arc::new(Labels::read(&self.api, call).await?),
        };
        let labels = known.insert(labels);
        let mut copy = Labels::clone(labels);
        if change(&mut copy).await? {
            *labels = Arc::new(copy);
        }
        Ok(labels.clone())
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
