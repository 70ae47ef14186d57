//! Dead letters of runs are rows, and are replayed from there.

use std::sync::Arc;

use rstest::rstest;
use syncline_entity::{sync_config, types::RunStatus};
use syncline_queue::{JobQuery, Lease, LeasedJob, Settlement, State};
use syncline_runs::{
    RUN_QUEUE, accept,
    dead::{self, DeadQuery, GroupOrder, GroupQuery, Left, Replayed},
    sort_letters,
};
use uuid::Uuid;

use crate::stage::{On, Stage, new, whole};

/// A document that can be read and never run: there is no such platform.
const HOPELESS: &str = r#"{"name": "a", "source_platform": "fax", "source": {}, "target_platform": "fax", "target": {}, "field_mappings": []}"#;

/// A run that dies at once.
async fn die(stage: &Stage, name: &str) -> Uuid {
    let config = stage.sync(name).await;
    die_of(stage, &config, None).await
}

async fn die_of(stage: &Stage, config: &sync_config::Model, schedule: Option<i64>) -> Uuid {
    let id = new(accept(&stage.db, &stage.queue, &whole(config)).await.unwrap());
    if let Some(schedule) = schedule {
        let sql = format!("UPDATE sync_history SET schedule_id = {schedule} WHERE completed_at IS NULL");
        stage.execute(&sql).await;
    }
    let id_of_sync = config.id;
    stage
        .execute(&format!("UPDATE sync_configs SET config_json = '{HOPELESS}' WHERE id = {id_of_sync}"))
        .await;
    let asked = std::time::Instant::now();
    let job = stage.claim().await.expect("the job");
    let claim = job.lease_ref();
    let lease = Lease::new(stage.queue.backend(), claim, asked, std::time::Duration::from_secs(60));
    let environment = Arc::new(stage.environment("w"));
    let leased = LeasedJob { job, lease };
    let outcome = syncline_worker::handlers::handle(Arc::clone(&environment), leased).await.unwrap();
    stage.queue.settle(&[Settlement { lease: claim, outcome }]).await.unwrap();
    assert!(environment.run_book().move_letter(id, "x", "y").await.unwrap());
    id
}

#[rstest]
#[tokio::test]
async fn a_dead_run_is_a_letter_in_the_database_alone(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let id = die(&stage, "a").await;
    assert!(stage.queue.list(&JobQuery::new(RUN_QUEUE, State::Dead)).await.unwrap().jobs.is_empty());
    let (row, attempts) = dead::show(&stage.db, id).await.unwrap().expect("a dead letter");
    assert_eq!((row.status, row.success), (RunStatus::Failed, Some(false)));
    assert_eq!(row.dead_reason.as_deref(), Some("trying again would not help"), "the first reason stays");
    assert_eq!((attempts.len(), attempts[0].outcome.as_deref()), (1, Some("dead")));
}

#[rstest]
#[tokio::test]
async fn letters_are_found_by_what_they_say(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(die(&stage, name).await);
    }
    let all = DeadQuery::default();
    assert_eq!(dead::count(&stage.db, &all).await.unwrap(), 3);
    let first = dead::list(&stage.db, &all, 2, None).await.unwrap();
    let second = dead::list(&stage.db, &all, 2, first.next.as_deref()).await.unwrap();
    let listed: Vec<Uuid> = first.runs.iter().chain(&second.runs).map(|run| run.run_uid).collect();
    assert_eq!(listed, ids.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(second.next, None);
    assert!(dead::list(&stage.db, &all, 2, Some("nonsense")).await.is_err());

    let sync = stage.run(ids[1]).await.sync_config_id;
    let count = async |query: DeadQuery| dead::count(&stage.db, &query).await.unwrap();
    assert_eq!(count(DeadQuery { sync: Some(sync), ..all.clone() }).await, 1);
    assert_eq!(count(DeadQuery { text: Some("would not help".to_owned()), ..all.clone() }).await, 3);
    assert_eq!(count(DeadQuery { text: Some("WOULD NOT".to_owned()), ..all.clone() }).await, 0);
    let old = Some(std::time::Duration::from_secs(3_600));
    assert_eq!(count(DeadQuery { older_than: old, ..all.clone() }).await, 0);
}

#[rstest]
#[tokio::test]
async fn a_letter_is_replayed_as_a_run_of_its_own_or_discarded(
    #[values(On::Sqlite, On::Postgres, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let (a, b) = (die(&stage, "a").await, die(&stage, "b").await);
    let Replayed::As(again) = dead::replay(&stage.db, &stage.queue, a).await.unwrap() else {
        panic!("not replayed")
    };
    let (before, after) = (stage.run(a).await, stage.run(again).await);
    assert_eq!((before.dead_at, before.status), (None, RunStatus::Failed));
    assert_eq!((after.parent_run_id, after.correlation_id), (Some(a), before.correlation_id));
    assert_eq!((after.kind, &after.args), (before.kind, &before.args));
    assert_eq!(stage.claim().await.expect("the job").id, again);
    assert_eq!(dead::replay(&stage.db, &stage.queue, a).await.unwrap(), Replayed::Left(Left::NotDead));

    assert!(dead::discard(&stage.db, b).await.unwrap());
    assert!(!dead::discard(&stage.db, b).await.unwrap());
    let row = stage.run(b).await;
    assert!(row.dead_at.is_none() && row.dead_reason.is_some(), "history stays");
    assert_eq!(dead::count(&stage.db, &DeadQuery::default()).await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn many_are_replayed_or_discarded_by_what_they_say(#[values(On::Sqlite, On::PostgresAndStore)] on: On) {
    let stage = Stage::new(on).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(die(&stage, &format!("sync-{number}")).await);
    }
    let gone = stage.run(ids[0]).await.sync_config_id;
    stage.execute(&format!("UPDATE sync_configs SET deleted_at = CURRENT_TIMESTAMP WHERE id = {gone}")).await;
    let all = DeadQuery::default();
    let unknown = Uuid::now_v7();
    let asked: Vec<Uuid> = ids.iter().copied().chain([unknown]).collect();
    let many = dead::replay_all(&stage.db, &stage.queue, None, &asked, None).await.unwrap();
    assert_eq!(many.replayed.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids[1..]);
    let mut left = many.left.clone();
    left.sort_by_key(|(id, _)| *id);
    assert_eq!(left, [(ids[0], Left::SyncGone), (unknown, Left::NotDead)]);
    for (id, run) in &many.replayed {
        assert_eq!(stage.run(*run).await.parent_run_id, Some(*id));
        assert!(stage.queue.get(*run).await.unwrap().is_some(), "the queue has its job");
    }
    assert_eq!(dead::discard_all(&stage.db, None, &asked, None).await.unwrap(), [ids[0]]);
    assert_eq!(dead::count(&stage.db, &all).await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn letters_of_one_cause_are_a_group_and_triggers_count_it(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let other = stage.sync("b").await;
    let dead = |sync: &sync_config::Model, from: u32, to: u32, error: &str| {
        (from..to)
            .map(|n| {
                let run = Uuid::now_v7();
                let at = format!("2026-01-01T00:{n:02}:00+00:00");
                let id = match on {
                    On::Sqlite => format!("x'{}'", run.simple()),
                    _ => format!("'{run}'"),
                };
                format!(
                    "({id}, 1, {}, {id}, 'sync', 'manual', 2, '{{}}', 'failed', '{at}', '{at}', '{at}', \
                     'trying again would not help', '{}')",
                    sync.id,
                    error.replace("{n}", &n.to_string()),
                )
            })
            .collect::<Vec<_>>()
    };
    let mut rows = dead(&config, 0, 40, "item T-{n} has no title");
    rows.extend(dead(&config, 40, 43, "no such column"));
    rows.extend(dead(&other, 10, 20, "item T-{n} has no title"));
    let insert = format!(
        "INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, priority, args, \
         status, queued_at, completed_at, dead_at, dead_reason, error_message) VALUES {}",
        rows.join(", ")
    );
    stage.execute(&insert).await;
    let groups = async |query: GroupQuery| {
        let groups = dead::groups(&stage.db, &GroupQuery { limit: 10, ..query }).await.unwrap();
        groups.into_iter().map(|group| (group.sync, group.letters)).collect::<Vec<_>>()
    };
    // Older programs give no cause; a worker adds it.
    assert_eq!(groups(GroupQuery::default()).await, [(config.id, 43), (other.id, 10)]);
    assert_eq!(sort_letters(&stage.db, 1_000).await.unwrap(), 53);
    assert_eq!(sort_letters(&stage.db, 1_000).await.unwrap(), 0);
    let order = |order| GroupQuery { order, ..GroupQuery::default() };
    assert_eq!(groups(order(GroupOrder::Newest)).await, [(config.id, 3), (config.id, 40), (other.id, 10)]);
    assert_eq!(groups(order(GroupOrder::Rarest)).await, [(config.id, 3), (other.id, 10), (config.id, 40)]);
    assert_eq!(groups(order(GroupOrder::Most)).await, [(config.id, 40), (other.id, 10), (config.id, 3)]);
    let text = Some("NO SUCH".to_owned());
    assert_eq!(groups(GroupQuery { text, ..GroupQuery::default() }).await, [(config.id, 3)]);
    assert_eq!(groups(GroupQuery { project: Some(99), ..GroupQuery::default() }).await, []);
    let kind = Some("lost".to_owned());
    assert_eq!(groups(GroupQuery { kind, ..GroupQuery::default() }).await, []);
    let query = GroupQuery { sync: Some(config.id), skip: 1, limit: 1, ..order(GroupOrder::Rarest) };
    let group = dead::groups(&stage.db, &query).await.unwrap().remove(0);
    assert_eq!((group.kind.as_deref(), group.letters), (Some("permanent"), 40));
    assert_eq!(group.error.as_deref(), Some("item T-39 has no title"));
    assert_eq!((group.last_at - group.first_at).num_minutes(), 39);

    let query = DeadQuery { group: Some(group.fingerprint.clone()), ..DeadQuery::default() };
    assert_eq!(dead::count(&stage.db, &query).await.unwrap(), 50, "the cause is the same in both syncs");
    let of_sync = DeadQuery { sync: Some(config.id), ..query };
    assert_eq!(dead::count(&stage.db, &of_sync).await.unwrap(), 40);
    let (ids, after) = dead::page(&stage.db, &of_sync, 30, None).await.unwrap();
    let (rest, _) = dead::page(&stage.db, &of_sync, 30, after.as_deref()).await.unwrap();
    assert_eq!((ids.len(), rest.len()), (30, 10));
    // Runs with equal arguments wait once.
    let replays = dead::replay_all(&stage.db, &stage.queue, None, &ids, None).await.unwrap();
    let first = replays.replayed[0].1;
    assert_eq!(replays.replayed.len(), 30);
    assert!(replays.replayed.iter().all(|(_, run)| *run == first));
    dead::discard_all(&stage.db, None, &rest, None).await.unwrap();
    assert_eq!(groups(order(GroupOrder::Rarest)).await, [(config.id, 3), (other.id, 10)]);
    stage.execute(&format!("DELETE FROM sync_history WHERE sync_config_id = {}", other.id)).await;
    assert_eq!(groups(order(GroupOrder::Rarest)).await, [(config.id, 3)]);
    assert_eq!(dead::count(&stage.db, &DeadQuery::default()).await.unwrap(), 3);
}

#[rstest]
#[tokio::test]
async fn a_schedule_that_cannot_run_is_one_letter_until_a_run_succeeds(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let schedule = stage.schedule(config.id).await;
    let mut last = Uuid::nil();
    for _ in 0..3 {
        last = die_of(&stage, &config, Some(schedule)).await;
    }
    let letters = dead::list(&stage.db, &DeadQuery::default(), 10, None).await.unwrap().runs;
    assert_eq!(letters.iter().map(|row| row.run_uid).collect::<Vec<_>>(), [last]);
    assert!(letters[0].dead_reason.as_deref().unwrap().contains("3 runs since"), "{letters:?}");
    assert_eq!(letters[0].sync_metadata.as_ref().unwrap()["repeated"]["count"], 3);

    // What a person asked for is not the schedule's letter.
    let asked = die_of(&stage, &config, None).await;
    let id = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    let environment = stage.environment("w");
    let begun = environment.run_book().begin(id, 1).await.unwrap().begun().expect("the run");
    let ending = syncline_runs::Ending {
        status: RunStatus::Completed,
        outcome: "done",
        error: None,
        dead: None,
        report: None,
        calls: 0,
        plan: None,
        restore_over: None,
    };
    assert!(environment.run_book().end(&begun, ending).await.unwrap());
    let letters = dead::list(&stage.db, &DeadQuery::default(), 10, None).await.unwrap().runs;
    assert_eq!(letters.iter().map(|row| row.run_uid).collect::<Vec<_>>(), [asked]);
}
