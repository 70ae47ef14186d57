//! Counting anew.

use chrono::{TimeDelta, Utc};
use rand::{SeedableRng, rngs::StdRng};
use rstest::rstest;
use syncline_api::stats::StatsFilter;
use syncline_upkeep::stats::{Rebuilt, rebuild};

use crate::{
    reference::{Known, Run, check_all},
    stage::{Kind, Stage, environment, work},
};

const EVERYTHING: &str = "SELECT CAST(sync_config_id AS text) || span || CAST(bucket AS text) || entity_type || ' ' || \
    CAST(runs_completed + runs_failed AS text) || ' ' || CAST(items_synced AS text) || ' ' || durations AS line \
    FROM sync_stats ORDER BY 1";

async fn everything(stage: &Stage) -> Vec<String> {
    stage.rows(EVERYTHING).await.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn staged(kind: Kind) -> (Stage, Known, Vec<Run>) {
    let stage = Stage::new(kind).await;
    let id = stage.sync("a", ["csv", "jsonl"], "record").await;
    let (environment, clock) = environment(&stage.db);
    let mut rng = StdRng::seed_from_u64(11);
    let runs: Vec<Run> = (0..80).map(|_| Run::random(&mut rng, id)).collect();
    for run in &runs {
        work(&environment, &clock, run).await;
    }
    (stage, Known { id, name: "a", platforms: ["csv", "jsonl"], entity_type: "record" }, runs)
}

async fn all(stage: &Stage, sync: Known, runs: &[Run]) {
    for window in ["all", "24h", "40d"] {
        let filter = StatsFilter { window: window.parse().unwrap(), ..StatsFilter::default() };
        check_all(stage, std::slice::from_ref(&sync), runs, &filter).await;
    }
}

#[rstest]
#[tokio::test]
async fn gives_what_was_counted_run_by_run(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (stage, sync, runs) = staged(kind).await;
    let before = everything(&stage).await;
    let again = rebuild(&stage.db, sync.id, None).await.unwrap();
    assert_eq!((again.corrected, again.kept), (0, 0), "there was nothing to correct");
    stage.execute("DELETE FROM sync_stats WHERE span = 'hour'").await;
    stage.execute("UPDATE sync_stats SET items_synced = items_synced + 1, durations = '1:1'").await;
    assert!(rebuild(&stage.db, sync.id, None).await.unwrap().corrected > 0);
    assert_eq!(everything(&stage).await, before);
    stage.execute("DELETE FROM sync_stats").await;
    rebuild(&stage.db, sync.id, None).await.unwrap();
    assert_eq!(everything(&stage).await, before);
    all(&stage, sync, &runs).await;
}

#[rstest]
#[tokio::test]
async fn keeps_what_history_has_lost(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (stage, sync, runs) = staged(kind).await;
    let before = everything(&stage).await;
    let horizon = Utc::now() - TimeDelta::days(20);
    stage.execute("DELETE FROM sync_attempts").await;
    // Retention spares a row that something still needs.
    let purged = format!(
        "DELETE FROM sync_history WHERE completed_at < '{}' AND id > (SELECT MIN(id) FROM sync_history) + 5",
        horizon.to_rfc3339()
    );
    assert!(stage.execute(&purged).await > 0);
    let rebuilt = rebuild(&stage.db, sync.id, None).await.unwrap();
    assert_eq!(rebuilt.corrected, 0, "{rebuilt:?}");
    assert_eq!(everything(&stage).await, before);
    all(&stage, sync, &runs).await;
}

#[rstest]
#[tokio::test]
async fn believes_history_where_it_is_told_to(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (stage, sync, runs) = staged(kind).await;
    let before = everything(&stage).await;
    // Counted once too often, which statistics that know more of an hour than history cannot be told from.
    stage.execute("UPDATE sync_stats SET runs_completed = runs_completed + 1").await;
    rebuild(&stage.db, sync.id, None).await.unwrap();
    assert_ne!(everything(&stage).await, before);
    let oldest = runs.iter().map(|run| run.completed_at).min().unwrap();
    rebuild(&stage.db, sync.id, Some(oldest - TimeDelta::hours(1))).await.unwrap();
    assert_eq!(everything(&stage).await, before);
    all(&stage, sync, &runs).await;
}

#[tokio::test]
async fn of_nothing_is_nothing() {
    let stage = Stage::new(Kind::Sqlite).await;
    let sync = stage.sync("a", ["csv", "jsonl"], "record").await;
    assert_eq!(rebuild(&stage.db, sync, None).await.unwrap(), Rebuilt::default());
}
