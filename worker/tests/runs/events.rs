//! A burst of events for one item is one run.

use rstest::rstest;
use serde_json::json;
use syncline_runs::{Accepted, MAX_EVENTS, NewEvent, RunArgs, accept_event};

use crate::stage::{On, Stage, new};

fn args(row: &syncline_entity::sync_history::Model) -> RunArgs {
    serde_json::from_value(row.args.clone()).unwrap()
}

#[rstest]
#[tokio::test]
async fn a_hundred_events_at_once_for_one_item_are_one_run(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let link = stage.link(config.id).await;
    let events = (0..100).map(|number| {
        let event = NewEvent { link: Some(link), event: json!({ "number": number }) };
        let (stage, config) = (&stage, &config);
        async move { accept_event(&stage.db, &stage.queue, config, &event).await.unwrap() }
    });
    let mut accepted = Vec::new();
    // Some at a time, as a pool of connections has them.
    let mut events = events.collect::<Vec<_>>().into_iter().peekable();
    while events.peek().is_some() {
        let some: Vec<_> = events.by_ref().take(25).collect();
        accepted.extend(futures_util::future::join_all(some).await);
    }
    assert_eq!(accepted.iter().filter(|accepted| matches!(accepted, Accepted::New(_))).count(), 1);
    let runs = stage.runs().await;
    assert_eq!((runs.len(), runs[0].link_id), (1, Some(link)));
    let mut numbers: Vec<u64> =
        args(&runs[0]).events.iter().map(|event| event["number"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    let job = stage.claim().await.expect("the job");
    assert_eq!(job.order_key, Some(format!("link:{link}")));
    assert!(stage.claim().await.is_none(), "one job");
}

#[rstest]
#[tokio::test]
async fn what_comes_after_the_begin_goes_to_a_run_that_follows(
    #[values(On::Sqlite, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let link = stage.link(config.id).await;
    let event = |number: u64| NewEvent { link: Some(link), event: json!(number) };
    let accept = async |number| accept_event(&stage.db, &stage.queue, &config, &event(number)).await.unwrap();
    let first = new(accept(1).await);
    assert_eq!(accept(2).await, Accepted::Joined(first));
    let begun = stage.environment("w").run_book().begin(first, 1).await.unwrap().begun().expect("begun");
    assert_eq!(args(&begun.row).events, [json!(1), json!(2)]);
    let second = new(accept(3).await);
    assert_eq!(args(&stage.run(second).await).events, [json!(3)]);
    assert_eq!(args(&stage.run(first).await).events.len(), 2);
}

#[tokio::test]
async fn a_run_takes_up_no_more_events_than_it_may() {
    let stage = Stage::new(On::Sqlite).await;
    let config = stage.sync("a").await;
    let event = NewEvent { link: None, event: json!(1) };
    let first = new(accept_event(&stage.db, &stage.queue, &config, &event).await.unwrap());
    let full = RunArgs { events: vec![json!(0); MAX_EVENTS], ..RunArgs::default() };
    stage
        .execute(&format!("UPDATE sync_history SET args = '{}'", serde_json::to_string(&full).unwrap()))
        .await;
    let second = new(accept_event(&stage.db, &stage.queue, &config, &event).await.unwrap());
    assert_ne!(first, second);
    assert_eq!(
        accept_event(&stage.db, &stage.queue, &config, &event).await.unwrap(),
        Accepted::Joined(second)
    );
}
