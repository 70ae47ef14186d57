//! What a scenario works with: a store, a ledger, workers, and a seeded generator.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use syncline_queue::{Backend, ClaimRequest, Error, JobQuery, NewJob, Outcome, Pushed, Settlement, State};
use uuid::Uuid;

use crate::{
    account::Account,
    crew::Crew,
    ledger::Ledger,
    report::{Figures, Report},
    system::{self, Kind, System},
    work::Task,
    worker::Settings,
};

pub(crate) const QUEUE: &str = "campaign";

/// How large a campaign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For a test: a lease of three seconds, small numbers.
    Short,
    /// By hand: a lease of five seconds, the numbers of the promise.
    Long,
}

pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) form: Form,
    pub(crate) seed: u64,
    pub(crate) random: StdRng,
    pub(crate) system: System,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) ledger: Ledger,
    pub(crate) crew: Crew,
    pub(crate) lease: Duration,
    accepted: Vec<Uuid>,
    /// Keys whose slots must be free at the end, with how many there are.
    slots: HashSet<(String, u32)>,
    excused: HashSet<Uuid>,
    notes: Vec<String>,
    faults: Vec<String>,
    began: Instant,
}

impl Stage {
    pub(crate) async fn set(scenario: &str, kind: Kind, form: Form, seed: u64) -> Result<Stage> {
        let system = System::start(kind).await.context("the store under test")?;
        let (ledger, ledger_url) = Ledger::create().await.context("the ledger")?;
        let lease = match form {
            Form::Short => Duration::from_secs(3),
            Form::Long => Duration::from_secs(5),
        };
        let settings = Settings {
            name: String::new(),
            kind,
            url: system.url(),
            ledger: ledger_url,
            queue: QUEUE.to_owned(),
            concurrency: 8,
            lease,
            threads: 2,
            grace: Duration::from_secs(5),
        };
        let words = scenario.bytes().chain([kind as u8]);
        let draws = words.fold(seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        Ok(Stage {
            backend: system::connect(kind, &system.url()).await?,
            crew: Crew::new(settings)?,
            random: StdRng::seed_from_u64(draws),
            accepted: Vec::new(),
            slots: HashSet::new(),
            excused: HashSet::new(),
            notes: Vec::new(),
            faults: Vec::new(),
            began: Instant::now(),
            kind,
            form,
            seed,
            system,
            ledger,
            lease,
        })
    }

    /// The one number in the short form, the other in the long one.
    pub(crate) fn pick<T>(&self, short: T, long: T) -> T {
        match self.form {
            Form::Short => short,
            Form::Long => long,
        }
    }

    /// Jobs that wait between so many milliseconds.
    pub(crate) fn waits(&mut self, count: usize, ms: std::ops::Range<u64>) -> Vec<NewJob> {
        (0..count).map(|_| Task::Wait { ms: self.random.random_range(ms.clone()) }.job(QUEUE)).collect()
    }

    /// Pushes jobs, as often as it takes; those that are new are accounted for.
    pub(crate) async fn push(&mut self, jobs: Vec<NewJob>) -> Result<Vec<Pushed>> {
        let mut answers = Vec::new();
        for chunk in jobs.chunks(500) {
            let until = Instant::now() + Duration::from_secs(60);
            let pushed = loop {
                match self.backend.push(chunk).await {
                    Ok(pushed) => break pushed,
                    Err(error) if error.is_temporary() && Instant::now() < until => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    Err(error) => return Err(error.into()),
                }
            };
            for (job, pushed) in chunk.iter().zip(&pushed) {
                if pushed.winner().is_none() {
                    self.accepted.push(job.id);
                }
                if let Some(one) = &job.concurrency {
                    self.slots.insert((one.key.clone(), one.limit));
                }
            }
            answers.extend(pushed);
        }
        Ok(answers)
    }

    pub(crate) fn accepted(&self) -> &[Uuid] {
        &self.accepted
    }

    /// These are not meant to be done.
    pub(crate) fn excuse(&mut self, jobs: impl IntoIterator<Item = Uuid>) {
        self.excused.extend(jobs);
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The scenario fails if this does not hold.
    pub(crate) fn check(&mut self, holds: bool, otherwise: impl Into<String>) {
        if !holds {
            self.faults.push(otherwise.into());
        }
    }

    /// Waits until nothing waits and nothing runs. False: it did not come to that in time.
    pub(crate) async fn drained(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if matches!(self.unfinished().await, Ok(0)) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let left = self.unfinished().await;
        self.faults.push(format!("not drained within {patience:?}: {left:?} jobs wait or run"));
        false
    }

    pub(crate) async fn unfinished(&self) -> Result<u64, Error> {
        let counts = self.backend.counts(QUEUE).await?;
        Ok(counts.iter().filter(|count| count.state != State::Dead).map(|count| count.jobs).sum())
    }

    /// Waits until the ledger says so many; the SQL counts them.
    pub(crate) async fn until(&self, sql: &'static str, at_least: u64, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        while self.ledger.count(sql).await? < at_least {
            ensure!(Instant::now() < until, "{sql}: less than {at_least} within {patience:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// All dead jobs.
    pub(crate) async fn dead(&self) -> Result<Vec<syncline_queue::Job>> {
        let mut query = JobQuery::new(QUEUE, State::Dead);
        let mut dead = Vec::new();
        loop {
            let page = self.backend.list(&query).await?;
            dead.extend(page.jobs);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(dead),
            }
        }
    }

    /// Ends the workers, closes the books, and judges.
    pub(crate) async fn close(mut self, scenario: &'static str, expect: Expect) -> Result<Report> {
        self.crew.thawed().await?;
        self.crew.roll_call(&self.ledger, expect.desertions_are_meant).await?;
        // What the sources saw is in the ledger a moment later.
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.crew.dismiss();
        let left = self.left().await?;
        let account = Account::read(&self.ledger).await?;
        let mut figures = account.figures(&self.accepted, &self.excused);
        figures.left = left;
        self.report(scenario, figures, expect)
    }

    /// Judges figures that were found in another way.
    pub(crate) fn report(
        mut self,
        scenario: &'static str,
        figures: Figures,
        expect: Expect,
    ) -> Result<Report> {
        let mut faults = std::mem::take(&mut self.faults);
        faults.extend(expect.judge(&figures, self.crew.deserters, self.form));
        if !faults.is_empty() && self.crew.hired > 0 {
            faults.push(format!("the workers' logs: {}", self.crew.keep_logs().display()));
        }
        Ok(Report {
            scenario,
            backend: self.kind.to_string(),
            seed: self.seed,
            took: self.began.elapsed(),
            figures,
            notes: std::mem::take(&mut self.notes),
            faults,
        })
    }

    /// Jobs that wait or run, and slots that are not free: each key must give as many as it has.
    async fn left(&mut self) -> Result<u64> {
        let mut left = self.unfinished().await?;
        for (key, limit) in std::mem::take(&mut self.slots) {
            let mut probes = Vec::new();
            for _ in 0..limit {
                let concurrency = Some(syncline_queue::Concurrency { key: key.clone(), limit });
                probes.push(NewJob { concurrency, ..Task::Panic.job("campaign") });
            }
            self.backend.push(&probes).await?;
            let request = ClaimRequest {
                queue: QUEUE.to_owned(),
                worker_id: "auditor".to_owned(),
                limit: limit as usize,
                lease: self.lease,
                concurrency_key: Some(key),
                overdue_by: None,
            };
            let mut claimed = Vec::new();
            for _ in 0..limit {
                claimed.extend(self.backend.claim(&request).await?.jobs);
            }
            left += u64::from(limit).saturating_sub(claimed.len() as u64);
            let settlements: Vec<_> = claimed
                .iter()
                .map(|job| Settlement { lease: job.lease_ref(), outcome: Outcome::Done })
                .collect();
            self.backend.settle(&settlements).await?;
        }
        Ok(left)
    }

    pub(crate) async fn account(&self) -> Result<Account> {
        Account::read(&self.ledger).await
    }
}

/// What a scenario must come to, beside what all must: nothing lost, nothing run twice without a fault, order kept,
/// nothing left, no worker gone by itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expect {
    /// Jobs of dead workers start again so soon after the fault, in the long form.
    pub(crate) orphans_within: Option<Duration>,
    /// At least so many late writes and late outcomes are refused.
    pub(crate) late: u64,
    /// No job may start twice.
    pub(crate) once: bool,
    /// Its jobs end their workers.
    pub(crate) desertions_are_meant: bool,
}

/// A loaded machine may do nothing for seconds; the short form is for such machines.
const SLACK: Duration = Duration::from_secs(8);

impl Expect {
    fn judge(&self, figures: &Figures, deserters: usize, form: Form) -> Vec<String> {
        let mut faults = Vec::new();
        let mut none = |count: u64, what: &str| {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        };
        none(figures.lost, "jobs were lost");
        none(figures.twice_not_allowed, "jobs ran twice without a fault, or under the same token");
        none(figures.order_violations, "times jobs ran out of order, or too many of a key at once");
        none(figures.left, "jobs, leases or slots are left");
        none(deserters as u64, "workers ended by themselves");
        if self.once {
            none(figures.twice_allowed, "jobs ran twice");
        }
        for (seen, what) in [(figures.stale_refused, "outcomes"), (figures.writes_refused, "writes")] {
            if seen < self.late {
                faults.push(format!("{seen} late {what} were refused; at least {} were to be", self.late));
            }
        }
        if let (Some(bound), Some(longest)) = (self.orphans_within, figures.longest_orphan) {
            let bound = if form == Form::Short { bound + SLACK } else { bound };
            if longest > bound {
                faults.push(format!("an orphan started again after {longest:?}; the bound is {bound:?}"));
            }
        }
        faults
    }
}
