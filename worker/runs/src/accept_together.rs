//! Accepts concurrent requests for runs in one transaction.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::join_all;
use sea_orm::DatabaseConnection;
use syncline_queue::{Error, Together};
use syncline_sql::begin;
use uuid::Uuid;

use super::{
    accept::accept_alone,
    batch::{self, Asked, Noting, accept_in_one},
    queue::RunQueue,
    run::{Accepted, NewRun},
};

/// Runs in one transaction.
const MOST: usize = 128;

/// A run whose caller waits for its acceptance.
pub(super) struct AcceptCall {
    pub(super) db: DatabaseConnection,
    pub(super) queue: RunQueue,
    pub(super) run: Arc<NewRun>,
    pub(super) key: Option<String>,
    pub(super) noting: Option<Noting>,
}

impl AcceptCall {
    /// Returns the row's id: the caller's, or one that is generated once.
    fn id(&self) -> Uuid {
        self.run.id.unwrap_or_default()
    }

    async fn alone(&self) -> Result<Accepted, Error> {
        accept_alone(&self.db, &self.queue, &self.run, self.key.as_deref(), self.noting.as_ref()).await
    }
}

/// Creates the batch that concurrent requests join.
pub(super) fn meeting_place() -> Together<AcceptCall, Result<Accepted, Error>> {
    Together::new(MOST, |asked| Box::pin(accept(asked)))
}

async fn accept(mut asked: Vec<AcceptCall>) -> Vec<Result<Accepted, Error>> {
    if let [one] = &asked[..] {
        return vec![one.alone().await];
    }
    for one in &mut asked {
        if one.run.id.is_none() {
            let run = NewRun { id: Some(Uuid::now_v7()), ..(*one.run).clone() };
            one.run = Arc::new(run);
        }
    }
    let mut accepted = match at_once(&asked).await {
        Ok(accepted) => accepted,
        Err(error) => {
            // One run may have caused the error; each is accepted alone.
            tracing::debug!(%error, runs = asked.len(), "runs could not be accepted together");
            HashMap::new()
        }
    };
    let answers = asked.iter().enumerate().map(|(at, one)| {
        let accepted = accepted.remove(&at);
        async move {
            match accepted {
                Some(accepted) => Ok(accepted),
                // The run conflicts with another one.
                None => one.alone().await,
            }
        }
    });
    join_all(answers).await
}

/// Accepts the runs without a conflict; returns them by their position in the list.
async fn at_once(asked: &[AcceptCall]) -> Result<HashMap<usize, Accepted>, Error> {
    let Some(AcceptCall { db, queue, .. }) = asked.first() else { return Ok(HashMap::new()) };
    let all: Vec<Asked<'_>> =
        asked.iter().map(|one| Asked { id: one.id(), run: &one.run, key: one.key.as_deref() }).collect();
    let turn = queue.turn(db).await;
    let tx = begin(db).await?;
    let mut batch = accept_in_one(&tx, queue, &all).await?;
    for one in asked {
        if let Some(Accepted::New(id)) = batch.accepted.get(&one.id()) {
            batch::note(&tx, one.noting.as_ref(), &[*id]).await?;
        }
    }
    tx.commit().await?;
    drop(turn);
    batch.committed(db, queue).await;
    // An id that occurs twice in the list is new once.
    let mut runs = batch.accepted;
    let answer = |at: usize| Some((at, runs.remove(&asked.get(at)?.id())?));
    Ok((0..asked.len()).filter_map(answer).collect())
}
