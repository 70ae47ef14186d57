//! Workers of this machine: their names, and whether one that holds a job is certainly dead.
//!
//! A lease protects against workers that cannot be seen. One that ran on this machine can be looked up: when its process
//! is gone, nobody needs to wait for its lease. Only Linux tells reliably; elsewhere the lease decides.

use std::{fs, io, path::Path};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use syncline_engine::hash::Hash;
use syncline_entity::{job, types::JobState};
use syncline_queue::{Backend, outbox::RUN_QUEUE};

use crate::{environment::Environment, store::statement};

/// This process's name as a worker: host, process number, and the world in which that number means something.
pub fn worker_name() -> String {
    format!("{}-{}-{}", host(), std::process::id(), world().unwrap_or_else(|| "0".to_owned()))
}

/// This machine's name.
pub(crate) fn host() -> String {
    let name =
        fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "worker".to_owned())
}

/// Process numbers are comparable within one start of one kernel and one namespace of processes: two containers may well
/// have a host's name and a number in common. And within one user, for `/proc` may hide the processes of others.
fn world() -> Option<String> {
    // A /proc of another namespace than ours numbers processes differently.
    if fs::read_link("/proc/self").ok()? != Path::new(&std::process::id().to_string()) {
        return None;
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let user = user()?;
    let whole = Hash::of_bytes(format!("{boot}{}{user}", namespace.display()).as_bytes()).to_string();
    whole.get(..8).map(str::to_owned)
}

#[cfg(unix)]
fn user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(fs::metadata("/proc/self").ok()?.uid())
}

#[cfg(not(unix))]
fn user() -> Option<u32> {
    None
}

/// Whether a worker of this world no longer exists. False when that cannot be told.
pub(crate) fn is_dead(worker: &str) -> bool {
    let Some((rest, world_of_worker)) = worker.rsplit_once('-') else { return false };
    let process = rest.rsplit_once('-').and_then(|(_, process)| process.parse::<u32>().ok());
    let (Some(process), true) = (process, world().as_deref() == Some(world_of_worker)) else { return false };
    match fs::read_to_string(format!("/proc/{process}/stat")) {
        // The state stands behind the name, which is in parentheses; Z has ended and waits to be noticed.
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Ends the leases of dead workers of this machine, so that their runs go on at once.
pub async fn take_over_from_the_dead(environment: &Environment) -> anyhow::Result<()> {
    let db = &environment.db;
    let running = job::Entity::find()
        .filter(job::Column::Queue.eq(RUN_QUEUE))
        .filter(job::Column::State.eq(JobState::Running))
        .all(db)
        .await?;
    let mut found = false;
    for job in running {
        let Some(worker) = job.worker_id.filter(|worker| is_dead(worker)) else { continue };
        tracing::warn!(run = %job.id, worker, "the run's worker has died; taking over");
        // Nothing of it is on its way any more, so nobody need wait for its deadlines either. Both only while the job is
        // still the dead worker's: another process may be doing the same.
        let deadlines = "UPDATE sync_metadata SET intent_deadline = ? WHERE last_run_id = ? AND intent_deadline IS NOT NULL \
                         AND EXISTS (SELECT 1 FROM jobs WHERE id = ? AND worker_id = ? AND state = 'running')";
        let values = [environment.clock.now().into(), job.id.into(), job.id.into(), worker.clone().into()];
        db.execute_raw(statement(db.get_database_backend(), deadlines, values)).await?;
        let lease = "UPDATE jobs SET lease_until = 0 WHERE id = ? AND worker_id = ? AND state = 'running'";
        let values = [job.id.into(), worker.into()];
        db.execute_raw(statement(db.get_database_backend(), lease, values)).await?;
        found = true;
    }
    if found {
        environment.queue.rescue().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_world_can_be_known_to_be_dead() {
        assert!(!is_dead(&worker_name()), "we live");
        let Some(world) = world() else { return };
        // Process numbers end at 2^22.
        assert!(is_dead(&format!("some-host-4999999-{world}")));
        for unknown in ["", "host", "host-1", "host-4999999-00000000", "host-many-0"] {
            assert!(!is_dead(unknown), "{unknown}");
        }
    }
}
