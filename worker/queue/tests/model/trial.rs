//! One sequence of operations on the store and on the reference.

use std::time::Duration;

use serde_json::json;
use syncline_queue::{
    Backend, Cancelled, ClaimRequest, Concurrency, LeaseRef, NewJob, Next, Outcome, Renewal, RetryPolicy,
    Settled, Settlement, State,
};
use uuid::Uuid;

use super::{
    compare::{as_expected, compare_claim, compare_next, compare_state},
    reference::{Due, Expected, Reference},
    steps::{Claim, End, Pick, Spec, Step},
};

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(6 * 60 * 60);

/// An error describes a disagreement.
pub(crate) type Agreed<T = ()> = Result<T, String>;

pub(crate) struct Trial<'a> {
    pub(crate) backend: &'a dyn Backend,
    pub(crate) queue: String,
    pub(crate) reference: Reference,
    /// All claims so far, both the newest ones of their jobs and earlier ones.
    leases: Vec<LeaseRef>,
    /// All jobs so far, including those that have left.
    pub(crate) ids: Vec<Uuid>,
    step: usize,
}

/// Turns an error of the store into a disagreement, as no call may fail here.
pub(crate) fn told<T>(what: &str, answer: Result<T, syncline_queue::Error>) -> Agreed<T> {
    answer.map_err(|error| format!("{what} failed: {error}: {:?}", std::error::Error::source(&error)))
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, store: T, reference: T) -> Agreed {
    if store == reference {
        Ok(())
    } else {
        Err(format!("{what}: the store says {store:?}, the reference {reference:?}"))
    }
}

impl<'a> Trial<'a> {
    pub(crate) fn new(backend: &'a dyn Backend, queue: String) -> Self {
        Self { backend, queue, reference: Reference::default(), leases: Vec::new(), ids: Vec::new(), step: 0 }
    }

    pub(crate) async fn run(&mut self, steps: &[Step]) -> Agreed {
        for (at, step) in steps.iter().enumerate() {
            self.step = at;
            let done = self.act(step).await;
            done.map_err(|error| format!("step {at}, {step:?}: {error}"))?;
            // Gives every step its own time, even by a clock of milliseconds.
            tokio::time::sleep(Duration::from_millis(2)).await;
            let compared = compare_state(self).await;
            compared.map_err(|error| format!("after step {at}, {step:?}: {error}"))?;
        }
        Ok(())
    }

    async fn act(&mut self, step: &Step) -> Agreed {
        match step {
            Step::Push { jobs, reversed, put_back } => self.push(jobs, *reversed, *put_back).await,
            Step::PushAgain(pick) => self.push_again(*pick).await,
            Step::Claim(claim) => self.claim(claim).await,
            Step::Settle(ends) => self.settle(ends).await,
            Step::GiveBack(picks) => self.give_back(picks).await,
            Step::Renew { lease, ends_at_once } => self.renew(*lease, *ends_at_once).await,
            Step::Progress(pick) => self.progress(*pick).await,
            Step::Rescue => self.rescue().await,
            Step::Cancel(pick) => self.cancel(*pick).await,
            Step::Replay(pick) => self.replay(*pick).await,
            Step::Discard(pick) => self.discard(*pick).await,
            Step::Pause => {
                let paused = told("pause", self.backend.pause(&self.queue).await)?;
                same("pause", paused, !self.reference.paused)?;
                self.reference.paused = true;
                Ok(())
            }
            Step::Resume => {
                let resumed = told("resume", self.backend.resume(&self.queue).await)?;
                same("resume", resumed, self.reference.paused)?;
                self.reference.paused = false;
                Ok(())
            }
        }
    }

    fn new_job(&self, spec: &Spec, number: usize) -> NewJob {
        NewJob {
            queue: self.queue.clone(),
            priority: spec.priority,
            delay: if spec.far { LONG } else { Duration::ZERO },
            max_attempts: spec.max_attempts,
            retry: RetryPolicy { base: Duration::ZERO, cap: Duration::ZERO },
            unique: spec.unique.map(|key| format!("u{key}")),
            concurrency: spec.concurrency.map(|(key, limit)| Concurrency { key: format!("c{key}"), limit }),
            order_key: spec.order.map(|key| format!("o{key}")),
            ..NewJob::new("model", json!({ "all": [number], "last": number }))
        }
    }

    async fn push(&mut self, specs: &[Spec], reversed: bool, put_back: bool) -> Agreed {
        let made = self.ids.len();
        let mut jobs: Vec<_> =
            specs.iter().enumerate().map(|(at, spec)| self.new_job(spec, made + at)).collect();
        if reversed {
            jobs.reverse();
        }
        let pushed =
            if put_back { self.backend.put_back(&jobs).await } else { self.backend.push(&jobs).await };
        let pushed = told("push", pushed)?;
        same("answers to push", pushed.len(), jobs.len())?;
        let mut expected = Vec::new();
        for job in &jobs {
            expected.push(self.reference.push(job, !job.delay.is_zero(), self.step));
            self.ids.push(job.id);
        }
        for ((job, pushed), mut expects) in jobs.iter().zip(pushed).zip(expected) {
            if let Expected::Joined(winners) = &mut expects {
                // The winner may be a job of the same call, whichever of them gets the key.
                winners.extend(jobs.iter().filter(|other| other.unique == job.unique).map(|other| other.id));
                winners.retain(|winner| *winner != job.id);
            }
            as_expected(job, pushed, &expects)?;
        }
        Ok(())
    }

    async fn push_again(&mut self, pick: Pick) -> Agreed {
        let Some(id) = nth(&self.ids, pick) else { return Ok(()) };
        let Some(known) = self.reference.jobs.get(&id) else { return Ok(()) };
        let job = NewJob { payload: json!("another"), ..known.new.clone() };
        let pushed = told("push", self.backend.push(std::slice::from_ref(&job)).await)?;
        for pushed in pushed {
            as_expected(&job, pushed, &Expected::Known)?;
        }
        Ok(())
    }

    async fn claim(&mut self, claim: &Claim) -> Agreed {
        let request = ClaimRequest {
            queue: self.queue.clone(),
            worker_id: "model".to_owned(),
            limit: claim.limit,
            lease: if claim.ends_at_once { Duration::ZERO } else { LONG },
            concurrency_key: claim.key.map(|key| format!("c{key}")),
            overdue_by: claim.overdue.then_some(Duration::ZERO),
        };
        let claimed = told("claim", self.backend.claim(&request).await)?;
        compare_claim(&mut self.reference, &request, &claimed)?;
        self.leases.extend(claimed.jobs.iter().map(syncline_queue::ClaimedJob::lease_ref));
        Ok(())
    }

    /// True if it is the newest claim of a running job.
    fn holds(&self, lease: LeaseRef) -> bool {
        let job = self.reference.jobs.get(&lease.id);
        job.is_some_and(|job| job.state == State::Running && job.token == lease.token)
    }

    /// Chooses claims for one call: each once, and among the valid ones no two jobs of one unique key, as a store may
    /// choose which of the two keeps it.
    fn choose(&self, picks: impl Iterator<Item = Pick>) -> Vec<(usize, LeaseRef)> {
        let mut chosen: Vec<(usize, LeaseRef)> = Vec::new();
        for (at, pick) in picks.enumerate() {
            let Some(lease) = nth(&self.leases, pick) else { continue };
            let key = |lease: &LeaseRef| self.reference.jobs.get(&lease.id)?.unique_key.as_ref();
            let meets = |(_, other): &(usize, LeaseRef)| {
                other.id == lease.id || key(&lease).is_some() && key(other) == key(&lease)
            };
            if !chosen.iter().any(meets) {
                chosen.push((at, lease));
            }
        }
        chosen
    }

    async fn settle(&mut self, ends: &[(Pick, End)]) -> Agreed {
        let chosen = self.choose(ends.iter().map(|(pick, _)| *pick));
        let settlements: Vec<_> = chosen
            .iter()
            .map(|(at, lease)| Settlement { lease: *lease, outcome: outcome(ends[*at].1) })
            .collect();
        let settled = told("settle", self.backend.settle(&settlements).await)?;
        same("answers to settle", settled.len(), settlements.len())?;
        for ((at, lease), settled) in chosen.into_iter().zip(settled) {
            let expected = if self.holds(lease) { self.end(lease.id, ends[at].1, &settled) } else { None };
            compare_next("settle", &settled, expected.as_ref())?;
        }
        Ok(())
    }

    /// Ends a running job in the reference, and returns its expected state.
    fn end(&mut self, id: Uuid, end: End, settled: &Settled) -> Option<Next> {
        let job = self.reference.jobs.get_mut(&id)?;
        let last = job.attempt >= job.new.max_attempts;
        // A job asked to stop at its last attempt may become dead or stop.
        let stops = job.cancel_requested && !(last && matches!(settled, Settled::Applied(Next::Dead { .. })));
        let (due, delay) = match end {
            End::RetryLater | End::SnoozeLong => (Due::Far, LONG),
            _ => (Due::Since(self.step), Duration::ZERO),
        };
        match end {
            End::Done | End::Cancelled => self.reference.leave(id),
            End::Dead => {
                job.failures += 1;
                self.reference.die(id);
                return Some(Next::Dead { reason: String::new() });
            }
            End::RetryAtOnce | End::RetryLater => {
                job.failures += 1;
                if stops {
                    self.reference.leave(id);
                } else if last {
                    self.reference.die(id);
                    return Some(Next::Dead { reason: String::new() });
                } else {
                    self.reference.wait(id, Some(due));
                    return Some(Next::Waiting { delay });
                }
            }
            End::SnoozeAtOnce | End::SnoozeLong => {
                job.attempt -= 1;
                if job.cancel_requested {
                    self.reference.leave(id);
                } else {
                    self.reference.wait(id, Some(due));
                    return Some(Next::Waiting { delay });
                }
            }
        }
        Some(Next::Gone)
    }

    async fn give_back(&mut self, picks: &[Pick]) -> Agreed {
        let leases: Vec<_> = self.choose(picks.iter().copied()).into_iter().map(|(_, lease)| lease).collect();
        let settled = told("give_back", self.backend.give_back(&leases).await)?;
        same("answers to give_back", settled.len(), leases.len())?;
        for (lease, settled) in leases.into_iter().zip(settled) {
            if !self.holds(lease) {
                compare_next("give_back", &settled, None)?;
                continue;
            }
            let next = if self.reference.jobs[&lease.id].cancel_requested {
                self.reference.leave(lease.id);
                Next::Gone
            } else {
                if let Some(job) = self.reference.jobs.get_mut(&lease.id) {
                    job.attempt -= 1;
                }
                self.reference.wait(lease.id, None);
                Next::Waiting { delay: Duration::ZERO }
            };
            compare_next("give_back", &settled, Some(&next))?;
        }
        Ok(())
    }

    async fn renew(&mut self, pick: Pick, ends_at_once: bool) -> Agreed {
        let Some(lease) = nth(&self.leases, pick) else { return Ok(()) };
        let length = if ends_at_once { Duration::ZERO } else { LONG };
        let renewed = told("renew", self.backend.renew(&[lease], length).await)?;
        let expected = match self.reference.jobs.get_mut(&lease.id) {
            Some(job) if job.state == State::Running && job.token == lease.token => {
                job.expired = ends_at_once;
                if job.cancel_requested { Renewal::CancelRequested } else { Renewal::Held }
            }
            _ => Renewal::Lost,
        };
        same("renew", renewed, vec![expected])
    }

    async fn progress(&mut self, pick: Pick) -> Agreed {
        let Some(lease) = nth(&self.leases, pick) else { return Ok(()) };
        let progress = json!({ "done": self.step, "total": 99 });
        let noted = told("progress", self.backend.progress(lease, &progress).await)?;
        let holds = self.holds(lease);
        if let Some(job) = self.reference.jobs.get_mut(&lease.id).filter(|_| holds) {
            job.progress = Some(progress);
        }
        same("progress", noted, holds)
    }

    async fn rescue(&mut self) -> Agreed {
        let mut rescued = Vec::new();
        loop {
            let some = told("rescue", self.backend.rescue().await)?;
            if some.is_empty() {
                break;
            }
            // The store also has jobs of other tests.
            rescued.extend(some.into_iter().filter(|one| self.ids.contains(&one.id)));
        }
        let expired = self.reference.jobs.values().filter(|job| job.state == State::Running && job.expired);
        let mut expected: Vec<_> = expired.map(|job| job.new.id).collect();
        let mut found: Vec<_> = rescued.iter().map(|one| one.id).collect();
        expected.sort();
        found.sort();
        same("rescued", found, expected)?;
        // Of two jobs with one unique key the store may choose which keeps it.
        let mut order = Vec::new();
        for one in rescued {
            let stored = told("get", self.backend.get(one.id).await)?;
            order.push((stored.is_none_or(|job| job.unique_key.is_none()), one));
        }
        order.sort_by_key(|(without, _)| *without);
        for (_, one) in order {
            let Some(job) = self.reference.jobs.get_mut(&one.id) else { continue };
            job.failures += 1;
            job.anywhere = true;
            let last = job.attempt >= job.new.max_attempts;
            let dies = last && !(job.cancel_requested && one.next == Next::Gone);
            let expected = if dies {
                self.reference.die(one.id);
                Next::Dead { reason: String::new() }
            } else if job.cancel_requested {
                self.reference.leave(one.id);
                Next::Gone
            } else {
                self.reference.wait(one.id, None);
                Next::Waiting { delay: Duration::ZERO }
            };
            compare_next("rescue", &Settled::Applied(one.next), Some(&expected))?;
        }
        Ok(())
    }

    async fn cancel(&mut self, pick: Pick) -> Agreed {
        let Some(id) = nth(&self.ids, pick) else { return Ok(()) };
        let cancelled = told("cancel", self.backend.cancel(id).await)?;
        let expected = match self.reference.jobs.get_mut(&id) {
            Some(job) if job.state == State::Waiting => {
                self.reference.leave(id);
                Cancelled::Removed
            }
            Some(job) if job.state == State::Running => {
                job.cancel_requested = true;
                Cancelled::Requested
            }
            _ => Cancelled::Unknown,
        };
        same("cancel", cancelled, expected)
    }

    async fn replay(&mut self, pick: Pick) -> Agreed {
        let Some(id) = nth(&self.ids, pick) else { return Ok(()) };
        let replayed = told("replay", self.backend.replay(id).await)?;
        let dead = self.reference.jobs.get(&id).is_some_and(|job| job.state == State::Dead);
        same("replay", replayed, dead)?;
        if dead {
            let kept = told("get", self.backend.get(id).await)?.and_then(|job| job.unique_key);
            if let Some(job) = self.reference.jobs.get_mut(&id) {
                job.attempt = 0;
                job.cancel_requested = false;
                if std::mem::take(&mut job.key_unsure) && kept.is_none() {
                    job.unique_key = None;
                }
            }
            self.reference.wait(id, Some(Due::Since(self.step)));
        }
        Ok(())
    }

    async fn discard(&mut self, pick: Pick) -> Agreed {
        let Some(id) = nth(&self.ids, pick) else { return Ok(()) };
        let discarded = told("discard", self.backend.discard(id).await)?;
        let dead = self.reference.jobs.get(&id).is_some_and(|job| job.state == State::Dead);
        same("discard", discarded, dead)?;
        if dead {
            self.reference.jobs.remove(&id);
        }
        Ok(())
    }

    /// Removes all jobs, and checks that nothing is left and every key is free again.
    pub(crate) async fn empty(&mut self) -> Agreed {
        told("resume", self.backend.resume(&self.queue).await)?;
        for id in &self.ids {
            told("cancel", self.backend.cancel(*id).await)?;
            told("discard", self.backend.discard(*id).await)?;
        }
        let done: Vec<_> =
            self.leases.iter().map(|lease| Settlement { lease: *lease, outcome: Outcome::Done }).collect();
        told("settle", self.backend.settle(&done).await)?;
        same("jobs that are left", told("counts", self.backend.counts(&self.queue).await)?, Vec::new())?;
        for key in 0..2u8 {
            let spec = Spec {
                priority: syncline_queue::Priority::Normal,
                far: false,
                max_attempts: 1,
                unique: None,
                concurrency: Some((key, 1)),
                order: Some(key),
            };
            let job = self.new_job(&spec, 0);
            told("push", self.backend.push(std::slice::from_ref(&job)).await)?;
            let request = ClaimRequest {
                queue: self.queue.clone(),
                worker_id: "model".to_owned(),
                limit: 1,
                lease: LONG,
                concurrency_key: None,
                overdue_by: None,
            };
            let claimed = told("claim", self.backend.claim(&request).await)?.jobs;
            same("a job whose keys are free", claimed.len(), 1)?;
            let done = Settlement { lease: claimed[0].lease_ref(), outcome: Outcome::Done };
            told("settle", self.backend.settle(&[done]).await)?;
        }
        Ok(())
    }
}

/// Returns one of the items, if there are any.
fn nth<T: Copy>(of: &[T], pick: Pick) -> Option<T> {
    of.get(pick.checked_rem(of.len())?).copied()
}

fn outcome(end: End) -> Outcome {
    let error = || "it did not work".to_owned();
    match end {
        End::Done => Outcome::Done,
        End::RetryAtOnce => Outcome::Retry { error: error(), at_least: None },
        End::RetryLater => Outcome::Retry { error: error(), at_least: Some(LONG) },
        End::SnoozeAtOnce => Outcome::Snooze { delay: Duration::ZERO },
        End::SnoozeLong => Outcome::Snooze { delay: LONG },
        End::Dead => Outcome::Dead { reason: "given up".to_owned(), error: error() },
        End::Cancelled => Outcome::Cancelled,
    }
}
