//! The issues of one project: what all operations of a place share.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, ErrorKind, ErrorScope, Found},
};
use tokio::sync::OnceCell;

use super::{
    api::{Api, RECONCILED, Search},
    columns::{self, Column},
    convert, fields,
    issue::{Fetched, Issue, Page},
    memo::Memo,
    scope::ProjectScope,
};

pub(super) struct Issues {
    pub(super) api: Api,
    pub(super) scope: ProjectScope,
    pub(super) memo: Memo,
    /// The mapped fields; all that every issue has if none are.
    pub(super) mapped: Vec<String>,
    /// The columns, as far as they are known without their kinds, and with them.
    read: OnceCell<Arc<Vec<Column>>>,
    written: OnceCell<Arc<Vec<Column>>>,
    /// Whether the youngest issues were looked at for markers.
    pub(super) youngest: tokio::sync::Mutex<bool>,
}

impl Issues {
    pub(super) fn new(api: Api, scope: ProjectScope, mapped: &[String]) -> Issues {
        let (memo, read, written, youngest) = Default::default();
        Issues { api, scope, memo, mapped: mapped.to_vec(), read, written, youngest }
    }

    /// The columns, to read issues: those of added fields that are named by their ids need no request.
    pub(super) async fn columns(&self, call: &Call<'_>) -> Result<Arc<Vec<Column>>, ConnectorError> {
        let named = |name: &String| fields::custom(name).is_some_and(|name| !fields::is_custom_id(name));
        if self.mapped.iter().any(named) {
            return self.kinds(call).await;
        }
        let read = || async {
            let mut columns = columns::of_names(&self.mapped);
            let ids = self.mapped.iter().filter_map(|name| Some((name, fields::custom(name)?)));
            let column =
                |(name, id): (&String, &str)| Column { name: name.clone(), id: id.to_owned(), schema: None };
            columns.extend(ids.map(column));
            Ok(Arc::new(columns))
        };
        self.read.get_or_try_init(read).await.cloned()
    }

    /// The columns with the kinds of added fields, to write issues.
    pub(super) async fn kinds(&self, call: &Call<'_>) -> Result<Arc<Vec<Column>>, ConnectorError> {
        let read = || async {
            let mut columns = columns::of_names(&self.mapped);
            let is_added = |name: &String| fields::custom(name).is_some();
            let added: Vec<String> = self.mapped.iter().filter(|name| is_added(name)).cloned().collect();
            if !added.is_empty() {
                let definitions = self.api.definitions(call).await?;
                for name in &added {
                    columns.push(columns::custom(&self.api, name, &definitions, call).await?);
                }
            }
            Ok(Arc::new(columns))
        };
        self.written.get_or_try_init(read).await.cloned()
    }

    /// The item of an issue of this project.
    pub(super) fn item(&self, issue: &Issue, columns: &[Column]) -> Item {
        self.note(issue, columns);
        convert::item(issue, columns)
    }

    pub(super) fn note(&self, issue: &Issue, columns: &[Column]) {
        // Without a kind any field may turn out to be rich text.
        let rich = |column: &&Column| {
            column.is_rich() || (column.schema.is_none() && fields::custom(&column.name).is_some())
        };
        self.memo.note(issue, columns.iter().filter(rich).map(|column| column.id.as_str()));
    }

    /// Issues by id or key as they are now, in the order asked for; none for those that Jira does not show.
    pub(super) async fn look(
        &self,
        ids: &[&str],
        call: &Call<'_>,
    ) -> Result<Vec<Result<Option<Issue>, ConnectorError>>, ConnectorError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let columns = self.columns(call).await?;
        let reply = match self.api.fetch(ids, &columns::asked(&columns), call).await {
            Ok(reply) => reply,
            // None of them is shown.
            Err(failed) if failed.error.kind == ErrorKind::NotFound => {
                return Ok(ids.iter().map(|_| Ok(None)).collect());
            }
            Err(failed) => return Err(failed.into()),
        };
        let Fetched { issues, issue_errors } = reply.json()?;
        let mut by_name: HashMap<String, Issue> = HashMap::with_capacity(issues.len());
        let mut others = Vec::new();
        for issue in issues {
            self.note(&issue, &columns);
            if ids.contains(&issue.id.as_str()) || ids.contains(&issue.key.as_str()) {
                by_name.insert(issue.key.clone(), issue.clone());
                by_name.insert(issue.id.clone(), issue);
            } else {
                // Asked for by a key that it had once.
                others.push(issue);
            }
        }
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            let failed = || issue_errors.iter().any(|error| error.id.as_deref() == Some(id));
            answers.push(match by_name.get(*id).cloned() {
                Some(issue) => Ok(Some(issue)),
                None if failed() => self.look_alone(id, &columns, call).await,
                None if ids.len() == 1 => Ok(others.pop()),
                None => Ok(None),
            });
        }
        Ok(answers)
    }

    /// An issue that Jira could not return with others.
    async fn look_alone(
        &self,
        id: &str,
        columns: &[Column],
        call: &Call<'_>,
    ) -> Result<Option<Issue>, ConnectorError> {
        match self.api.issue(id, &columns::asked(columns), call).await {
            Ok(reply) => {
                let issue: Issue = reply.json()?;
                self.note(&issue, columns);
                Ok(Some(issue))
            }
            Err(failed) if failed.error.kind == ErrorKind::NotFound => Ok(None),
            Err(failed) => Err(failed.into()),
        }
    }

    /// One issue by id or key as it is now.
    pub(super) async fn look_one(&self, id: &str, call: &Call<'_>) -> Result<Option<Issue>, ConnectorError> {
        self.look(&[id], call).await?.pop().unwrap_or(Ok(None))
    }

    /// What is known of items.
    pub(super) async fn fetch(
        &self,
        ids: &[String],
        call: &Call<'_>,
    ) -> Vec<(String, Result<Found, ConnectorError>)> {
        let asked: Vec<&str> = ids.iter().map(|id| id.trim()).collect();
        let found = async {
            let looked = self.look(&asked, call).await?;
            let here = self.here(looked.iter().filter_map(|one| one.as_ref().ok()?.as_ref()), call).await?;
            let columns = self.columns(call).await?;
            Ok::<_, ConnectorError>((looked, here, columns))
        };
        let (looked, here, columns) = match found.await {
            Ok(found) => found,
            Err(error) => {
                return ids.iter().map(|id| (id.clone(), Err(error.clone()))).collect();
            }
        };
        let answer = |(id, looked): (&String, Result<Option<Issue>, ConnectorError>)| {
            let found = looked.map(|issue| match issue {
                None => Found::NotVisible,
                Some(issue) if !here.contains(&issue.id) => Found::OutOfScope,
                Some(issue) => {
                    let item = convert::item(&issue, &columns);
                    // Somebody named it by its key.
                    if issue.id == id.trim() {
                        Found::Item(item)
                    } else {
                        Found::Moved { id: issue.id, item }
                    }
                }
            });
            (id.clone(), found)
        };
        ids.iter().zip(looked).map(answer).collect()
    }

    /// The ids of those issues that belong to the place: they are in the project, and the filter finds them.
    async fn here<'i>(
        &self,
        issues: impl Iterator<Item = &'i Issue>,
        call: &Call<'_>,
    ) -> Result<Vec<String>, ConnectorError> {
        let mut here = Vec::new();
        for issue in issues {
            if self.is_in_project(issue, call).await? {
                here.push(issue.id.clone());
            }
        }
        Ok(self.by_filter(here, call).await?.0)
    }

    /// Of these issues of the project, those that the filter finds, and those that it does not. What Jira does not show any
    /// more is in neither.
    pub(super) async fn by_filter(
        &self,
        ids: Vec<String>,
        call: &Call<'_>,
    ) -> Result<(Vec<String>, Vec<String>), ConnectorError> {
        if self.scope.jql.is_none() {
            return Ok((ids, Vec::new()));
        }
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        // The index may be behind, so it is asked to show these as they are.
        for ids in ids.chunks(RECONCILED) {
            let mut ids = ids.to_vec();
            let found = match self.filtered(&ids, call).await {
                Err(error) if error.answer.as_ref().is_some_and(|answer| answer.status == 400) => {
                    // Jira refuses ids that it does not show: one of the issues may have been deleted since it was read.
                    let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
                    let there = self.look(&asked, call).await?.into_iter();
                    let there: Vec<String> = there.filter_map(|one| Some(one.ok()??.id)).collect();
                    if there.len() == ids.len() {
                        return Err(error);
                    }
                    ids = there;
                    self.filtered(&ids, call).await?
                }
                found => found?,
            };
            let (found, others): (Vec<String>, Vec<String>) =
                ids.into_iter().partition(|id| found.contains(id));
            inside.extend(found);
            outside.extend(others);
        }
        Ok((inside, outside))
    }

    /// Those of some issues that the filter finds.
    async fn filtered(&self, ids: &[String], call: &Call<'_>) -> Result<HashSet<String>, ConnectorError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let search = Search {
            jql: format!("{} AND id in ({})", self.scope.jql(), ids.join(", ")),
            fields: vec!["project".to_owned()],
            reconcile: ids.iter().filter_map(|id| id.parse().ok()).collect(),
            token: None,
        };
        let page: Page = self.api.search(&search, call).await?.json()?;
        if page.next().is_some() {
            let text = "Jira did not say which issues the jql of the scope finds; try again";
            return Err(ConnectorError::transient(text).about(ErrorScope::Endpoint));
        }
        Ok(page.issues.into_iter().map(|issue| issue.id).collect())
    }

    /// True if an issue is in the project. The key of a project may have changed since the scope was written.
    async fn is_in_project(&self, issue: &Issue, call: &Call<'_>) -> Result<bool, ConnectorError> {
        if issue.project_key().eq_ignore_ascii_case(&self.scope.project) {
            return Ok(true);
        }
        // A project that was deleted, or that is not shown any more, has no issues.
        let own = match self.api.identity(call).await {
            Ok(own) => own,
            Err(error) if error.answer.as_ref().is_some_and(|answer| answer.status == 404) => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        Ok(match issue.project_id() {
            Some(id) => id == own.0,
            None => issue.project_key().eq_ignore_ascii_case(&own.1),
        })
    }

    pub(super) fn gone(&self, id: &str, why: &str) -> ConnectorError {
        ConnectorError::new(ErrorKind::NotFound, format!("issue {id} of {}: {why}", self.scope.project))
    }
}

/// The number of an issue, from the id of its item.
pub(super) fn number(id: &str) -> Option<u64> {
    id.trim().parse().ok()
}
