//! Links of other syncs in the same database.

use rstest::rstest;
use syncline_engine::Side;
use syncline_engine::ports::Clock as _;

use crate::{
    contract::{
        Stage,
        build::{ids, intended, pairs},
        seen::see,
    },
    stage::{SqlStage, wait_for},
};

#[derive(Debug, Clone, Copy)]
enum On {
    Sqlite,
    Postgres,
}

#[rstest]
fn a_store_reads_the_links_of_its_own_sync_alone(#[values(On::Sqlite, On::Postgres)] on: On) {
    wait_for(async {
        let stage = match on {
            On::Sqlite => SqlStage::sqlite().await,
            On::Postgres => SqlStage::postgres().await,
        };
        let other = stage.another().await;
        let (store, theirs) = (stage.open(1).await, other.open(1).await);
        // The same items may be linked in both.
        let own = pairs(&*store, 2).await;
        let strange = pairs(&*theirs, 2).await;
        let before = see(&stage, &*store).await;
        theirs.intend(&[intended(Some(strange[0]), ids("s1", "t1"), &[Side::Target])]).await.unwrap();
        theirs.move_deadline(stage.clock().now()).await.unwrap();
        assert_eq!(see(&stage, &*store).await, before);
        let asked = [strange[0].id, own[0].id, strange[1].id];
        let links = store.links(&asked).await.unwrap();
        assert_eq!(links.iter().map(|link| link.at).collect::<Vec<_>>(), [own[0]]);
    });
}
