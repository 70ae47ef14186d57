//! Plays pairs on two threads, and says how to play one again.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use crate::{
    faults::{FLAWS, Flaw},
    generate::ON_POSTGRES,
    laws::{Applied, Failure, LAWS, Law, check, show},
    stage::Stage,
};

/// Pairs that every run of the tests plays.
const PAIRS: u64 = 2_000;
/// Pairs of the survey, which is asked for by hand.
const SURVEY: u64 = 100_000;
/// More than there are cores: each waits for its databases half of the time.
const THREADS: usize = 4;
/// Pairs within which a seeded fault must be seen.
const PATIENCE: u64 = 100;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a future on a thread of its own, with a runtime of its own.
fn alone<T>(work: impl Future<Output = T>) -> Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}

fn told(seed: u64, law: Law, what: &str) -> String {
    format!(
        "{law:?} does not hold: {what}\nplay it again: PLACES_SEED={seed} cargo test -p syncline-worker --test places the_laws_hold -- --nocapture"
    )
}

/// Plays the pairs of so many seeds; the cases of each law, and the pairs that gave rise to any, and what was broken.
fn play(first: u64, pairs: u64) -> Result<(Applied, Applied, Vec<String>)> {
    let next = AtomicU64::new(first);
    let work = || -> Result<(Applied, Applied, Vec<String>)> {
        alone(async {
            let stage = Stage::new().await?;
            let (mut cases, mut counted, mut broken) = (Applied::default(), Applied::default(), Vec::new());
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + pairs {
                    return Ok((cases, counted, broken));
                }
                match check(&stage, seed, None).await {
                    Ok(applied) => {
                        cases.add(&applied);
                        counted.add(&applied.pairs());
                    }
                    Err(Failure::Broken(law, what)) => broken.push(told(seed, law, &what)),
                    Err(Failure::Stage(error)) => return Err(error.context(format!("seed {seed}"))),
                }
            }
        })?
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let (mut cases, mut counted, mut broken) = (Applied::default(), Applied::default(), Vec::new());
        for thread in threads {
            let done = thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
            cases.add(&done.0);
            counted.add(&done.1);
            broken.extend(done.2);
        }
        Ok((cases, counted, broken))
    })
}

fn play_and_tell(pairs: u64) -> Result<(Applied, Applied)> {
    let began = Instant::now();
    let (cases, counted, broken) = play(number("PLACES_FIRST").unwrap_or(0), pairs)?;
    let took = began.elapsed();
    let on_postgres = pairs * ON_POSTGRES / 100;
    println!("{pairs} pairs, {on_postgres} of them on PostgreSQL, in {:.0} s", took.as_secs_f64());
    for law in LAWS {
        println!("{law:?}: {} cases in {} pairs", cases.of(law), counted.of(law));
    }
    ensure!(broken.is_empty(), "{} pairs break a law\n{}", broken.len(), broken.join("\n\n"));
    Ok((cases, counted))
}

#[test]
fn the_laws_hold() -> Result<()> {
    if let Some(seed) = number("PLACES_SEED") {
        let checked = alone(async {
            let stage = Stage::new().await?;
            println!("{}", show(&stage, seed).await?);
            anyhow::Ok(check(&stage, seed, None).await)
        })??;
        return match checked {
            Ok(applied) => {
                println!("{applied:?}");
                Ok(())
            }
            Err(Failure::Broken(law, what)) => Err(anyhow::anyhow!(told(seed, law, &what))),
            Err(Failure::Stage(error)) => Err(error),
        };
    }
    let pairs = number("PLACES_CASES").unwrap_or(PAIRS);
    let (_, counted) = play_and_tell(pairs)?;
    // A generator whose pairs are all refused would prove nothing.
    let least = [
        (Law::Idle, 95),
        (Law::Edit, 60),
        (Law::Crossing, 70),
        (Law::Refused, 25),
        (Law::Once, 60),
        (Law::Malformed, 75),
        (Law::Reads, 80),
    ];
    for (law, percent) in least {
        let found = counted.of(law) * 100;
        ensure!(
            found >= percent * pairs || pairs < 100,
            "{law:?} applied to {} of {pairs} pairs",
            counted.of(law)
        );
    }
    Ok(())
}

/// A row created through a view does not have what was written to a column that is computed behind it. The row is recorded as
/// it is, as after any trigger.
#[test]
fn a_column_that_is_computed_behind_a_view_keeps_its_value() -> Result<()> {
    for seed in [45_667, 45_711] {
        let (_, _, broken) = play(seed, 1)?;
        ensure!(broken.is_empty(), "{}", broken.join("\n\n"));
    }
    Ok(())
}

#[test]
#[ignore = "takes hours; run by hand"]
fn survey() -> Result<()> {
    play_and_tell(number("PLACES_CASES").unwrap_or(SURVEY)).map(|_| ())
}

#[test]
fn every_fault_is_seen() -> Result<()> {
    alone(async {
        let stage = Stage::new().await?;
        let only = std::env::var("PLACES_FAULT").ok();
        let wanted = |flaw: &Flaw| only.as_ref().is_none_or(|only| *only == format!("{flaw:?}"));
        for (flaw, law) in FLAWS.into_iter().filter(|(flaw, _)| wanted(flaw)) {
            let mut seen = None;
            let mut others = Vec::new();
            for seed in 0..PATIENCE {
                match check(&stage, seed, Some(flaw)).await {
                    Err(Failure::Broken(found, what)) if found == law => {
                        seen = Some((seed, what));
                        break;
                    }
                    Err(Failure::Broken(found, _)) => others.push(found),
                    Ok(_) => {}
                    Err(Failure::Stage(error)) => return Err(error.context(format!("{flaw:?}, seed {seed}"))),
                }
            }
            let (seed, what) =
                seen.with_context(|| format!("{flaw:?} was not seen by {law:?}; others: {others:?}"))?;
            println!(
                "{flaw:?}: {law:?} at seed {seed} after {} others: {}",
                others.len(),
                what.lines().next().unwrap_or_default()
            );
        }
        Ok(())
    })?
}
