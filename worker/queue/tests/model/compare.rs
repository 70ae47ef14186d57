//! Compares the store's answers and jobs with those of the reference.

use std::{collections::BTreeMap, time::Duration};

use syncline_queue::{ClaimRequest, Claimed, Job, JobQuery, NewJob, Next, Pushed, Settled, State};
use uuid::Uuid;

use super::{
    reference::{Due, Expected, Modelled, Reference},
    trial::{Agreed, Trial, same, told},
};

pub(crate) fn as_expected(job: &NewJob, pushed: Pushed, expected: &Expected) -> Agreed {
    let agree = match (pushed, expected) {
        (Pushed::New, Expected::New) | (Pushed::Known, Expected::Known) => true,
        (Pushed::Joined { winner }, Expected::Joined(winners)) => winners.contains(&winner),
        _ => false,
    };
    if agree {
        Ok(())
    } else {
        Err(format!("the push of {}: the store says {pushed:?}, the reference {expected:?}", job.id))
    }
}

/// `None`: stale. The store chooses the reasons, and a delay is long or zero.
pub(crate) fn compare_next(what: &str, settled: &Settled, expected: Option<&Next>) -> Agreed {
    let agree = match (settled, expected) {
        (Settled::Stale, None) => true,
        (Settled::Applied(Next::Gone), Some(Next::Gone)) => true,
        (Settled::Applied(Next::Dead { reason }), Some(Next::Dead { .. })) => !reason.is_empty(),
        (Settled::Applied(Next::Waiting { delay }), Some(Next::Waiting { delay: expected })) => {
            // A job that was given back has been due for a while, or has no delay.
            delay.abs_diff(*expected) < Duration::from_secs(60)
        }
        _ => false,
    };
    if agree {
        Ok(())
    } else {
        Err(format!("{what}: the store says {settled:?}, the reference {expected:?}"))
    }
}

/// Applies a claim of the store, if the reference allows it.
pub(crate) fn compare_claim(reference: &mut Reference, request: &ClaimRequest, claimed: &Claimed) -> Agreed {
    let by_age = request.overdue_by.is_some();
    let asked = |job: &Modelled| {
        let key = job.new.concurrency.as_ref().map(|concurrency| &concurrency.key);
        request.concurrency_key.is_none() || request.concurrency_key.as_ref() == key
    };
    // Jobs without a key and with a certain place must come in order, and none may be skipped.
    let certain =
        |job: &Modelled| job.new.concurrency.is_none() && job.new.order_key.is_none() && !job.anywhere;
    let before: BTreeMap<Uuid, Modelled> = reference
        .jobs
        .iter()
        .filter(|(_, job)| asked(job) && reference.eligible(job))
        .map(|(id, job)| (*id, job.clone()))
        .collect();
    if claimed.jobs.len() > request.limit {
        return Err(format!("{} jobs claimed, {} asked for", claimed.jobs.len(), request.limit));
    }
    // Jobs are returned by priority, and were claimed in the requested order. The order of jobs that came due together
    // is open: they may have started in any order that their limits allow, and from the smallest limit on if there is
    // one at all.
    let mut taken: Vec<_> = claimed.jobs.iter().collect();
    if by_age {
        let limit = |job: &Modelled| job.new.concurrency.as_ref().map(|concurrency| concurrency.limit);
        taken.sort_by_key(|job| (job.run_at, reference.jobs.get(&job.id).and_then(limit)));
    }
    for job in taken {
        let Some(known) = reference.jobs.get(&job.id) else {
            return Err(format!("{} was claimed, which the reference does not have", job.id));
        };
        if !(asked(known) && reference.eligible(known)) {
            return Err(format!("{} was claimed and may not start: {known:?}", job.id));
        }
        if job.token <= known.token {
            return Err(format!("the token {} of {} is not above {}", job.token, job.id, known.token));
        }
        same("the attempt", job.attempt, known.attempt + 1)?;
        same("the payload", &job.payload, &known.new.payload)?;
        same("the priority", job.priority, known.new.priority)?;
        same("the most attempts", job.max_attempts, known.new.max_attempts)?;
        same("the order key", &job.order_key, &known.new.order_key)?;
        same("whether an attempt failed", job.last_error.is_some(), known.failures > 0)?;
        let known = reference.jobs.get_mut(&job.id).ok_or("gone")?;
        (known.state, known.attempt, known.token) = (State::Running, job.attempt, job.token);
        (known.expired, known.anywhere) = (request.lease.is_zero(), false);
        known.progress = None;
    }
    let places: Vec<_> = claimed
        .jobs
        .iter()
        .filter_map(|job| before.get(&job.id))
        .filter(|job| certain(job))
        .map(|job| Reference::place(job, false))
        .collect();
    if !by_age && !places.is_sorted() {
        return Err(format!("jobs were claimed out of order: {:?}", claimed.jobs));
    }
    let left: Vec<&Modelled> =
        before.values().filter(|job| reference.jobs[&job.new.id].state == State::Waiting).collect();
    let last = places.len().checked_sub(1).and_then(|_| {
        let taken = claimed.jobs.iter().filter_map(|job| before.get(&job.id)).filter(|job| certain(job));
        taken.map(|job| Reference::place(job, by_age)).max()
    });
    if let Some(passed) = left.iter().find(|job| certain(job) && Some(Reference::place(job, by_age)) < last) {
        return Err(format!("{} was passed over: {passed:?}", passed.new.id));
    }
    let may_still_start = left.iter().any(|job| reference.eligible(job));
    if may_still_start && claimed.jobs.len() < request.limit && (!claimed.more || claimed.jobs.is_empty()) {
        return Err(format!(
            "{} of {} jobs claimed (more: {}), and more may start",
            claimed.jobs.len(),
            request.limit,
            claimed.more
        ));
    }
    Ok(())
}

/// Compares every job and every count.
pub(crate) async fn compare_state(trial: &Trial<'_>) -> Agreed {
    let mut stored = BTreeMap::new();
    for state in [State::Waiting, State::Running, State::Dead] {
        let mut query = JobQuery { limit: 7, ..JobQuery::new(trial.queue.clone(), state) };
        loop {
            let page = told("list", trial.backend.list(&query).await)?;
            for job in page.jobs {
                same("the state of a listed job", job.state, state)?;
                if let Some(twice) = stored.insert(job.id, job) {
                    return Err(format!("{} is listed twice", twice.id));
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }
    let reference = &trial.reference;
    same("the jobs", stored.keys().collect::<Vec<_>>(), reference.jobs.keys().collect())?;
    for (id, job) in &reference.jobs {
        compare_job(&stored[id], job).map_err(|error| format!("{id}: {error}"))?;
    }
    if let Some(id) = trial.ids.last() {
        let got = told("get", trial.backend.get(*id).await)?;
        same("get", got.as_ref(), stored.get(id))?;
    }
    let known = told("known", trial.backend.known(&trial.ids).await)?;
    same("known", known, trial.ids.iter().map(|id| reference.jobs.contains_key(id)).collect())?;
    compare_counts(trial).await?;
    let paused = told("is_paused", trial.backend.is_paused(&trial.queue).await)?;
    same("paused", paused, reference.paused)
}

fn compare_job(stored: &Job, job: &Modelled) -> Agreed {
    same("the state", stored.state, job.state)?;
    same("the attempts", stored.attempt, job.attempt)?;
    same("the token", stored.token, if job.state == State::Running { job.token } else { stored.token })?;
    same("the payload", &stored.payload, &job.new.payload)?;
    same("the priority", stored.priority, job.new.priority)?;
    if job.state != State::Dead {
        same("whether it was asked to stop", stored.cancel_requested, job.cancel_requested)?;
    }
    same("the failed attempts", stored.history.len(), job.failures)?;
    same("whether there is an error", stored.last_error.is_some(), job.failures > 0)?;
    same("whether there is a reason of death", stored.dead_reason.is_some(), job.state == State::Dead)?;
    same("the order key", &stored.order_key, &job.new.order_key)?;
    let concurrency = job.new.concurrency.as_ref();
    same("the concurrency key", stored.concurrency_key.as_ref(), concurrency.map(|one| &one.key))?;
    if job.state != State::Dead {
        same("the unique key", &stored.unique_key, &job.unique_key)?;
    }
    // A store may or may not show an earlier attempt's progress until there is a new one.
    if job.state == State::Running && job.progress.is_some() {
        same("the progress", &stored.progress, &job.progress)?;
    }
    Ok(())
}

async fn compare_counts(trial: &Trial<'_>) -> Agreed {
    let mut expected: BTreeMap<(State, i16), (u64, u64)> = BTreeMap::new();
    for job in trial.reference.jobs.values() {
        let count = expected.entry((job.state, job.new.priority.rank())).or_default();
        count.0 += 1;
        count.1 += u64::from(job.state == State::Waiting && job.due == Due::Far);
    }
    let counts = told("counts", trial.backend.counts(&trial.queue).await)?;
    let counts: BTreeMap<_, _> = counts
        .into_iter()
        .map(|count| ((count.state, count.priority.rank()), (count.jobs, count.delayed)))
        .collect();
    same("the counts", counts, expected)
}
