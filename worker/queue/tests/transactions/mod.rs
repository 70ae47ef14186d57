//! Tests of pushes within the caller's transaction, which only a SQL store supports.

use sea_orm::TransactionTrait;
use syncline_queue::{NewJob, Pushed, Unique, UniqueRule};

use crate::{
    conformance::{claim, job, kinds},
    support::sql::SqlStage,
};

/// Runs these tests against stages made by a function.
macro_rules! transactions {
    ($make:path: $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::transactions::$name(&$make().await).await;
            }
        )+
    };
}
pub(crate) use transactions;

pub(crate) async fn a_push_may_share_a_transaction(stage: &SqlStage) {
    let (kept, dropped) = (job("kept"), job("dropped"));
    let transaction = stage.db.begin().await.expect("a transaction");
    assert_eq!(stage.sql.push_in(&transaction, &[dropped]).await.expect("a push"), [Pushed::New]);
    transaction.rollback().await.expect("a rollback");
    let transaction = stage.db.begin().await.expect("a transaction");
    stage.sql.push_in(&transaction, &[kept]).await.expect("a push");
    transaction.commit().await.expect("a commit");
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["kept"]);
}

/// A merge and a unique window are part of the transaction too.
pub(crate) async fn what_a_shared_push_wrote_goes_with_its_transaction(stage: &SqlStage) {
    let with = |key: &str, rule: UniqueRule| Some(Unique { key: key.to_owned(), rule });
    let merging = |kind: &str| NewJob { unique: with("link", UniqueRule::Coalesce), ..job(kind) };
    let hour = UniqueRule::For(std::time::Duration::from_secs(3600));
    let timed = |kind: &str| NewJob { unique: with("report", hour), ..job(kind) };
    let first = merging("first");
    stage.backend.push(std::slice::from_ref(&first)).await.expect("a push");

    let transaction = stage.db.begin().await.expect("a transaction");
    let pushed = stage.sql.push_in(&transaction, &[merging("second"), timed("third")]).await.expect("a push");
    assert_eq!(pushed, [Pushed::Merged { winner: first.id }, Pushed::New]);
    transaction.rollback().await.expect("a rollback");

    let stored = stage.backend.get(first.id).await.expect("a look").expect("the job");
    assert_eq!(stored.payload, first.payload);
    assert_eq!(stage.backend.push(&[timed("fourth")]).await.expect("a push"), [Pushed::New]);
}
