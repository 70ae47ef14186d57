//! Runs that are accepted, begun and ended at the same time share transactions, and each is as if it were alone.

use std::collections::HashMap;

use futures_util::future::join_all;
use rstest::rstest;
use sea_orm::EntityTrait;
use syncline_engine::run::{Counts, Report};
use syncline_entity::{
    sync_config, sync_stats,
    types::{RunStatus, Span},
};
use syncline_runs::{Accepted, Begin, Ending, GivenUp, NewRun, RunArgs, accept, kinds};
use uuid::Uuid;

use crate::stage::{On, Stage, new, whole};

async fn syncs(stage: &Stage, count: usize) -> Vec<sync_config::Model> {
    let mut syncs = Vec::new();
    for n in 0..count {
        syncs.push(stage.sync(&format!("sync-{n}")).await);
    }
    syncs
}

fn ending<'a>(status: RunStatus, report: Option<&'a Report>, error: Option<&str>) -> Ending<'a> {
    let error = error.map(str::to_owned);
    let dead = error.is_some().then(|| GivenUp { reason: "for a test".to_owned(), kind: kinds::PERMANENT });
    Ending { status, outcome: "done", error, dead, report, calls: 0, plan: None, restore_over: None }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_at_once_each_is_new_or_joins(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let syncs = syncs(&stage, 8).await;
    stage
        .execute(&format!(
            "UPDATE sync_configs SET paused_at = '2026-01-01T00:00:00+00:00' WHERE id = {}",
            syncs[7].id
        ))
        .await;
    // Of one sync a run waits already. In one database it may be for its second attempt: then it has no key in its row any
    // more, and its job stands for others.
    let waits = new(accept(&stage.db, &stage.queue, &whole(&syncs[0])).await.unwrap());
    if !on.has_store() {
        stage.execute("UPDATE sync_history SET waiting_key = NULL").await;
    }
    // Two instances of the program, each with requests that meet.
    let other = match on.has_store() {
        true => stage.queue.clone(),
        false => syncline_runs::RunQueue::sql(stage.db.clone()),
    };
    let requests = (0..96).map(|n| {
        let (sync, queue) = (&syncs[n % 8], if n % 3 == 0 { &other } else { &stage.queue });
        let run = NewRun { args: RunArgs { full: n % 16 >= 8, ..RunArgs::default() }, ..whole(sync) };
        let db = stage.db.clone();
        async move { ((sync.id, run.args.full), accept(&db, queue, &run).await.unwrap()) }
    });
    let mut winners: HashMap<(i64, bool), Uuid> = HashMap::new();
    let answers = join_all(requests).await;
    for (key, accepted) in &answers {
        if let Accepted::New(id) = accepted {
            assert_eq!(winners.insert(*key, *id), None, "two are new");
        }
    }
    winners.insert((syncs[0].id, false), waits);
    for (key, accepted) in &answers {
        assert_eq!(accepted.id(), winners.get(key).copied(), "{key:?}: {accepted:?}");
    }
    assert_eq!(winners.len(), 16);
    let open = stage.runs().await.into_iter().filter(|run| run.completed_at.is_none()).collect::<Vec<_>>();
    assert_eq!(open.len(), 16);
    for run in open {
        let paused = run.sync_config_id == syncs[7].id;
        assert_eq!(run.dispatched_at.is_none(), paused);
        assert_eq!(stage.queue.get(run.run_uid).await.unwrap().is_none(), paused, "{run:?}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_accepted_is_told_so_alone(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let syncs = syncs(&stage, 5).await;
    let gone = sync_config::Model { id: 999_999, ..syncs[0].clone() };
    let wrong = sync_config::Model { project_id: 999_999, ..syncs[1].clone() };
    let asked = [&syncs[0], &gone, &syncs[2], &wrong, &syncs[3], &syncs[4]];
    let answers = join_all(asked.map(async |sync| accept(&stage.db, &stage.queue, &whole(sync)).await)).await;
    for (sync, answer) in asked.iter().zip(answers) {
        match (sync.id == gone.id || sync.project_id == wrong.project_id, answer) {
            (false, answer) => drop(new(answer.unwrap())),
            (true, answer) => assert!(answer.is_err(), "{answer:?}"),
        }
    }
    assert_eq!(stage.runs().await.len(), 4);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_begin_and_end_at_once_are_counted_one_by_one(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let syncs = syncs(&stage, 12).await;
    let environment = stage.environment("w");
    let mut runs = Vec::new();
    for sync in &syncs {
        runs.push(new(accept(&stage.db, &stage.queue, &whole(sync)).await.unwrap()));
    }
    // One is over, one was asked to stop, one is of a sync that is paused.
    stage.execute("UPDATE sync_history SET completed_at = queued_at, status = 'failed' WHERE id = 1").await;
    stage.execute("UPDATE sync_history SET cancel_requested_at = queued_at WHERE id = 2").await;
    stage
        .execute(&format!(
            "UPDATE sync_configs SET paused_at = '2026-01-01T00:00:00+00:00' WHERE id = {}",
            syncs[2].id
        ))
        .await;
    let book = environment.run_book();
    let begun = join_all(runs.iter().map(|run| book.begin(*run, 2))).await;
    let mut running = Vec::new();
    for (n, begun) in begun.into_iter().enumerate() {
        match (n, begun.unwrap()) {
            (0 | 1, Begin::Over) | (2, Begin::Parked) => {}
            (3.., Begin::Begun(begun)) => {
                assert_eq!((begun.row.run_uid, begun.attempt, begun.row.fence), (runs[n], 2, 1));
                assert_eq!(begun.config.as_ref().map(|config| config.id), Some(syncs[n].id));
                running.push(*begun);
            }
            (n, other) => panic!("{n}: {other:?}"),
        }
    }
    // Another worker takes one over; of one sync two runs end together.
    let taken = &running[0];
    let again = environment.run_book().begin(taken.row.run_uid, 3).await.unwrap().begun().expect("begun");
    stage.flush().await;
    let second = new(accept(&stage.db, &stage.queue, &whole(&syncs[11])).await.unwrap());
    let second = environment.run_book().begin(second, 1).await.unwrap().begun().expect("begun");
    let report = |n: u64| Report { counts: Counts { synced: n, ..Counts::default() }, ..Report::default() };
    let reports: Vec<Report> = (0..16).map(report).collect();
    let mut ends = Vec::new();
    for (n, begun) in running.iter().chain([&again, &second]).enumerate() {
        let ending = match n {
            1 => ending(RunStatus::Queued, None, None),
            2 => ending(RunStatus::Failed, None, Some("no\"t \\ today, 'ä'")),
            n => ending(RunStatus::Completed, Some(&reports[n]), None),
        };
        ends.push(book.end(begun, ending));
    }
    let ended: Vec<bool> = join_all(ends).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(ended, [&[false][..], &[true; 10]].concat(), "the first has been taken over");
    let failed = stage.run(running[2].row.run_uid).await;
    assert_eq!(failed.error_message.as_deref(), Some("no\"t \\ today, 'ä'"));
    assert_eq!((failed.success, failed.dead_at.is_some()), (Some(false), true));
    let waits = stage.run(running[1].row.run_uid).await;
    assert_eq!((waits.status, waits.completed_at, waits.success), (RunStatus::Queued, None, None));
    let stats = sync_stats::Entity::find().all(&stage.db).await.unwrap();
    let of = |sync: i64| stats.iter().find(|row| row.sync_config_id == sync && row.span == Span::Month);
    assert!(of(syncs[4].id).is_none(), "it is not over");
    assert_eq!(of(syncs[5].id).map(|row| (row.runs_failed, row.runs())), Some((1, 1)));
    // Both runs of the last one: items 8 and 10.
    assert_eq!(of(syncs[11].id).map(|row| (row.runs_completed, row.items_synced)), Some((2, 8 + 10)));
    assert_eq!(
        stats.iter().filter(|row| row.span == Span::Month).map(sync_stats::Model::runs).sum::<i64>(),
        10 - 1
    );
}
