//! Random histories, windows and filters: the numbers are those of the runs, whichever way each run got into them.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use rstest::rstest;
use syncline_api::stats::StatsFilter;
use syncline_entity::types::RunKind;
use syncline_runs::catch_up;

use crate::{
    reference::{Known, Run, check_all},
    stage::{Kind, Stage, die, environment, leave, queue, work},
};

const WINDOWS: [&str; 10] = ["1m", "59m", "1h", "90m", "24h", "7d", "2w", "40d", "70d", "all"];

async fn syncs(stage: &Stage) -> Vec<Known> {
    let wanted = [
        ("a", ["jira", "github"], "issue"),
        ("b", ["csv", "jsonl"], "record"),
        ("c", ["csv", "csv"], "record"),
        ("d", ["github", "csv"], "issue"),
    ];
    let mut known = Vec::new();
    for (name, platforms, entity_type) in wanted {
        let id = stage.sync(name, platforms, entity_type).await;
        known.push(Known { id, name, platforms, entity_type });
    }
    known
}

fn filters(rng: &mut StdRng) -> Vec<StatsFilter> {
    let mut filters = Vec::new();
    for window in WINDOWS {
        let window = window.parse().unwrap();
        let text = |words: &[&str], rng: &mut StdRng| {
            rng.random_ratio(1, 3).then(|| (*words.choose(rng).unwrap()).to_owned())
        };
        filters.push(StatsFilter { window, ..StatsFilter::default() });
        filters.push(StatsFilter {
            sync: text(&["a", "b", "c", "d"], rng),
            project: text(&["default"], rng),
            platform: text(&["csv", "jira", "github", "nobody"], rng),
            entity_type: text(&["issue", "record"], rng),
            window,
        });
    }
    filters
}

/// The numbers, however much of them is rolled up.
async fn the_numbers_are_those_of_the_runs(kind: Kind, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let stage = Stage::new(kind).await;
    let syncs = syncs(&stage).await;
    let (environment, clock) = environment(&stage.db);
    let mut runs = Vec::new();
    for round in 0..3 {
        for _ in 0..40 {
            let sync = syncs.choose(&mut rng).unwrap().id;
            let run = Run::random(&mut rng, sync);
            match rng.random_range(0..10) {
                0 => {
                    let run = run.silent();
                    die(&environment, &run).await;
                    runs.push(run);
                }
                1..=3 => {
                    leave(&stage.db, &run).await;
                    runs.push(run);
                }
                4 => {
                    queue(&stage.db, run.sync, RunKind::Sync, run.completed_at).await;
                }
                _ => {
                    work(&environment, &clock, &run).await;
                    runs.push(run);
                }
            }
        }
        for filter in filters(&mut rng) {
            check_all(&stage, &syncs, &runs, &filter).await;
        }
        if round < 2 {
            // Some stay behind for the next round.
            catch_up(&stage.db, rng.random_range(1..20)).await.unwrap();
        }
    }
    while catch_up(&stage.db, 7).await.unwrap() > 0 {}
    assert_eq!(
        stage
            .number("SELECT COUNT(*) FROM sync_history WHERE completed_at IS NOT NULL AND rolled_up = FALSE")
            .await,
        0
    );
    for filter in filters(&mut rng) {
        check_all(&stage, &syncs, &runs, &filter).await;
    }
    // Retention takes the runs; the numbers stay. What a window begins with in the middle of an hour went with them.
    stage.execute("DELETE FROM sync_attempts").await;
    assert!(stage.execute("DELETE FROM sync_history WHERE completed_at IS NOT NULL").await > 0);
    let all = StatsFilter { window: "all".parse().unwrap(), ..StatsFilter::default() };
    check_all(&stage, &syncs, &runs, &all).await;
}

#[rstest]
#[tokio::test]
async fn on_sqlite(#[values(1, 2, 3, 4)] seed: u64) {
    the_numbers_are_those_of_the_runs(Kind::Sqlite, seed).await;
}

#[rstest]
#[tokio::test]
async fn on_postgres(#[values(5, 6, 7, 8)] seed: u64) {
    the_numbers_are_those_of_the_runs(Kind::Postgres, seed).await;
}
