use std::collections::BTreeSet;

use chrono::TimeDelta;
use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};
use syncline_entity::{sync_config, types::ScheduleKind};
use syncline_runs::pause::{self, NewPause, Subject};
use syncline_worker::schedule::fire_due;

use super::stage::{On, Stage, at, noon};

const REPLICAS: usize = 5;

/// Five workers look at every moment, at once; each tick has one run.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_tick_fires_once_however_many_replicas_look(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let schedules =
        [stage.scheduled("cron", "*/10 * * * * *").await, stage.scheduled("interval", "10").await];
    const TICKS: usize = 30;
    for _ in 0..TICKS {
        let looks = (0..REPLICAS).map(|number| {
            let worker = stage.worker(number);
            tokio::spawn(async move { fire_due(&worker).await })
        });
        for look in looks.collect::<Vec<_>>() {
            look.await.expect("no panic").expect("schedules are read");
        }
        stage.end_runs().await;
        stage.pass(TimeDelta::seconds(10));
    }
    for schedule in &schedules {
        let ticks = stage.ticks(schedule).await;
        let expected: Vec<_> = (0..TICKS).map(|n| noon() + TimeDelta::seconds(10 * n as i64)).collect();
        assert_eq!(ticks, expected);
        let row = stage.read(schedule).await;
        assert_eq!(row.last_tick_at, expected.last().copied());
    }
}

/// Replicas whose clocks differ, some of which look late: still one run for each tick.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_catch_up_at_once_share_the_missed_ticks(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let each = stage.scheduled("each", "* * * * *").await;
    stage.change(&each, |model| model.missed_policy = Set("all".to_owned())).await;
    stage.pass(TimeDelta::minutes(40));
    let looks = (0..REPLICAS).map(|number| {
        let worker = stage.worker(number);
        tokio::spawn(async move { fire_due(&worker).await })
    });
    for look in looks.collect::<Vec<_>>() {
        look.await.expect("no panic").expect("schedules are read");
    }
    let ticks = stage.ticks(&each).await;
    let different: BTreeSet<_> = ticks.iter().collect();
    assert_eq!((ticks.len(), different.len()), (41, 41), "{ticks:?}");
    assert_eq!(stage.read(&each).await.next_tick_at, Some(noon() + TimeDelta::minutes(41)));
}

#[rstest]
#[case::skip("skip", 0)]
#[case::once("once", 1)]
#[case::all("all", 7)]
#[tokio::test]
async fn missed_ticks_follow_the_policy(#[case] policy: &str, #[case] runs: usize) {
    let stage = Stage::new(On::Sqlite).await;
    let row = stage.scheduled("hourly", "0 * * * *").await;
    stage.change(&row, |model| model.missed_policy = Set(policy.to_owned())).await;
    stage.pass(TimeDelta::minutes(390));
    let next = stage.fire().await;
    assert_eq!(stage.ticks(&row).await.len(), runs);
    assert_eq!(next, Some(at("2026-11-23T19:00:00Z")));
    stage.end_runs().await;
    stage.pass(TimeDelta::minutes(30));
    stage.fire().await;
    assert_eq!(stage.ticks(&row).await.len(), runs + 1, "the next tick fires in time");
}

#[tokio::test]
async fn no_more_than_a_thousand_missed_ticks_are_made_up_for() {
    let stage = Stage::new(On::Sqlite).await;
    let row = stage.scheduled("often", "60").await;
    stage.change(&row, |model| model.missed_policy = Set("all".to_owned())).await;
    stage.pass(TimeDelta::days(3));
    stage.fire().await;
    let ticks = stage.ticks(&row).await;
    assert_eq!(ticks.len(), 1_000);
    assert_eq!(ticks.last(), Some(&(noon() + TimeDelta::days(3))));
}

#[tokio::test]
async fn a_tick_outside_of_the_window_waits_for_its_opening() {
    let stage = Stage::new(On::Sqlite).await;
    let row = stage.scheduled("daytime", "0 * * * *").await;
    let zone = |model: &mut syncline_entity::schedule::ActiveModel| {
        model.timezone = Set("Europe/Berlin".to_owned());
        model.run_window = Set(Some("Mon-Fri 06:00-22:00".to_owned()));
    };
    stage.change(&row, zone).await;
    // From noon to 20:00 in UTC, which is 21:00 in Berlin: nine ticks; then nothing until six in the morning there.
    for _ in 0..20 {
        stage.fire().await;
        stage.end_runs().await;
        stage.pass(TimeDelta::hours(1));
    }
    let ticks = stage.ticks(&row).await;
    let hours: Vec<_> = ticks.iter().map(|tick| tick.format("%d %H").to_string()).collect();
    assert_eq!(
        hours,
        [
            "23 12", "23 13", "23 14", "23 15", "23 16", "23 17", "23 18", "23 19", "23 20", "24 05",
            "24 06", "24 07"
        ]
    );
}

#[rstest]
#[tokio::test]
async fn a_schedule_that_cannot_be_read_does_not_stop_the_others(
    #[values("never on sundays", "0", "61 * * * *")] bad: &str,
) {
    let stage = Stage::new(On::Sqlite).await;
    for number in 0..150 {
        stage.scheduled(&format!("bad-{number}"), bad).await;
    }
    let good = stage.scheduled("good", "0 * * * *").await;
    stage.fire().await;
    assert_eq!(stage.ticks(&good).await, [noon()]);
    // It is looked at again: another version may read it.
    let all = syncline_entity::schedule::Entity::find().all(&stage.db).await.expect("schedules");
    assert!(all.iter().all(|row| row.next_tick_at.is_some_and(|next| next > noon())));
}

#[tokio::test]
async fn what_rests_does_not_fire() {
    let stage = Stage::new(On::Sqlite).await;
    let change = |change: fn(&mut sync_config::ActiveModel)| change;
    let rests = [
        change(|model| model.enabled = Set(false)),
        change(|model| model.paused_at = Set(Some(noon()))),
        change(|model| model.deleted_at = Set(Some(noon()))),
    ];
    for (number, rest) in rests.into_iter().enumerate() {
        let row = stage.scheduled(&format!("resting-{number}"), "0 * * * *").await;
        let config = sync_config::Entity::find_by_id(row.sync_config_id).one(&stage.db).await;
        let mut model: sync_config::ActiveModel = config.expect("a read").expect("a sync").into();
        rest(&mut model);
        model.update(&stage.db).await.expect("the sync");
        stage.fire().await;
        assert!(stage.ticks(&row).await.is_empty(), "number {number}");
    }
    let row = stage.scheduled("resting", "0 * * * *").await;
    stage.change(&row, |model| model.paused_at = Set(Some(noon()))).await;
    stage.fire().await;
    assert!(stage.ticks(&row).await.is_empty());
}

#[tokio::test]
async fn a_paused_sync_makes_up_for_its_ticks_when_it_is_resumed() {
    let stage = Stage::new(On::Sqlite).await;
    let (row, worker) = (stage.scheduled("paused", "0 * * * *").await, stage.worker(0));
    let subject = Subject::Sync(row.sync_config_id);
    let new = NewPause {
        subject: subject.clone(),
        project_id: Some(1),
        reason: None,
        by: "a test".to_owned(),
        note: None,
    };
    assert!(pause::pause(&stage.db, &worker.queue, &new).await.expect("a pause"));
    for _ in 0..3 {
        stage.fire().await;
        stage.pass(TimeDelta::hours(1));
    }
    assert!(stage.ticks(&row).await.is_empty());
    assert!(pause::resume(&stage.db, &worker.queue, &subject).await.expect("an end"));
    stage.fire().await;
    assert_eq!(stage.ticks(&row).await, [noon()]);
    assert_eq!(stage.read(&row).await.next_tick_at, Some(noon() + TimeDelta::hours(4)));
}

#[tokio::test]
async fn a_run_that_waits_stands_for_the_ticks_that_follow() {
    let stage = Stage::new(On::Sqlite).await;
    let row = stage.scheduled("often", "60").await;
    for _ in 0..3 {
        stage.fire().await;
        stage.pass(TimeDelta::minutes(1));
    }
    assert_eq!(stage.ticks(&row).await, [noon()]);
    assert_eq!(stage.read(&row).await.last_tick_at, Some(noon() + TimeDelta::minutes(2)));
}

/// As a backup that was put back, or an edit by hand, may leave it.
#[tokio::test]
async fn a_tick_that_has_had_its_run_is_passed() {
    let stage = Stage::new(On::Sqlite).await;
    let row = stage.scheduled("hourly", "0 * * * *").await;
    stage.fire().await;
    stage.end_runs().await;
    stage.change(&row, |model| model.next_tick_at = Set(Some(noon()))).await;
    stage.fire().await;
    assert_eq!(stage.ticks(&row).await, [noon()]);
    assert_eq!(stage.read(&row).await.next_tick_at, Some(noon() + TimeDelta::hours(1)));
}

#[tokio::test]
async fn a_cron_schedule_that_lost_its_next_tick_gets_one() {
    let stage = Stage::new(On::Sqlite).await;
    let row = stage.scheduled("hourly", "0 * * * *").await;
    stage.change(&row, |model| model.next_tick_at = Set(None)).await;
    stage.fire().await;
    let row = stage.read(&row).await;
    assert_eq!((row.kind, row.next_tick_at), (ScheduleKind::Cron, Some(noon() + TimeDelta::hours(1))));
}
