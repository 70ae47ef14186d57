//! Programs of two versions on one database: what only the newer one can carry out waits for it.

use std::sync::Arc;

use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};
use serde_json::json;
use syncline_engine::{Value, conflict::Choice};
use syncline_entity::{sync_attempt, sync_conflict, types::RunStatus};
use syncline_queue::{Lease, LeasedJob, Outcome, Settlement};
use syncline_runs::{CHOICES, NEWEST_PAYLOAD_VERSION, NewRun, PAYLOAD_VERSION, RunArgs, accept};
use syncline_service::{
    Caller,
    conflicts::{Decision, choose},
};
use uuid::Uuid;

use crate::stage::{On, Stage, new, whole};

/// A document that this version can read.
const DOCUMENT: &str = r#"{"name": "a", "source_platform": "csv", "source": {"path": "/nowhere/a.csv", "key": "id"},
    "target_platform": "csv", "target": {"path": "/nowhere/b.csv", "key": "id"}, "match_on": ["title"],
    "field_mappings": [{"source_field": "title", "target_field": "title"}]}"#;

fn needing(run: NewRun, needs: i32) -> NewRun {
    NewRun { args: RunArgs { needs: Some(needs), ..run.args }, ..run }
}

/// Claims the next job, lets a worker handle it, and settles it as that says.
async fn handle(stage: &Stage) -> (Outcome, u32) {
    let asked = std::time::Instant::now();
    let job = stage.claim().await.expect("a job");
    let (claim, attempt) = (job.lease_ref(), job.attempt);
    let lease = Lease::new(stage.queue.backend(), claim, asked, std::time::Duration::from_secs(60));
    let environment = Arc::new(stage.environment("w"));
    let outcome =
        syncline_worker::handlers::handle(environment, LeasedJob { job, lease }).await.expect("an outcome");
    stage.queue.settle(&[Settlement { lease: claim, outcome: outcome.clone() }]).await.unwrap();
    (outcome, attempt)
}

async fn ensure_it_waits(stage: &Stage, run: Uuid, outcome: Outcome) {
    assert!(matches!(outcome, Outcome::Snooze { .. }), "{outcome:?}");
    let row = stage.run(run).await;
    assert_eq!((row.status, row.dead_reason, row.completed_at), (RunStatus::Queued, None, None));
    let job = stage.queue.get(run).await.unwrap().expect("the job is in line again");
    assert_eq!(job.attempt, 0, "no attempt is used up");
}

#[rstest]
#[tokio::test]
async fn a_run_says_which_version_it_needs(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let plain = new(accept(&stage.db, &stage.queue, &whole(&stage.sync("a").await)).await.unwrap());
    let run = needing(whole(&stage.sync("b").await), CHOICES);
    let choices = new(accept(&stage.db, &stage.queue, &run).await.unwrap());
    let version = async |run: Uuid| stage.queue.get(run).await.unwrap().map(|job| job.payload_version);
    assert_eq!((version(plain).await, version(choices).await), (Some(PAYLOAD_VERSION), Some(CHOICES)));
    if on.has_store() {
        // What the dispatcher makes anew from the row has the same version.
        stage.flush().await;
        stage.dispatcher().look().await.unwrap();
        assert_eq!((version(plain).await, version(choices).await), (Some(PAYLOAD_VERSION), Some(CHOICES)));
    }
}

#[rstest]
#[tokio::test]
async fn a_job_of_a_newer_version_is_put_back(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let run = needing(whole(&stage.sync("a").await), NEWEST_PAYLOAD_VERSION + 1);
    let id = new(accept(&stage.db, &stage.queue, &run).await.unwrap());
    let (outcome, _) = handle(&stage).await;
    ensure_it_waits(&stage, id, outcome).await;
    let attempts = sync_attempt::Entity::find().all(&stage.db).await.unwrap();
    assert!(attempts.is_empty(), "it was not even begun: {attempts:?}");
}

/// An older program's dispatcher makes the job from the row, with the version that it knows.
#[rstest]
#[tokio::test]
async fn a_run_of_a_newer_version_is_put_back_whatever_its_job_says(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    let stage = Stage::new(on).await;
    let run = needing(whole(&stage.sync("a").await), NEWEST_PAYLOAD_VERSION + 1);
    let id = new(accept(&stage.db, &stage.queue, &run).await.unwrap());
    stage.execute("UPDATE jobs SET payload_version = 1").await;
    let (outcome, _) = handle(&stage).await;
    ensure_it_waits(&stage, id, outcome).await;
}

/// A newer worker died in the middle of a write of a kind that this version does not know.
#[rstest]
#[tokio::test]
async fn a_write_of_a_newer_version_is_left_to_it(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let folder = tempfile::tempdir().unwrap();
    let document = DOCUMENT.replace("/nowhere", &folder.path().display().to_string());
    for name in ["a.csv", "b.csv"] {
        std::fs::write(folder.path().join(name), "id,title\n1,One\n").unwrap();
    }
    let config = stage.sync("a").await;
    stage.execute(&format!("UPDATE sync_configs SET config_json = '{document}'")).await;
    let link = stage.link(config.id).await;
    let intent = json!({ "ops": [{ "side": "target", "kind": "merge", "id": "1" }], "deadline": "2020-01-01T00:00:00Z" });
    let open = format!(
        "UPDATE sync_metadata SET intent = '{intent}', intent_deadline = '2020-01-01 00:00:00+00:00' WHERE id = {link}"
    );
    stage.execute(&open).await;
    let id = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    let (outcome, _) = handle(&stage).await;
    ensure_it_waits(&stage, id, outcome).await;
    let kept =
        syncline_entity::sync_metadata::Entity::find_by_id(link).one(&stage.db).await.unwrap().unwrap();
    assert_eq!(kept.intent, Some(intent), "the write is not forgotten");
}

/// Arguments that a newer version adds are kept, and do not keep this one from the run.
#[rstest]
#[tokio::test]
async fn unknown_arguments_are_kept_and_ignored(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let folder = tempfile::tempdir().unwrap();
    let document = DOCUMENT.replace("/nowhere", &folder.path().display().to_string());
    for name in ["a.csv", "b.csv"] {
        std::fs::write(folder.path().join(name), "id,title\n1,One\n").unwrap();
    }
    let config = stage.sync("a").await;
    let document = document.replace(r#""match_on""#, r#""pace": {"per": "day"}, "match_on""#);
    stage.execute(&format!("UPDATE sync_configs SET config_json = '{document}'")).await;
    let id = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    stage.execute(r#"UPDATE sync_history SET args = '{"full": true, "pace": {"per": "day"}}'"#).await;
    let (outcome, _) = handle(&stage).await;
    assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
    let row = stage.run(id).await;
    assert_eq!((row.status, row.args["pace"]["per"].as_str()), (RunStatus::Completed, Some("day")));
}

/// A side is what every version knows; the base and a value are not, and neither is where they are stored.
#[rstest]
#[tokio::test]
async fn a_choice_that_older_versions_do_not_know_is_left_to_newer_ones(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let value = Choice::Value(Value::text("mine"));
    for (name, choice, version) in [
        ("a", Choice::Source, PAYLOAD_VERSION),
        ("b", Choice::Target, PAYLOAD_VERSION),
        ("c", Choice::Base, CHOICES),
        ("d", value, CHOICES),
    ] {
        let config = stage.sync(name).await;
        stage
            .execute(&format!("UPDATE sync_configs SET config_json = '{DOCUMENT}' WHERE id = {}", config.id))
            .await;
        let link = stage.link(config.id).await;
        let bases = r#"base_source = '{"title": "old"}', base_target = '{"title": "old"}'"#;
        stage.execute(&format!("UPDATE sync_metadata SET {bases} WHERE id = {link}")).await;
        let row = sync_conflict::ActiveModel {
            link_id: Set(link),
            run_id: Set(Uuid::now_v7()),
            field: Set(Some("title".to_owned())),
            conflict_type: Set("field_mismatch".to_owned()),
            source_data: Set(Some(json!("S"))),
            target_data: Set(Some(json!("T"))),
            resolved: Set(false),
            occurrences: Set(1),
            created_at: Set(chrono::Utc::now()),
            ..Default::default()
        };
        let conflict = row.insert(&stage.db).await.unwrap().id;
        let decision = Decision::new(conflict, choice.clone());
        let chosen = choose(&stage.db, &stage.queue, &[decision], &Caller::person("mia")).await.unwrap();
        let job = stage.queue.get(chosen[0].run).await.unwrap().expect("the job");
        assert_eq!(job.payload_version, version, "{choice}");
        let row = sync_conflict::Entity::find_by_id(conflict).one(&stage.db).await.unwrap().unwrap();
        assert_eq!(
            row.resolution.is_some(),
            choice.side().is_some(),
            "an older program reads a side or nothing"
        );
        assert_eq!(row.resolved_by.as_deref(), Some("mia"));
    }
}
