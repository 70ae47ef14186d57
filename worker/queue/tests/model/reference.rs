//! The simplest program that fulfils the queue's contract: all jobs are in one map, and every query reads all of them.

use std::collections::BTreeMap;

use serde_json::Value;
use syncline_queue::{NewJob, Priority, State};
use uuid::Uuid;

/// When a waiting job is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// Since this step.
    Since(usize),
    /// Not within the test.
    Far,
}

#[derive(Debug, Clone)]
pub(crate) struct Modelled {
    pub(crate) new: NewJob,
    pub(crate) state: State,
    pub(crate) due: Due,
    /// Its place among due jobs is open, since its lease ran out.
    pub(crate) anywhere: bool,
    pub(crate) attempt: u32,
    pub(crate) token: i64,
    /// For a running job: its lease has run out.
    pub(crate) expired: bool,
    pub(crate) cancel_requested: bool,
    pub(crate) unique_key: Option<String>,
    /// It died while another job of its key waited; a store may drop its key then, or at the replay.
    pub(crate) key_unsure: bool,
    pub(crate) failures: usize,
    pub(crate) progress: Option<Value>,
}

#[derive(Debug, Default)]
pub(crate) struct Reference {
    pub(crate) jobs: BTreeMap<Uuid, Modelled>,
    pub(crate) paused: bool,
}

/// What a push may return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    New,
    Known,
    /// Any of these.
    Joined(Vec<Uuid>),
}

impl Reference {
    pub(crate) fn push(&mut self, new: &NewJob, far: bool, step: usize) -> Expected {
        if self.jobs.contains_key(&new.id) {
            return Expected::Known;
        }
        if new.unique.is_some() {
            let same = |job: &&Modelled| job.state == State::Waiting && job.unique_key == new.unique;
            let winners: Vec<_> = self.jobs.values().filter(same).map(|job| job.new.id).collect();
            assert!(winners.len() <= 1, "the reference has two that wait for {:?}", new.unique);
            if !winners.is_empty() {
                return Expected::Joined(winners);
            }
        }
        let job = Modelled {
            new: new.clone(),
            state: State::Waiting,
            due: if far { Due::Far } else { Due::Since(step) },
            anywhere: false,
            attempt: 0,
            token: 0,
            expired: false,
            cancel_requested: false,
            unique_key: new.unique.clone(),
            key_unsure: false,
            failures: 0,
            progress: None,
        };
        self.jobs.insert(new.id, job);
        Expected::New
    }

    /// True if the job may start now.
    pub(crate) fn eligible(&self, job: &Modelled) -> bool {
        if self.paused || job.state != State::Waiting || job.due == Due::Far {
            return false;
        }
        if let Some(concurrency) = &job.new.concurrency {
            let busy = self.jobs.values().filter(|other| {
                other.state == State::Running
                    && other.new.concurrency.as_ref().is_some_and(|its| its.key == concurrency.key)
            });
            if busy.count() >= concurrency.limit as usize {
                return false;
            }
        }
        // The job is the oldest unfinished one, and no other one runs.
        job.new.order_key.is_none()
            || !self.jobs.values().any(|other| {
                other.new.order_key == job.new.order_key
                    && (other.state == State::Running
                        || other.state == State::Waiting && other.new.id < job.new.id)
            })
    }

    /// Returns the place of a job in line. By age the order of jobs that came due together is open.
    pub(crate) fn place(job: &Modelled, by_age: bool) -> (Priority, Due, Uuid) {
        if by_age {
            (Priority::Critical, job.due, Uuid::nil())
        } else {
            (job.new.priority, job.due, job.new.id)
        }
    }

    /// Makes a running job wait again. If another job of its key waits by now, that one keeps the key.
    pub(crate) fn wait(&mut self, id: Uuid, due: Option<Due>) {
        let twin = self.has_twin(id);
        let Some(job) = self.jobs.get_mut(&id) else { return };
        (job.state, job.expired, job.progress) = (State::Waiting, false, None);
        job.due = due.unwrap_or(job.due);
        job.anywhere &= due.is_none();
        if twin {
            job.unique_key = None;
        }
    }

    pub(crate) fn die(&mut self, id: Uuid) {
        let twin = self.has_twin(id);
        let Some(job) = self.jobs.get_mut(&id) else { return };
        (job.state, job.expired, job.progress) = (State::Dead, false, None);
        job.key_unsure = twin;
    }

    pub(crate) fn leave(&mut self, id: Uuid) {
        self.jobs.remove(&id);
    }

    /// True if another job of its unique key waits.
    pub(crate) fn has_twin(&self, id: Uuid) -> bool {
        let Some(key) = self.jobs.get(&id).and_then(|job| job.unique_key.as_ref()) else { return false };
        self.jobs.values().any(|other| {
            other.new.id != id && other.state == State::Waiting && other.unique_key.as_ref() == Some(key)
        })
    }
}
