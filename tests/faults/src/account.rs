//! What the ledger says became of the jobs.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use anyhow::Result;
use sqlx::types::chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{ledger::Ledger, report::Figures};

/// A job is in flight until the store has its outcome. The ledger knows only when its handler ended; the outcome is in
/// the store some moments later, and this is how many they may be.
const SETTLING: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
struct Start {
    job: Uuid,
    token: i64,
    worker: String,
    order_key: Option<String>,
    slot_key: Option<String>,
    at: DateTime<Utc>,
}

#[derive(Debug)]
struct Fault {
    worker: Option<String>,
    what: String,
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
}

/// Everything that was written down, by job.
#[derive(Debug)]
pub(crate) struct Account {
    starts: HashMap<Uuid, Vec<Start>>,
    ends: HashMap<(Uuid, i64), DateTime<Utc>>,
    done: HashSet<Uuid>,
    faults: Vec<Fault>,
    stale: u64,
    refused: u64,
    /// Starts under a token that had started already.
    same_token: u64,
}

impl Account {
    pub(crate) async fn read(ledger: &Ledger) -> Result<Account> {
        type Started = (Uuid, i64, String, Option<String>, Option<String>, DateTime<Utc>);
        let all = "SELECT job, token, worker, order_key, slot_key, at FROM starts ORDER BY token, n";
        let mut starts: HashMap<Uuid, Vec<Start>> = HashMap::new();
        for (job, token, worker, order_key, slot_key, at) in
            sqlx::query_as::<_, Started>(all).fetch_all(&ledger.pool).await?
        {
            starts.entry(job).or_default().push(Start { job, token, worker, order_key, slot_key, at });
        }
        // The first end of a claim is the last to be put in.
        let all = "SELECT job, token, at, accepted FROM ends ORDER BY at DESC";
        let mut ends = HashMap::new();
        let mut done = HashSet::new();
        for (job, token, at, accepted) in
            sqlx::query_as::<_, (Uuid, i64, DateTime<Utc>, bool)>(all).fetch_all(&ledger.pool).await?
        {
            ends.insert((job, token), at);
            if accepted {
                done.insert(job);
            }
        }
        type Met = (Option<String>, String, DateTime<Utc>, DateTime<Utc>);
        let all = "SELECT worker, what, began, ended FROM faults ORDER BY began";
        let faults = sqlx::query_as::<_, Met>(all).fetch_all(&ledger.pool).await?;
        let fault = |(worker, what, began, ended)| Fault { worker, what, began, ended };
        Ok(Account {
            starts,
            ends,
            done,
            faults: faults.into_iter().map(fault).collect(),
            stale: ledger.count("SELECT count(*) FROM events WHERE what = 'stale'").await?,
            refused: ledger.count("SELECT count(*) FROM refused WHERE token < newest").await?,
            same_token: ledger.count("SELECT count(*) FROM refused WHERE token >= newest").await?,
        })
    }

    /// The figures; `excused` are jobs that are not meant to be done.
    pub(crate) fn figures(&self, accepted: &[Uuid], excused: &HashSet<Uuid>) -> Figures {
        let lost =
            accepted.iter().filter(|job| !self.done.contains(job) && !excused.contains(job)).count() as u64;
        let mut figures = Figures {
            jobs: accepted.len() as u64,
            lost,
            stale_refused: self.stale,
            writes_refused: self.refused,
            twice_not_allowed: self.same_token,
            order_violations: self.out_of_order() + self.too_many_at_once(),
            ..Figures::default()
        };
        for starts in self.starts.values() {
            for pair in starts.windows(2) {
                let (first, second) = (&pair[0], &pair[1]);
                match self.fault_of(first) {
                    Some(fault) if second.token > first.token => {
                        figures.twice_allowed += 1;
                        // Nobody can restart a job while its store is away.
                        let since = if fault.worker.is_some() { fault.began } else { fault.ended };
                        let waited = (second.at - since).to_std().unwrap_or_default();
                        figures.longest_orphan = figures.longest_orphan.max(Some(waited));
                    }
                    _ => figures.twice_not_allowed += 1,
                }
            }
        }
        figures
    }

    /// The last fault that met the job of this start while it was in flight.
    fn fault_of(&self, start: &Start) -> Option<&Fault> {
        let end = self.ends.get(&(start.job, start.token)).map(|end| *end + SETTLING);
        self.faults.iter().rev().find(|fault| {
            fault.worker.as_ref().is_none_or(|worker| *worker == start.worker)
                && start.at <= fault.ended + SETTLING
                && end.is_none_or(|end| end >= fault.began)
        })
    }

    /// How often a job of an order key started while an older one was not done, or was done again after a later one.
    fn out_of_order(&self) -> u64 {
        let mut keys: HashMap<&str, Vec<Uuid>> = HashMap::new();
        for (job, starts) in &self.starts {
            if let Some(key) = &starts[0].order_key {
                keys.entry(key).or_default().push(*job);
            }
        }
        let mut violations = 0;
        for mut jobs in keys.into_values() {
            jobs.sort();
            for pair in jobs.windows(2) {
                let later = self.starts[&pair[1]].iter().map(|start| start.at).min();
                let last_start = self.starts[&pair[0]].iter().map(|start| start.at).max();
                let done = self.starts[&pair[0]]
                    .iter()
                    .filter_map(|start| self.ends.get(&(start.job, start.token)).copied())
                    .min();
                if last_start > later || done.is_none() || done > later {
                    violations += 1;
                }
            }
        }
        violations
    }

    /// How often more jobs of a concurrency key ran at once than may: as many as the number that its keys begin with. A
    /// killed worker's job ends with it.
    fn too_many_at_once(&self) -> u64 {
        let mut keys: HashMap<&str, Vec<(DateTime<Utc>, i32)>> = HashMap::new();
        for start in self.starts.values().flatten() {
            let Some(key) = &start.slot_key else { continue };
            let ended = self.ends.get(&(start.job, start.token)).copied();
            let stopped = self.fault_of(start).map(|fault| fault.began);
            let until = [ended, stopped].into_iter().flatten().min().unwrap_or(start.at);
            keys.entry(key).or_default().extend([(start.at, 1), (until.max(start.at), -1)]);
        }
        let mut violations = 0;
        for (key, mut moves) in keys {
            // At one moment, who leaves goes first.
            moves.sort();
            let limit = key.split(':').next().and_then(|limit| limit.parse().ok()).unwrap_or(1);
            let mut running = 0;
            for (_, change) in moves {
                running += change;
                violations += u64::from(change > 0 && running > limit);
            }
        }
        violations
    }

    /// Which jobs were started at all.
    pub(crate) fn started(&self, job: &Uuid) -> usize {
        self.starts.get(job).map_or(0, Vec::len)
    }

    /// How long it took from the first start to the last.
    pub(crate) fn span(&self) -> Duration {
        let times = || self.starts.values().flatten().map(|start| start.at);
        match (times().min(), times().max()) {
            (Some(first), Some(last)) => (last - first).to_std().unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// When jobs were started, the first first.
    pub(crate) fn times(&self) -> Vec<DateTime<Utc>> {
        let mut times: Vec<_> = self.starts.values().flatten().map(|start| start.at).collect();
        times.sort();
        times
    }

    /// How many faults of this kind there were.
    pub(crate) fn faults(&self, what: &str) -> usize {
        self.faults.iter().filter(|fault| fault.what == what).count()
    }
}
