//! Several at once: nothing is lost, nothing is counted twice.

use chrono::Utc;
use rand::{SeedableRng, rngs::StdRng};
use rstest::rstest;
use syncline_api::stats::{StatsFilter, stats};
use syncline_runs::catch_up;
use syncline_upkeep::{
    purge::{Age, Retention, Unwatched, purge},
    stats::{fold_slots, rebuild},
};

use crate::{
    reference::{Run, check},
    stage::{Kind, Stage, environment, leave, work},
};

async fn check_total(stage: &Stage, runs: &[Run]) {
    let all = StatsFilter { window: "all".parse().unwrap(), ..StatsFilter::default() };
    let stats = stats(&stage.db, &all).await.unwrap();
    check(&stats.total, &runs.iter().collect::<Vec<_>>(), "all");
}

fn some(seed: u64, sync: i64, number: usize) -> Vec<Run> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..number).map(|_| Run::random(&mut rng, sync)).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_of_one_sync_that_end_at_once_are_all_counted(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let stage = Stage::new(kind).await;
    let sync = stage.sync("a", ["csv", "jsonl"], "record").await;
    let mut runs = Vec::new();
    let mut processes = Vec::new();
    for process in 0..6 {
        let of_process = some(process, sync, 15);
        runs.extend(of_process.clone());
        let db = stage.another().await;
        processes.push(tokio::spawn(async move {
            let (environment, clock) = environment(&db);
            for run in of_process {
                work(&environment, &clock, &run).await;
            }
        }));
    }
    for process in processes {
        process.await.unwrap();
    }
    assert_eq!(stage.number("SELECT COUNT(*) FROM sync_history WHERE rolled_up = FALSE").await, 0);
    check_total(&stage, &runs).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_of_older_replicas_are_caught_up_once_while_others_end(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let stage = Stage::new(kind).await;
    let (a, b) = (
        stage.sync("a", ["csv", "jsonl"], "record").await,
        stage.sync("b", ["csv", "jsonl"], "record").await,
    );
    let mut runs = [some(1, a, 120), some(2, b, 60)].concat();
    for run in &runs {
        leave(&stage.db, run).await;
    }
    let ending = some(3, a, 20);
    let workers = (0..3).map(|_| async {
        let db = stage.another().await;
        let mut found = 0;
        // Small batches, so that they meet.
        loop {
            match catch_up(&db, 5).await.unwrap() {
                0 => return found,
                some => found += some,
            }
        }
    });
    let meanwhile = async {
        let db = stage.another().await;
        let (environment, clock) = environment(&db);
        for run in &ending {
            work(&environment, &clock, run).await;
        }
    };
    let rebuilding = async {
        let db = stage.another().await;
        for _ in 0..5 {
            rebuild(&db, a, None).await.unwrap();
            fold_slots(&db).await.unwrap();
        }
    };
    let (found, (), ()) = tokio::join!(futures_of(workers), meanwhile, rebuilding);
    assert_eq!(found, runs.len() as u64, "each by one of them");
    runs.extend(ending);
    check_total(&stage, &runs).await;
}

#[rstest]
#[tokio::test]
async fn a_purge_leaves_the_statistics_as_they_were(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let stage = Stage::new(kind).await;
    let sync = stage.sync("a", ["csv", "jsonl"], "record").await;
    // None of them is in the statistics yet.
    let runs = some(5, sync, 60);
    for run in &runs {
        leave(&stage.db, run).await;
    }
    let retention = Retention { runs: Age::Seconds(1), ..Retention::default() };
    purge(&stage.db, Utc::now(), &retention, false, "test", &Unwatched).await.unwrap();
    let left = stage.number("SELECT COUNT(*) FROM sync_history").await;
    assert!(left < 10, "{left} are left");
    check_total(&stage, &runs).await;
}

async fn futures_of(workers: impl Iterator<Item = impl Future<Output = u64>>) -> u64 {
    let mut workers = workers;
    let (one, two, three) = (workers.next().unwrap(), workers.next().unwrap(), workers.next().unwrap());
    let (one, two, three) = tokio::join!(one, two, three);
    one + two + three
}
