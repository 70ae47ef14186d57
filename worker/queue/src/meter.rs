//! The metrics of sources and stores, recorded through the crate `metrics`.
//!
//! Each process counts what it did itself; the queue's value is the sum over all processes. The number of jobs per
//! state is not counted here but read from the store, see [`crate::Backend::counts`].

use std::{fmt, time::Duration};

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

use crate::{
    backend::{Next, Outcome, Pushed, Settled},
    job::{NewJob, Priority},
};

/// Pushed jobs, by queue, priority and result.
const PUSHED: &str = "syncline_queue_pushed_total";
/// Restarts of background tasks, by task.
pub(crate) const RESTARTS: &str = "syncline_task_restarts_total";
/// Jobs that left a worker, by queue, priority and outcome.
const SETTLED: &str = "syncline_queue_settled_total";
/// The time from due to started.
const WAIT: &str = "syncline_queue_wait_seconds";
/// The time from started to ended.
const RUN: &str = "syncline_queue_run_seconds";
/// Expired leases that were found.
const TAKEOVERS: &str = "syncline_queue_takeovers_total";
/// Jobs that lost their lease while they ran here.
const LOST: &str = "syncline_queue_leases_lost_total";

/// Describes the metrics. Call it once, after the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(PUSHED, "Jobs handed to the queue by this process, by what became of them.");
    describe_counter!(SETTLED, "Jobs that this process gave out of its hands, by how they went.");
    describe_histogram!(WAIT, Unit::Seconds, "How long jobs had been due when they were started.");
    describe_histogram!(RUN, Unit::Seconds, "How long handlers ran.");
    describe_counter!(TAKEOVERS, "Leases that ran out and were found by this process, of whichever worker.");
    describe_counter!(
        RESTARTS,
        "Background tasks of this process that ended and were started again, by task."
    );
    describe_counter!(LOST, "Jobs that lost their lease while they ran in this process.");
}

/// Counts the results of a push.
pub(crate) fn pushed(jobs: &[NewJob], pushed: &[Pushed]) {
    // Most calls have jobs of one kind; the counter is looked up once per stretch of equal ones.
    let mut stretch: Option<(&str, Priority, &'static str, u64)> = None;
    let flush = |stretch: Option<(&str, Priority, &'static str, u64)>| {
        if let Some((queue, priority, result, jobs)) = stretch {
            counter!(PUSHED, "queue" => queue.to_owned(), "priority" => priority.as_str(), "result" => result)
                .increment(jobs);
        }
    };
    for (job, pushed) in jobs.iter().zip(pushed) {
        let result = match pushed {
            Pushed::New => "new",
            Pushed::Known => "known",
            Pushed::Joined { .. } => "joined",
        };
        match &mut stretch {
            Some((queue, priority, same, jobs))
                if *queue == job.queue && *priority == job.priority && *same == result =>
            {
                *jobs += 1;
            }
            _ => flush(stretch.replace((&job.queue, job.priority, result, 1))),
        }
    }
    flush(stretch);
}

/// The counters of one source, looked up once.
pub(crate) struct Meter {
    classes: [Class; Priority::ALL.len()],
    takeovers: Counter,
    lost: Counter,
}

struct Class {
    done: Counter,
    retried: Counter,
    snoozed: Counter,
    dead: Counter,
    cancelled: Counter,
    stale: Counter,
    waited: Histogram,
    ran: Histogram,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

impl Meter {
    pub(crate) fn new(queue: &str) -> Self {
        let class = |priority: Priority| {
            let settled = |outcome: &'static str| counter!(SETTLED, "queue" => queue.to_owned(), "priority" => priority.as_str(), "outcome" => outcome);
            Class {
                done: settled("done"),
                retried: settled("retry"),
                snoozed: settled("snoozed"),
                dead: settled("dead"),
                cancelled: settled("cancelled"),
                stale: settled("stale"),
                waited: histogram!(WAIT, "queue" => queue.to_owned(), "priority" => priority.as_str()),
                ran: histogram!(RUN, "queue" => queue.to_owned(), "priority" => priority.as_str()),
            }
        };
        Self {
            classes: Priority::ALL.map(class),
            takeovers: counter!(TAKEOVERS, "queue" => queue.to_owned()),
            lost: counter!(LOST, "queue" => queue.to_owned()),
        }
    }

    fn class(&self, priority: Priority) -> &Class {
        match priority {
            Priority::Critical => &self.classes[0],
            Priority::High => &self.classes[1],
            Priority::Normal => &self.classes[2],
            Priority::Low => &self.classes[3],
        }
    }

    pub(crate) fn started(&self, priority: Priority, waited: Duration) {
        self.class(priority).waited.record(waited.as_secs_f64());
    }

    pub(crate) fn ended(&self, priority: Priority, ran: Duration) {
        self.class(priority).ran.record(ran.as_secs_f64());
    }

    pub(crate) fn settled(&self, priority: Priority, outcome: &Outcome, settled: &Settled) {
        let class = self.class(priority);
        let counter = match (settled, outcome) {
            (Settled::Stale, _) => &class.stale,
            (Settled::Applied(Next::Dead { .. }), _) => &class.dead,
            (_, Outcome::Cancelled) => &class.cancelled,
            (_, Outcome::Snooze { .. }) => &class.snoozed,
            (_, Outcome::Retry { .. } | Outcome::Dead { .. }) => &class.retried,
            (_, Outcome::Done) => &class.done,
        };
        counter.increment(1);
    }

    pub(crate) fn taken_over(&self) {
        self.takeovers.increment(1);
    }

    pub(crate) fn lease_lost(&self) {
        self.lost.increment(1);
    }
}
