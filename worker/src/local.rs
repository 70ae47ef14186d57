//! Workers of this machine: their names, and whether a worker that holds a job is certainly dead.
//!
//! Leases cover workers on other machines, whose processes cannot be checked. For a worker of this machine the process
//! can be checked: once it is gone, its lease need not run out first. Only Linux reports this reliably; elsewhere the
//! lease decides.

use std::{fs, io, path::Path, time::Duration};

use anyhow::Context;
use sea_orm::{ConnectionTrait, DbErr};
use syncline_engine::hash::Hash;
use syncline_queue::{JobQuery, LeaseRef, State};
use syncline_runs::RUN_QUEUE;
use syncline_sql::statement;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::environment::Environment;

/// Returns this process's name as a worker: host, process id, and a hash of the scope in which that id is unique.
pub fn worker_name() -> String {
    format!("{}-{}-{}", host(), std::process::id(), world().unwrap_or_else(|| "0".to_owned()))
}

/// Returns the host name of this machine.
pub fn host() -> String {
    let name =
        fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "worker".to_owned())
}

/// Returns the scope in which process ids are comparable: one boot of one kernel; one PID namespace, since two
/// containers may have the same host name and process id; and one user, since `/proc` may hide the processes of others.
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

/// True if a worker of this scope no longer exists; false if that cannot be determined.
pub(crate) fn is_dead(worker: &str) -> bool {
    let Some((rest, world_of_worker)) = worker.rsplit_once('-') else { return false };
    let process = rest.rsplit_once('-').and_then(|(_, process)| process.parse::<u32>().ok());
    let (Some(process), true) = (process, world().as_deref() == Some(world_of_worker)) else { return false };
    match fs::read_to_string(format!("/proc/{process}/stat")) {
        // The state follows the name, which is in parentheses; Z is a zombie, which has ended.
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// The most running jobs checked at the start. In a larger installation other workers find the rest.
const LOOKED_AT: usize = 10_000;
/// Timeout of the queue's store, and so the longest delay of a worker's start by the takeover.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends the leases of dead workers of this machine, so that their runs continue at once.
pub async fn take_over_from_the_dead(environment: &Environment) -> anyhow::Result<()> {
    timeout(PATIENCE, take_over(environment)).await.context("no answer in time")?
}

async fn take_over(environment: &Environment) -> anyhow::Result<()> {
    let (mut query, mut seen, mut dead) = (JobQuery::new(RUN_QUEUE, State::Running), 0, Vec::new());
    loop {
        let page = environment.queue.list(&query).await?;
        seen += page.jobs.len();
        for job in page.jobs {
            let Some(worker) = job.worker_id.filter(|worker| is_dead(worker)) else { continue };
            tracing::warn!(run = %job.id, worker, "the run's worker has died; taking over");
            forget_deadlines(environment, job.id, &worker).await?;
            dead.push(LeaseRef { id: job.id, token: job.token });
        }
        match page.next {
            Some(next) if seen < LOOKED_AT => query.after = Some(next),
            Some(_) | None => break,
        }
    }
    if !dead.is_empty() {
        // A renewal of zero length ends a lease now; a job that was taken over meanwhile has another token and is not
        // affected.
        environment.queue.renew(&dead, Duration::ZERO).await?;
        // By the store's clock the leases have expired only a moment later.
        sleep(Duration::from_millis(2)).await;
        environment.queue.rescue().await?;
    }
    Ok(())
}

/// Ends the intent deadlines of a dead worker's run, since the worker sends nothing more. Its last request may still
/// take effect, so recovery waits for a platform's timeout. Applies only while the dead worker made the last attempt at
/// the run: another process may have taken it over.
async fn forget_deadlines(environment: &Environment, run: Uuid, worker: &str) -> Result<(), DbErr> {
    let sql = "UPDATE sync_metadata SET intent_deadline = ? WHERE last_run_id = ? AND intent_deadline IS NOT NULL \
               AND ? = (SELECT t.worker FROM sync_attempts t WHERE t.run_id = ? ORDER BY t.attempt DESC LIMIT 1)";
    let values = [environment.clock.now().into(), run.into(), worker.into(), run.into()];
    let db = &environment.db;
    db.execute_raw(statement(db.get_database_backend(), sql, values)).await.map(drop)
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
