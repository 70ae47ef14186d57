//! Many runs in one request, and changes whose rows in the audit log are part of them.

use std::collections::HashSet;

use rstest::rstest;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;
use syncline_entity::{audit_log, sync_config, types::RunKind};
use syncline_queue::{JobQuery, Priority, State};
use syncline_runs::{RUN_QUEUE, RunArgs, pause::Subject};
use syncline_service::{
    Caller, Error, Refusal, pauses,
    runs::{Request, enqueue_many, set_priority},
    syncs::StoredSync,
};
use uuid::Uuid;

use crate::stage::{On, Stage};

fn request(args: RunArgs, id: Option<Uuid>) -> Request {
    Request {
        kind: RunKind::Sync,
        args,
        priority: None,
        not_before: None,
        fixed_time: false,
        id,
        waits_for_pauses: false,
    }
}

async fn syncs(stage: &Stage) -> [StoredSync; 2] {
    let [a, b] = [stage.sync("a").await, stage.sync("b").await];
    [a, b].map(|row| {
        let config_json = json!({
            "name": row.name, "source_platform": "fax", "source": {}, "target_platform": "fax", "target": {},
            "field_mappings": [],
        });
        StoredSync { project: "default".to_owned(), row: sync_config::Model { config_json, ..row } }
    })
}

/// Distinct arguments.
fn args(n: u64) -> RunArgs {
    RunArgs { allow_deletes: Some(n), ..RunArgs::default() }
}

#[rstest]
#[tokio::test]
async fn many_runs_are_accepted_at_once_and_each_is_answered(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let [a, b] = syncs(&stage).await;
    let caller = Caller::person("mia");
    let (db, queue) = (&stage.db, &stage.queue);
    let own = Uuid::now_v7();
    let mut asked: Vec<(&StoredSync, Request)> = (0..700).map(|n| (&a, request(args(n), None))).collect();
    asked.push((&a, request(args(3), None)));
    asked.push((&b, request(args(0), Some(own))));
    asked.push((&b, request(args(0), Some(own))));
    let answers = enqueue_many(db, queue, &caller, &asked).await.unwrap();
    assert_eq!(answers.len(), asked.len());
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap()).collect();
    let new: HashSet<Uuid> = answers.iter().filter(|one| !one.joined).map(|one| one.id).collect();
    assert_eq!(new.len(), 701);
    assert!(answers[700].joined && answers[700].id == answers[3].id, "an equal run is in the list");
    assert_eq!((answers[701].id, answers[702].id), (own, own));
    assert!(!answers[701].joined && answers[702].joined);
    let mut waiting = HashSet::new();
    let mut query = JobQuery { limit: 1_000, ..JobQuery::new(RUN_QUEUE, State::Waiting) };
    loop {
        let page = queue.list(&query).await.unwrap();
        waiting.extend(page.jobs.into_iter().map(|job| job.id));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(waiting, new, "the queue has a job of each");
    let log = audit_log::Entity::find().order_by_asc(audit_log::Column::Id).all(db).await.unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].details.as_ref().unwrap()["after"]["count"], 701);

    // Once more: all are known by now, and only what is wrong is refused.
    let subject = (Subject::Sync(a.id), Some(a.project_id));
    assert!(pauses::pause(db, queue, &caller, subject, None).await.unwrap());
    let other = request(args(1), Some(own));
    let asked = [
        (&b, other),
        (&a, request(args(9), None)),
        (&b, request(args(0), None)),
        (&b, request(args(7), None)),
    ];
    let mut answers = enqueue_many(db, queue, &caller, &asked).await.unwrap().into_iter();
    let why = |answer: Option<Result<_, Error>>| match answer {
        Some(Err(Error::Refused { why, .. })) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(answers.next()), Refusal::IdUsed);
    assert_eq!(why(answers.next()), Refusal::SyncPaused);
    let joined = answers.next().unwrap().unwrap();
    assert!(joined.joined && joined.id == own);
    assert!(!answers.next().unwrap().unwrap().joined);
}

#[rstest]
#[tokio::test]
async fn a_run_that_waits_gets_another_priority_in_its_row_and_in_the_queue(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let [a, _] = syncs(&stage).await;
    let caller = Caller::person("mia");
    let asked = [(&a, request(args(1), None))];
    let id = enqueue_many(&stage.db, &stage.queue, &caller, &asked).await.unwrap().remove(0).unwrap().id;
    let before = set_priority(&stage.db, &stage.queue, &caller, id, Priority::Critical).await.unwrap();
    assert_eq!(before, Priority::Normal);
    assert_eq!(stage.queue.get(id).await.unwrap().unwrap().priority, Priority::Critical);
    let again = set_priority(&stage.db, &stage.queue, &caller, id, Priority::Low).await.unwrap();
    assert_eq!(again, Priority::Critical);
    let stranger = Caller { project: Some(99), ..caller.clone() };
    assert!(matches!(
        set_priority(&stage.db, &stage.queue, &stranger, id, Priority::High).await,
        Err(Error::Unknown { .. })
    ));
    stage.claim().await.expect("the job");
    stage.execute("UPDATE sync_history SET status = 'in_progress'").await;
    assert!(matches!(
        set_priority(&stage.db, &stage.queue, &caller, id, Priority::High).await,
        Err(Error::Refused { why: Refusal::JobOver, .. })
    ));
    let log = audit_log::Entity::find().order_by_desc(audit_log::Column::Id).all(&stage.db).await.unwrap();
    assert_eq!(log[0].action, "run.priority");
    assert_eq!(log[0].details.as_ref().unwrap()["after"]["priority"], "low");
}
