//! Sends concurrent pushes as one call: many producers in a process then cost the server and the network little more
//! than one.

use futures_util::future::join_all;

use super::{
    RedisBackend,
    push::{Item, push_items},
};
use crate::{
    backend::{Error, Pushed},
    together::Together,
};

/// Pushes in one call.
const MOST: usize = 64;

/// A push whose caller waits for it.
#[derive(Debug)]
pub(super) struct PushCall {
    backend: RedisBackend,
    items: Vec<Item>,
}

/// Creates the batch that concurrent pushes join.
pub(super) fn meeting_place() -> Together<PushCall, Result<Vec<Pushed>, Error>> {
    Together::new(MOST, |asked| Box::pin(all(asked)))
}

/// Pushes jobs under the queue's limit.
pub(super) async fn push(backend: &RedisBackend, items: Vec<Item>) -> Result<Vec<Pushed>, Error> {
    let asked = PushCall { backend: backend.clone(), items };
    backend.pushes.call(asked).await.map_err(|cut| Error::Unavailable(cut.into()))?
}

async fn all(asked: Vec<PushCall>) -> Vec<Result<Vec<Pushed>, Error>> {
    match &asked[..] {
        [] => Vec::new(),
        [one] => vec![alone(one).await],
        [first, ..] => {
            let items = asked.iter().flat_map(|one| &one.items);
            let answers = push_items(&first.backend, items, first.backend.config.limit).await;
            match answers {
                Ok(answers) => {
                    let mut answers = answers.into_iter();
                    asked.iter().map(|one| Ok(answers.by_ref().take(one.items.len()).collect())).collect()
                }
                // The server may have the jobs already: a second push could add some of them twice.
                Err(error) if error.is_temporary() => asked.iter().map(|_| Err(same(&error))).collect(),
                // There may be room for some of them, or one may have caused the error: each is sent alone.
                Err(_) => join_all(asked.iter().map(alone)).await,
            }
        }
    }
}

async fn alone(asked: &PushCall) -> Result<Vec<Pushed>, Error> {
    push_items(&asked.backend, &asked.items, asked.backend.config.limit).await
}

/// Copies an error for each of several callers.
fn same(error: &Error) -> Error {
    Error::Unavailable(error.told().into())
}
