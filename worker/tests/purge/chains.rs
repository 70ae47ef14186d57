//! Changes: only a chain's beginning goes, the rest is whole, and a case for each reason why one stays.

use rstest::rstest;
use sea_orm::{ActiveValue::Set, EntityTrait};
use syncline_entity::{
    sync_change_checkpoint,
    types::{ChangeState, LinkState},
};
use syncline_upkeep::purge::{Age, Count, Kind, Retention};
use syncline_worker::store::chain::Chain;

use crate::stage::{After, On, Stage, kept};

fn year() -> Retention {
    Retention::default()
}

#[rstest]
#[tokio::test]
async fn a_chain_is_whole_after_its_beginning_went_and_goes_on(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let link = stage.link(stage.sync).await;
    let mut written = Vec::new();
    for days in [700, 600, 500, 400, 300, 200] {
        written.push(stage.change(link, days).await);
    }
    assert_eq!(stage.chain(link).await, Chain::Whole { changes: 6, purged: 0 });
    assert_eq!(stage.purge(&year()).await.kinds[&Kind::Changes].removed, 4);
    assert_eq!(stage.seqs(link).await, [5, 6]);
    assert_eq!(stage.chain(link).await, Chain::Whole { changes: 2, purged: 4 });
    let checkpoint = sync_change_checkpoint::Entity::find_by_id(link).one(&stage.db).await.unwrap().unwrap();
    assert_eq!((checkpoint.seq, &checkpoint.hash, checkpoint.purged), (4, &written[3].hash, 4));

    // As every version appends: from the last row alone.
    let next = stage.change(link, 100).await;
    assert_eq!((next.seq, next.prev_hash.as_ref()), (7, Some(&written[5].hash)));
    assert_eq!(stage.chain(link).await, Chain::Whole { changes: 3, purged: 4 });
    let retention = Retention { changes: Age::days(250), ..year() };
    assert_eq!(stage.purge(&retention).await.kinds[&Kind::Changes].removed, 1);
    assert_eq!(stage.chain(link).await, Chain::Whole { changes: 2, purged: 5 });
}

#[rstest]
#[tokio::test]
async fn what_anybody_else_removes_or_edits_shows(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (cut, edited, moved) =
        (stage.link(stage.sync).await, stage.link(stage.sync).await, stage.link(stage.sync).await);
    for link in [cut, edited, moved] {
        for days in [700, 600, 500, 100, 50] {
            stage.change(link, days).await;
        }
    }
    stage.purge(&year()).await;
    stage.execute(&format!("DELETE FROM sync_changes WHERE link_id = {cut} AND seq = 4")).await;
    stage
        .execute(&format!("UPDATE sync_changes SET rule = 'other' WHERE link_id = {edited} AND seq = 4"))
        .await;
    stage.execute(&format!("UPDATE sync_change_checkpoints SET seq = 4 WHERE link_id = {moved}")).await;
    assert!(matches!(stage.chain(cut).await, Chain::Broken { seq: 5, .. }));
    assert!(matches!(stage.chain(edited).await, Chain::Broken { seq: 4, .. }));
    assert!(matches!(stage.chain(moved).await, Chain::Broken { seq: 4, .. }));
}

#[rstest]
#[tokio::test]
async fn the_end_of_a_chain_stays_whatever_its_age(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (one, two) = (stage.link(stage.sync).await, stage.link(stage.sync).await);
    stage.change(one, 800).await;
    stage.change(two, 800).await;
    stage.change(two, 799).await;
    let report = stage.purge(&year()).await;
    assert_eq!((stage.seqs(one).await, stage.seqs(two).await), (vec![1], vec![2]));
    assert_eq!(kept(&report, Kind::Changes), [("newest_of_link", 2)]);
}

#[rstest]
#[tokio::test]
async fn a_link_with_something_open_keeps_all_its_changes(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (asked, writing, resolved) =
        (stage.link(stage.sync).await, stage.link(stage.sync).await, stage.link(stage.sync).await);
    for link in [asked, writing, resolved] {
        for days in [700, 600, 500] {
            stage.change(link, days).await;
        }
    }
    stage.conflict(asked, uuid::Uuid::now_v7(), None).await;
    stage.conflict(resolved, uuid::Uuid::now_v7(), Some(10)).await;
    stage.edit_link(writing, |link| link.intent_deadline = Set(Some(stage.ago(1)))).await;
    let report = stage.purge(&year()).await;
    assert_eq!(stage.seqs(asked).await, [1, 2, 3]);
    assert_eq!(stage.seqs(writing).await, [1, 2, 3]);
    assert_eq!(stage.seqs(resolved).await, [3]);
    let reasons = [("newest_of_link", 1), ("open_conflict", 3), ("open_intent", 3)];
    assert_eq!(kept(&report, Kind::Changes), reasons);
}

#[rstest]
#[tokio::test]
async fn an_intended_change_stays_and_is_no_chains_end(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let link = stage.link(stage.sync).await;
    stage.change(link, 700).await;
    stage.change(link, 650).await;
    // Whatever left it so: an older program may remove it as never written, and the chain then ends with the one before.
    stage.change_as(link, 600, |change| change.state = ChangeState::Intended).await;
    stage.purge(&year()).await;
    assert_eq!(stage.seqs(link).await, [2, 3]);
}

/// It goes like any other change, keeps the chain's end, and does not stand for the delete of an item.
#[rstest]
#[tokio::test]
async fn a_refused_write_goes_with_its_time_and_may_be_a_chains_end(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    let stage = Stage::new(on).await;
    let (middle, end, ended) =
        (stage.link(stage.sync).await, stage.link(stage.sync).await, stage.link(stage.sync).await);
    let refused = |change: &mut syncline_entity::sync_change::Model| change.state = ChangeState::NotWritten;
    stage.change_as(middle, 700, refused).await;
    stage.change(middle, 650).await;
    stage.change(end, 700).await;
    stage.change_as(end, 650, refused).await;
    stage
        .change_as(ended, 700, |change| {
            (change.field, change.after, change.state) = (None, None, ChangeState::NotWritten)
        })
        .await;
    stage.change(ended, 690).await;
    stage.change_as(ended, 680, |change| (change.field, change.after) = (None, None)).await;
    stage
        .edit_link(ended, |link| {
            link.link_state = Set(LinkState::Tombstone);
            link.deleted_at = Set(Some(stage.ago(680)));
        })
        .await;
    stage.purge(&year()).await;
    assert_eq!(stage.seqs(middle).await, [2]);
    assert_eq!(stage.seqs(end).await, [2]);
    assert_eq!(stage.seqs(ended).await, [3]);
    for link in [middle, end, ended] {
        assert!(matches!(stage.chain(link).await, Chain::Whole { .. }));
    }
}

#[rstest]
#[tokio::test]
async fn a_tombstone_says_when_and_why_for_ever(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let link = stage.link(stage.sync).await;
    stage.change(link, 800).await;
    stage.change(link, 790).await;
    let delete = |change: &mut syncline_entity::sync_change::Model| {
        (change.field, change.after) = (None, None);
    };
    stage.change_as(link, 780, delete).await;
    stage.change(link, 770).await;
    stage.change(link, 760).await;
    stage
        .edit_link(link, |link| {
            link.link_state = Set(LinkState::Tombstone);
            link.deleted_at = Set(Some(stage.ago(780)));
        })
        .await;
    let report = stage.purge(&year()).await;
    assert_eq!(stage.seqs(link).await, [3, 4, 5]);
    assert_eq!(kept(&report, Kind::Changes), [("newest_of_link", 1), ("tombstone", 2)]);
    assert_eq!(stage.chain(link).await, Chain::Whole { changes: 3, purged: 2 });
}

/// Two workers' clocks may disagree, and then a chain's times do not rise with it.
#[rstest]
#[tokio::test]
async fn a_chain_goes_in_its_own_order_and_not_in_that_of_its_times(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    let stage = Stage::new(on).await;
    let (young_first, all_old) = (stage.link(stage.sync).await, stage.link(stage.sync).await);
    for days in [700, 100, 600, 500] {
        stage.change(young_first, days).await;
    }
    for days in [500, 400, 700, 600, 10] {
        stage.change(all_old, days).await;
    }
    let report = stage.purge(&year()).await;
    assert_eq!(stage.seqs(young_first).await, [2, 3, 4]);
    assert_eq!(stage.seqs(all_old).await, [5]);
    assert_eq!(stage.chain(young_first).await, Chain::Whole { changes: 3, purged: 1 });
    assert_eq!(stage.chain(all_old).await, Chain::Whole { changes: 1, purged: 4 });
    assert_eq!(kept(&report, Kind::Changes), [("after_one_that_stays", 1), ("newest_of_link", 1)]);
}

#[rstest]
#[tokio::test]
async fn only_so_many_changes_stay_in_all(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (one, two) = (stage.link(stage.sync).await, stage.link(stage.sync).await);
    for days in (10..20).rev() {
        stage.change(one, days).await;
        stage.change(two, days).await;
    }
    let retention = Retention { changes_count: Count::Newest(5), ..year() };
    assert_eq!(stage.purge(&retention).await.kinds[&Kind::Changes].removed, 15);
    assert_eq!((stage.seqs(one).await, stage.seqs(two).await), (vec![9, 10], vec![8, 9, 10]));
    for link in [one, two] {
        assert!(matches!(stage.chain(link).await, Chain::Whole { .. }));
    }
}

/// Killed after a few batches of a chain that many of them take.
#[rstest]
#[tokio::test]
async fn a_purge_that_stops_leaves_a_whole_chain_and_the_next_goes_on(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    let stage = Stage::new(on).await;
    let link = stage.link(stage.sync).await;
    for number in 0..700 {
        stage.change(link, 1_200 - number / 10).await;
    }
    let report = stage.purge_watched(&year(), &After::batches(1)).await;
    assert!(!report.complete && report.kinds[&Kind::Changes].removed == 256, "{report:?}");
    assert_eq!(stage.chain(link).await, Chain::Whole { changes: 444, purged: 256 });
    let rest = stage.purge(&year()).await;
    assert!(rest.complete);
    assert_eq!(stage.chain(link).await, Chain::Whole { changes: 1, purged: 699 });
    assert_eq!(stage.purge(&year()).await.removed(), 0);
}
