//! The kinds of job. To add one, add a file in this folder and a line in [`KINDS`].

use futures_util::future::BoxFuture;
use syncline_entity::types::{RunKind, SyncMethod};
use syncline_limits::Lane;
use syncline_queue::{LeasedJob, Outcome};
use syncline_runs::NEWEST_PAYLOAD_VERSION;
use syncline_service::operations;

use super::{operation, purge, run};
use crate::environment::Environment;

/// Executes a job. An error means that Syncline's own database failed.
type Handler = for<'a> fn(&'a Environment, &'a LeasedJob) -> BoxFuture<'a, anyhow::Result<Outcome>>;

pub(crate) struct JobKind {
    /// The kind's name in the queue; for a run, its run kind.
    pub(crate) name: &'static str,
    /// The newest payload version that this program reads. A job with a newer one is left to newer workers.
    pub(crate) payload_version: i32,
    pub(crate) handle: Handler,
    /// The lane of its calls to platforms, by trigger; `None`: it calls no platform.
    pub(crate) lane: Option<fn(SyncMethod) -> Lane>,
    /// The key under which at most one job waits and one runs; `None`: each job has its own key.
    pub(crate) key: Option<&'static str>,
}

pub(crate) const KINDS: &[JobKind] = &[
    JobKind { lane: Some(by_method), ..run(RunKind::Sync) },
    JobKind { lane: Some(by_method), ..run(RunKind::Plan) },
    JobKind { lane: Some(|_| Lane::Edit), ..run(RunKind::Resolve) },
    PURGE,
    OPERATION,
];

/// The scheduled purge. Its first version was above that of run jobs, so that a worker that knew only run jobs leaves
/// this job to newer workers instead of moving it to the dead letters.
pub(crate) const PURGE: JobKind = JobKind {
    name: "purge",
    payload_version: 2,
    handle: |environment, leased| Box::pin(purge::handle(environment, leased)),
    lane: None,
    key: Some("maintenance:purge"),
};

/// Changes of many subjects. Each job has its own key.
const OPERATION: JobKind = JobKind {
    name: operations::KIND,
    payload_version: operations::PAYLOAD_VERSION,
    handle: |environment, leased| Box::pin(operation::handle(environment, leased)),
    lane: None,
    key: None,
};

const fn run(kind: RunKind) -> JobKind {
    JobKind {
        name: kind.as_str(),
        payload_version: NEWEST_PAYLOAD_VERSION,
        handle: |environment, leased| Box::pin(run::handle(environment, leased)),
        lane: None,
        key: None,
    }
}

/// Returns the kind with this name. A job with any other name is treated as a run; its row has the run kind.
pub(crate) fn of(name: &str) -> &'static JobKind {
    KINDS.iter().find(|kind| kind.name == name).unwrap_or(&KINDS[0])
}

/// Runs that a person or an event triggered come before scheduled ones.
fn by_method(method: SyncMethod) -> Lane {
    match method {
        SyncMethod::Manual | SyncMethod::Webhook => Lane::Edit,
        SyncMethod::Poll | SyncMethod::Batch => Lane::Poll,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn every_kind_of_run_stands_in_the_table_once() {
        let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), KINDS.len());
        for kind in RunKind::iter() {
            assert!(KINDS.iter().any(|known| known.name == kind.as_str() && known.lane.is_some()), "{kind}");
        }
    }
}
