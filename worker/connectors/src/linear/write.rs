//! Writes. Creates go in one request that makes all of them or none; updates and removals in one document, of which each
//! part may fail alone.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value as Json;
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, ErrorKind, Write, WriteOp, Written},
};

use super::{
    documents::Step,
    draft::{Draft, LeftOut},
    ids,
    issue::Issue,
    issues::Issues,
    job::{Job, Open, Outcomes, gone, is_about_parts},
    labels::Named,
};
use crate::http::Failed;

/// Mutations of one document.
pub(super) const MOST_STEPS: usize = 20;

/// How often a write is sent again without what was refused in it.
const MOST_TRIES: usize = 4;

/// What a mutation answers.
#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    success: bool,
    issue: Option<Issue>,
    /// Of an archive or a deletion; null if nothing is left of it.
    entity: Option<Issue>,
}

impl Issues {
    pub(super) async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        let mut outcomes = Outcomes::default();
        self.create(writes, &mut outcomes, call).await;
        if outcomes.stopped.is_none() {
            self.change(writes, &mut outcomes, call).await;
        }
        outcomes.in_order(writes.len())
    }

    /// Updates and removals, in their order.
    async fn change(&self, writes: &[Write], outcomes: &mut Outcomes, call: &Call<'_>) {
        let mut drafts = Vec::new();
        let mut removals = Vec::new();
        for (at, write) in writes.iter().enumerate() {
            match &write.op {
                WriteOp::Create { .. } => {}
                WriteOp::Update { id, fields } => match (ids::canonical(id), Draft::read(fields)) {
                    (None, _) => outcomes.put(at, Written::Refused(gone(id, "that is no id of an issue"))),
                    (_, Err(error)) => outcomes.put(at, Written::Refused(error)),
                    (Some(id), Ok(draft)) => drafts.push((at, id, draft)),
                },
                WriteOp::Remove { id, how } => removals.push((at, id.clone(), *how)),
            }
        }
        let jobs = async {
            let labels = self.labels_of_drafts(drafts.iter().map(|(_, _, draft)| draft), call).await?;
            let mut jobs = self.updates(drafts, labels.as_ref(), outcomes, call).await?;
            jobs.extend(self.removals(removals, outcomes, call).await?);
            Ok(jobs)
        };
        let mut jobs: Vec<Job> = match jobs.await {
            Ok(jobs) => jobs,
            Err(error) => return outcomes.stopped = Some(error),
        };
        jobs.sort_by_key(|job| job.at);
        self.send(jobs, outcomes, call).await;
    }

    async fn updates(
        &self,
        drafts: Vec<(usize, String, Draft)>,
        labels: Option<&Named>,
        outcomes: &mut Outcomes,
        call: &Call<'_>,
    ) -> Result<Vec<Job>, ConnectorError> {
        let mut jobs = Vec::with_capacity(drafts.len());
        let mut met = HashSet::new();
        for (at, id, draft) in drafts {
            let mut input = draft.input(self, &id, labels, call).await?;
            // What is known of an issue is from before the first write to it.
            if let Some(present) = self.labels_of(&id).filter(|_| met.insert(id.clone())) {
                input.change_labels(&present);
            }
            if input.keys.is_empty() {
                outcomes.put(at, Written::done(None, input.left_out));
            } else {
                jobs.push(Job { at, id, step: Step::Update, input, is_new: false });
            }
        }
        Ok(jobs)
    }

    /// What the labels in drafts are called; none if there are none.
    pub(super) async fn labels_of_drafts<'d>(
        &self,
        drafts: impl Iterator<Item = &'d Draft>,
        call: &Call<'_>,
    ) -> Result<Option<Named>, ConnectorError> {
        let lists: Vec<&Vec<String>> = drafts.filter_map(|draft| draft.labels.as_ref()).collect();
        if lists.is_empty() {
            Ok(None)
        } else {
            self.named(lists.into_iter().flatten(), call).await.map(Some)
        }
    }

    /// Sends mutations, as many in a document as it takes, until each has an outcome. What is refused in one is left out of
    /// a second one.
    pub(super) async fn send(&self, jobs: Vec<Job>, outcomes: &mut Outcomes, call: &Call<'_>) {
        let mut jobs = jobs;
        for _ in 0..MOST_TRIES {
            let mut open = Vec::new();
            while !jobs.is_empty() && outcomes.stopped.is_none() {
                let rest = jobs.split_off(jobs.len().min(MOST_STEPS));
                let some = std::mem::replace(&mut jobs, rest);
                self.send_document(some, &mut open, outcomes, call).await;
            }
            jobs = self.settle(open, outcomes, call).await;
        }
        for job in jobs {
            let text = format!("issue {}: Linear does not tell whether it was written", job.id);
            outcomes.put(job.at, Written::Unknown(ConnectorError::transient(text)));
        }
    }

    /// Sends one document. What it does not settle is added to `open`.
    async fn send_document(
        &self,
        jobs: Vec<Job>,
        open: &mut Vec<Open>,
        outcomes: &mut Outcomes,
        call: &Call<'_>,
    ) {
        let steps: Vec<(Step, Option<&str>, Json)> = jobs.iter().map(Job::step).collect();
        let call = &match &jobs[..] {
            [only] => call.for_write(only.at),
            _ => *call,
        };
        let mut reply = match self.api.mutate(&steps, call).await {
            Ok(reply) => reply,
            Err(failed) if is_about_parts(&failed) && jobs.len() > 1 => {
                // It does not tell which part is wrong. All of them may be sent again, since each sets what it sets.
                for job in jobs {
                    Box::pin(self.send_document(vec![job], open, outcomes, call)).await;
                    if outcomes.stopped.is_some() {
                        break;
                    }
                }
                return;
            }
            Err(failed) if is_about_parts(&failed) => {
                let refused = |job| Open { job, refused: Some(failed.clone()) };
                return open.extend(jobs.into_iter().map(refused));
            }
            Err(failed) => return outcomes.fail(jobs, &failed),
        };
        // A mutation never answers null. Where one fails, there is no data at all, although others were carried out.
        let is_void = reply.data.is_null();
        for (n, job) in jobs.into_iter().enumerate() {
            let name = format!("m{n}");
            let has_failed =
                reply.errors.iter().any(|error| error.path.first().is_none_or(|first| *first == name));
            if is_void && !has_failed {
                open.push(Open { job, refused: None });
                continue;
            }
            match reply.part::<Payload>(&name) {
                Ok(payload) => self.answered(job, payload, outcomes, call).await,
                Err(failed) if is_about_parts(&failed) => open.push(Open { job, refused: Some(failed) }),
                Err(failed) => outcomes.put(job.at, failed.written()),
            }
        }
    }

    /// Decides about mutations that were refused, or of which the answer tells nothing. Returns those that are to be sent
    /// again.
    async fn settle(&self, open: Vec<Open>, outcomes: &mut Outcomes, call: &Call<'_>) -> Vec<Job> {
        let is_unclear = |open: &&Open| open.job.step != Step::Update && !open.is_certain();
        let ids: Vec<String> = open.iter().filter(is_unclear).map(|open| open.job.id.clone()).collect();
        let there = match self.by_ids(&ids, call).await {
            Ok(there) => there,
            Err(error) => {
                for Open { job, refused } in open {
                    let outcome = match refused {
                        Some(failed) => failed.written(),
                        None => Written::Unknown(error.clone()),
                    };
                    outcomes.put(job.at, outcome);
                }
                return Vec::new();
            }
        };
        let mut again = Vec::new();
        for Open { mut job, refused } in open {
            let is_known = job.step == Step::Create && !ids.contains(&job.id);
            let outcome = match (there.get(&job.id), refused) {
                (Some(issue), _) if job.step == Step::Create && !is_known => {
                    self.before(issue.clone(), std::mem::take(&mut job.input.left_out), call).await
                }
                (Some(issue), _) if job.is_carried_out(issue) => {
                    self.written(&job, Some(issue.clone()), LeftOut::new(), call).await
                }
                (_, None) => {
                    again.push(job);
                    continue;
                }
                (_, Some(failed)) => {
                    // It was looked for and is not there, or is no create.
                    job.is_new = true;
                    // What it was made of may be out of date.
                    self.forget();
                    let needed = job.needed();
                    if job.input.leave_refused(&failed.error, needed) && !job.input.keys.is_empty() {
                        again.push(job);
                        continue;
                    }
                    self.refused(&job, failed)
                }
            };
            outcomes.put(job.at, outcome);
        }
        again
    }

    /// Notes what a mutation answered.
    async fn answered(&self, mut job: Job, payload: Payload, outcomes: &mut Outcomes, call: &Call<'_>) {
        let outcome = match (payload.success, payload.issue.or(payload.entity)) {
            (false, _) => {
                let text = format!("issue {}: Linear says that it was not carried out", job.id);
                Written::Refused(ConnectorError::permanent(text))
            }
            (true, issue) => {
                let left_out = std::mem::take(&mut job.input.left_out);
                self.written(&job, issue, left_out, call).await
            }
        };
        outcomes.put(job.at, outcome);
    }

    /// The outcome of a mutation that was carried out.
    async fn written(&self, job: &Job, issue: Option<Issue>, left_out: LeftOut, call: &Call<'_>) -> Written {
        let deleted = job.step == Step::Trash;
        let item = match issue {
            // The names of labels may not be told now; then the engine reads the item.
            Some(issue) => self.item(issue, call).await.ok(),
            None if deleted => Some(Item::new(job.id.clone(), syncline_engine::value::Fields::new())),
            None => None,
        };
        Written::done(item.map(|item| Item { deleted: deleted || item.deleted, ..item }), left_out)
    }

    /// The outcome of a mutation that was refused. Everything in it may have been refused for a field that is left out.
    fn refused(&self, job: &Job, failed: Failed) -> Written {
        if job.input.keys.is_empty() && job.step == Step::Update {
            return Written::done(None, job.input.left_out.clone());
        }
        if failed.error.kind == ErrorKind::NotFound && job.step != Step::Create {
            let why = "Linear does not show it to this account: it was deleted for good, or is in a team that it does not see";
            return Written::Refused(ConnectorError { message: gone(&job.id, why).message, ..failed.error });
        }
        failed.written()
    }
}
