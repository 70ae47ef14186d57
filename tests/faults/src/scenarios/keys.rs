//! Unique, ordered and limited keys while workers are killed.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use rand::Rng;
use syncline_queue::{Concurrency, NewJob, Pushed};
use uuid::Uuid;

use crate::{
    report::Report,
    stage::{Expect, QUEUE, Stage},
    work::Task,
};

pub(super) async fn under_kills(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (rounds, keys, pause) = stage.pick((6, 5, 600), (30, 40, 1000));
    stage.crew.hire(4)?;
    // Who stands for a unique key, as far as the pushes said.
    let mut holders: HashMap<String, Uuid> = HashMap::new();
    let mut joined = 0;
    for round in 0..rounds {
        let mut jobs = Vec::new();
        for key in 0..keys {
            let ms = stage.random.random_range(20..120);
            let order_key = Some(format!("order-{key}"));
            jobs.push(NewJob { order_key, ..Task::Wait { ms }.job(QUEUE) });
            // Of one in three keys two may run, of the others one.
            let limit = if key % 3 == 0 { 2 } else { 1 };
            let concurrency = Some(Concurrency { key: format!("{limit}:slot-{key}"), limit });
            jobs.push(NewJob { concurrency, ..Task::Wait { ms }.job(QUEUE) });
            // Two of a key in one push: the second joins the first unless that is claimed just then, and later ones join
            // while it waits for its time.
            for _ in 0..2 {
                let unique = Some(format!("waits-{key}"));
                let delay = Duration::from_millis(stage.random.random_range(0..1_000));
                jobs.push(NewJob { unique, delay, ..Task::Wait { ms }.job(QUEUE) });
            }
        }
        let answers = stage.push(jobs.clone()).await?;
        for (job, answer) in jobs.iter().zip(answers) {
            let Some(key) = &job.unique else { continue };
            match answer {
                Pushed::New | Pushed::Known => drop(holders.insert(key.clone(), job.id)),
                Pushed::Joined { winner } => {
                    joined += 1;
                    // An older one may have taken the key back when its worker died; it must be one of ours.
                    let ours = stage.accepted().contains(&winner);
                    stage.check(ours, format!("a job of {key} joined {winner}, which nobody pushed"));
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if round + 1 < rounds {
            let victim = stage.random.random_range(0..stage.crew.members.len());
            stage.crew.kill(victim, &stage.ledger).await?;
            stage.crew.hire(1)?;
            stage.crew.roll_call(&stage.ledger, false).await?;
        }
    }
    stage.drained(Duration::from_secs(90)).await;
    stage.note(format!("{} unique keys, {joined} joined", holders.len()));
    stage.check(joined >= rounds * keys / 2, format!("only {joined} jobs joined another"));
    // Jobs of a key wait for each other, so the time until an orphan starts again is the queue's and the key's.
    let bound = stage.lease + Duration::from_secs(2);
    stage.close(name, Expect { orphans_within: Some(bound), ..Expect::default() }).await
}
