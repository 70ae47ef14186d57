//! Creates issues, each once: with the id that follows from its marker.

use std::collections::HashMap;

use serde_json::{Value as Json, json};
use syncline_engine::{
    ports::{Call, ConnectorError, Marker, Write, WriteOp, Written},
    value::Fields,
};

use super::{
    documents::Step,
    draft::{Draft, LeftOut},
    ids,
    issue::Issue,
    issues::Issues,
    job::{Job, Outcomes, gone, is_about_parts},
};
use crate::http::{Failed, Sent};

impl Issues {
    pub(super) async fn create(&self, writes: &[Write], outcomes: &mut Outcomes, call: &Call<'_>) {
        let creates = writes.iter().enumerate().filter_map(|(at, write)| match &write.op {
            WriteOp::Create { marker, fields } => Some((at, marker, fields)),
            _ => None,
        });
        // The same marker twice is one issue.
        let mut doubles: Vec<(usize, usize)> = Vec::new();
        let mut first: HashMap<&str, usize> = HashMap::new();
        let mut drafts = Vec::new();
        for (at, marker, fields) in creates {
            if let Some(first) = first.get(marker.text.as_str()) {
                doubles.push((at, *first));
                continue;
            }
            first.insert(&marker.text, at);
            match draft(marker, fields) {
                Ok(draft) => drafts.push((at, ids::of_marker(&marker.text), draft)),
                Err(error) => outcomes.put(at, Written::Refused(error)),
            }
        }
        match self.new_issues(drafts, call).await {
            Ok(jobs) => self.make(jobs, outcomes, call).await,
            Err(error) => outcomes.stopped = Some(error),
        }
        for (at, first) in doubles {
            if let Some(outcome) = outcomes.of(first).cloned() {
                outcomes.put(at, outcome);
            }
        }
    }

    async fn new_issues(
        &self,
        drafts: Vec<(usize, String, Draft)>,
        call: &Call<'_>,
    ) -> Result<Vec<Job>, ConnectorError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let team = self.team(call).await?.id.clone();
        let project = self.project(call).await?;
        let labels = self.labels_of_drafts(drafts.iter().map(|(_, _, draft)| draft), call).await?;
        let mut jobs = Vec::with_capacity(drafts.len());
        for (at, id, draft) in drafts {
            let mut input = draft.input(self, &id, labels.as_ref(), call).await?;
            input.without_nothing();
            input.keys.insert("id".to_owned(), json!(id));
            input.keys.insert("teamId".to_owned(), json!(team));
            input.keys.extend(project.iter().map(|project| ("projectId".to_owned(), json!(**project))));
            jobs.push(Job { at, id, step: Step::Create, input, is_new: false });
        }
        Ok(jobs)
    }

    /// Makes all of them at once. If that is refused, some are there already, or some cannot be: then each goes alone.
    async fn make(&self, jobs: Vec<Job>, outcomes: &mut Outcomes, call: &Call<'_>) {
        if jobs.is_empty() {
            return;
        }
        let inputs: Vec<Json> = jobs.iter().map(|job| Json::Object(job.input.keys.clone())).collect();
        match self.api.create(&inputs, call).await {
            Ok(issues) => self.made(jobs, issues, outcomes, call).await,
            Err(failed) if is_about_parts(&failed) => self.make_rest(jobs, &failed, outcomes, call).await,
            Err(failed) => outcomes.fail(jobs, &failed),
        }
    }

    async fn made(&self, jobs: Vec<Job>, issues: Vec<Issue>, outcomes: &mut Outcomes, call: &Call<'_>) {
        let items = self.items(&issues, call).await;
        let mut items: HashMap<String, _> = match items {
            Ok(items) => items.into_iter().map(|item| (item.id.clone(), item)).collect(),
            // The issues are there, and their labels have no names yet; the engine reads them.
            Err(_) => {
                issues.iter().map(|issue| (issue.id.clone(), super::convert::item(issue, |_| None))).collect()
            }
        };
        for job in jobs {
            let outcome = match items.remove(&job.id) {
                Some(item) => Written::done(Some(item), job.input.left_out),
                None => {
                    let text = format!("issue {}: Linear's answer to its create lacks it", job.id);
                    Written::Unknown(ConnectorError::transient(text))
                }
            };
            outcomes.put(job.at, outcome);
        }
    }

    async fn make_rest(&self, jobs: Vec<Job>, failed: &Failed, outcomes: &mut Outcomes, call: &Call<'_>) {
        let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
        let mut there = match self.by_ids(&ids, call).await {
            Ok(there) => there,
            // Nothing was created, but what was there before is not known.
            Err(error) => return outcomes.fail(jobs, &Failed { error, sent: Sent::No }),
        };
        let mut rest = Vec::new();
        for job in jobs {
            match there.remove(&job.id) {
                Some(issue) => {
                    let outcome = self.before(issue, LeftOut::new(), call).await;
                    outcomes.put(job.at, outcome);
                }
                None => rest.push(Job { is_new: true, ..job }),
            }
        }
        tracing::debug!(error = %failed.error, rest = rest.len(), "creates are sent one by one");
        self.send(rest, outcomes, call).await;
    }

    /// The outcome of a create whose issue is there.
    pub(super) async fn before(&self, issue: Issue, left_out: LeftOut, call: &Call<'_>) -> Written {
        if issue.is_trashed() {
            let why = "it was created before and is in the trash of Linear; restore it there, or delete it for good";
            return Written::Refused(gone(&issue.identifier, why));
        }
        match self.item(issue, call).await {
            Ok(item) => Written::done(Some(item), left_out),
            Err(error) => Written::NotSent(error),
        }
    }
}

fn draft(marker: &Marker, fields: &Fields) -> Result<Draft, ConnectorError> {
    let draft = Draft::read(fields)?;
    if marker.text.is_empty() {
        return Err(ConnectorError::permanent("a create without a marker cannot be told from another one"));
    }
    if !fields.contains_key("title") {
        return Err(ConnectorError::permanent("an issue needs a title; map the field title"));
    }
    Ok(draft)
}
