//! Mutations on their way, and what becomes of them.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use syncline_engine::ports::{ConnectorError, ErrorKind, Written};

use super::{
    documents::Step,
    draft::{Input, LeftOut},
    issue::Issue,
};
use crate::http::{Failed, Sent};

/// A mutation to be sent, for the write at this position of the call.
pub(super) struct Job {
    pub(super) at: usize,
    pub(super) id: String,
    pub(super) step: Step,
    pub(super) input: Input,
    /// Of a create: it was looked for, and is not there.
    pub(super) is_new: bool,
}

/// A mutation without an outcome.
pub(super) struct Open {
    pub(super) job: Job,
    /// Why it was refused; none if there is no answer to it.
    pub(super) refused: Option<Failed>,
}

impl Open {
    /// True if nothing can have come of it.
    pub(super) fn is_certain(&self) -> bool {
        self.job.is_new && self.refused.is_some()
    }
}

impl Job {
    /// True if an issue is as this removal leaves it.
    pub(super) fn is_carried_out(&self, issue: &Issue) -> bool {
        match self.step {
            Step::Archive => issue.archived_at.is_some(),
            Step::Trash => issue.is_trashed(),
            _ => false,
        }
    }

    /// Its id and its input, as far as its mutation takes them.
    pub(super) fn step(&self) -> (Step, Option<&str>, Json) {
        let id = Some(self.id.as_str()).filter(|_| self.step != Step::Create);
        let takes_input = matches!(self.step, Step::Create | Step::Update);
        let input = if takes_input { Json::Object(self.input.keys.clone()) } else { Json::Null };
        (self.step, id, input)
    }

    /// The keys that its input cannot do without.
    pub(super) fn needed(&self) -> &'static [&'static str] {
        if self.step == Step::Create { &["title", "id", "teamId"] } else { &[] }
    }
}

/// The outcomes of a call, by position.
#[derive(Default)]
pub(super) struct Outcomes {
    written: HashMap<usize, Written>,
    /// Why nothing more is sent.
    pub(super) stopped: Option<ConnectorError>,
}

impl Outcomes {
    /// Notes the outcome of a write.
    pub(super) fn put(&mut self, at: usize, outcome: Written) {
        if let Some(error) = outcome.error().filter(|error| error.stops_the_batch()) {
            self.stopped.get_or_insert_with(|| error.clone());
        }
        self.written.insert(at, outcome);
    }

    /// Notes that a request failed which several writes were in.
    pub(super) fn fail(&mut self, jobs: Vec<Job>, failed: &Failed) {
        for (n, job) in jobs.into_iter().enumerate() {
            let outcome = match failed.sent {
                // One refusal for all of them: it is told once.
                Sent::Refused if n > 0 && failed.error.stops_the_batch() => {
                    Written::NotSent(failed.error.clone())
                }
                _ => failed.clone().written(),
            };
            self.put(job.at, outcome);
        }
    }

    /// The outcome of a write, if it has one.
    pub(super) fn of(&self, at: usize) -> Option<&Written> {
        self.written.get(&at)
    }

    pub(super) fn in_order(mut self, count: usize) -> Vec<Written> {
        let stopped = self.stopped.take();
        let why = || stopped.clone().unwrap_or_else(|| ConnectorError::transient("it was not sent"));
        (0..count).map(|at| self.written.remove(&at).unwrap_or_else(|| Written::NotSent(why()))).collect()
    }
}

/// True if a refusal is about what is in the request: a part of it may pass alone.
pub(super) fn is_about_parts(failed: &Failed) -> bool {
    let kinds = [ErrorKind::Permanent, ErrorKind::NotFound, ErrorKind::Conflict];
    failed.sent == Sent::Refused && kinds.contains(&failed.error.kind) && !failed.error.stops_the_batch()
}

pub(super) fn gone(id: &str, why: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::NotFound, format!("issue {id}: {why}"))
}

/// An input without anything.
pub(super) fn nothing() -> Input {
    Input { keys: Map::new(), left_out: LeftOut::new() }
}
