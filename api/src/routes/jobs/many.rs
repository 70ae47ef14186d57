//! `POST /api/v1/jobs` with several jobs: each is accepted or refused, and the response says which.

use std::collections::{HashMap, hash_map::Entry};

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use syncline_service::{
    Caller, Error,
    runs::{Enqueued, MOST_AT_ONCE, Request, enqueue_many},
    syncs::{StoredSync, find_seen},
};
use utoipa::ToSchema;

use super::create::{AcceptedJob, JobKind, NewJob, accepted, invalid, request, unknown};
use crate::{json::read, problem::Problem, repeat::id_of_part, state::ApiState};

/// Runs to enqueue in one transaction.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "jobs": [{ "sync": "tasks", "items": { "side": "source", "ids": ["T-1"] } }, { "sync": "docs" }] })))]
#[allow(dead_code, reason = "the document has it; entries are read one by one")]
pub struct NewJobs {
    #[schema(min_items = 1, max_items = 1000)]
    jobs: Vec<NewJob>,
}

/// What became of several jobs.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({ "accepted": 1, "refused": 1, "jobs": [
    { "status": 202, "job": {
        "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "sync": "tasks", "project": "default", "kind": "sync", "status": "queued",
        "joined": false, "links": { "self": "/api/v1/jobs/01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "parent": null },
    }, "problem": null },
    { "status": 404, "job": null, "problem": {
        "type": "urn:syncline:problem:unknown-sync", "title": "Unknown sync", "status": 404, "detail": "There is no sync \"docs\"",
    } },
] })))]
pub struct AcceptedJobs {
    pub accepted: usize,
    pub refused: usize,
    /// In the order of the request.
    pub jobs: Vec<JobResult>,
}

/// A job that was accepted, or the problem with it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobResult {
    /// The status that a request for this job alone would have had.
    #[schema(minimum = 100, maximum = 599)]
    pub status: u16,
    pub job: Option<AcceptedJob>,
    #[schema(value_type = Option<Problem>)]
    pub problem: Option<Value>,
}

impl From<Problem> for JobResult {
    fn from(problem: Problem) -> Self {
        JobResult { status: problem.status, job: None, problem: Some(json!(problem)) }
    }
}

/// Accepts the jobs that can be accepted, all of them in one transaction.
pub(super) async fn create_many(
    api: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    jobs: Value,
) -> Result<Response, Problem> {
    let Value::Array(jobs) = jobs else { return Err(invalid("jobs", "must be a list of jobs")) };
    if jobs.is_empty() || jobs.len() > MOST_AT_ONCE {
        return Err(invalid("jobs", &format!("has {} entries; give 1 to {MOST_AT_ONCE}", jobs.len())));
    }
    let mut results: Vec<Option<JobResult>> = Vec::with_capacity(jobs.len());
    let mut syncs: HashMap<(Option<String>, String), Result<StoredSync, Problem>> = HashMap::new();
    let mut asked: Vec<(usize, NewJob, Request)> = Vec::with_capacity(jobs.len());
    for (at, job) in jobs.into_iter().enumerate() {
        let of_entry = read::<NewJob>(job).and_then(|mut job| {
            if job.id.is_none() {
                job.id = id_of_part(caller, headers, at)?;
            }
            Ok((request(&job)?, job))
        });
        let (request, job) = match of_entry {
            Ok(read) => read,
            Err(problem) => {
                results.push(Some(problem.into()));
                continue;
            }
        };
        let key = (job.project.clone(), job.sync.clone());
        if let Entry::Vacant(place) = syncs.entry(key.clone()) {
            let found = find_seen(&api.db, caller, job.project.as_deref(), &job.sync).await;
            let found = match found {
                Err(error @ (Error::Database(_) | Error::Queue(_))) => return Err(error.into()),
                found => found.map_err(|error| unknown(error, &job)),
            };
            place.insert(found);
        }
        match syncs.get(&key) {
            Some(Err(problem)) => results.push(Some(problem.clone().into())),
            _ => {
                results.push(None);
                asked.push((at, job, request));
            }
        }
    }
    let sync_of = |job: &NewJob| match syncs.get(&(job.project.clone(), job.sync.clone())) {
        Some(Ok(sync)) => Some(sync),
        _ => None,
    };
    let requests: Vec<(&StoredSync, Request)> =
        asked.iter().filter_map(|(_, job, request)| Some((sync_of(job)?, request.clone()))).collect();
    let answers = enqueue_many(&api.db, &api.queue, caller, &requests).await?;
    for (((at, job, _), (sync, _)), answer) in asked.iter().zip(&requests).zip(answers) {
        let result = match answer {
            Ok(enqueued) => told(api, sync, job.kind, &enqueued),
            Err(error) => unknown(error, job).into(),
        };
        if let Some(place) = results.get_mut(*at) {
            *place = Some(result);
        }
    }
    let jobs: Vec<JobResult> = results.into_iter().flatten().collect();
    let accepted = jobs.iter().filter(|result| result.job.is_some()).count();
    let done = AcceptedJobs { accepted, refused: jobs.len() - accepted, jobs };
    Ok((StatusCode::MULTI_STATUS, Json(done)).into_response())
}

fn told(api: &ApiState, sync: &StoredSync, kind: JobKind, enqueued: &Enqueued) -> JobResult {
    let job = accepted(api.hosts.prefix(), sync.row.name.clone(), sync.project.clone(), kind, enqueued);
    JobResult { status: StatusCode::ACCEPTED.as_u16(), job: Some(job), problem: None }
}
