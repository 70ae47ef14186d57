//! Tests of pushes within the caller's transaction, which only a SQL store supports.

use sea_orm::TransactionTrait;
use syncline_queue::Pushed;

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
