//! Executes concurrent calls together.
//!
//! A call that is made while no other is in progress is executed at once. Calls made during its execution wait for its
//! end, and are then executed together. So a lone call is no slower, and many concurrent calls cost little more than
//! one.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{runtime::Handle, sync::oneshot};

/// Executes calls; returns one answer each, in the same order.
type CarryOut<Q, A> = dyn Fn(Vec<Q>) -> BoxFuture<'static, Vec<A>> + Send + Sync;

/// Executes concurrent calls together. Clones share the queue of waiting calls.
pub struct Together<Q, A> {
    line: Arc<Mutex<Line<Q, A>>>,
    carry_out: Arc<CarryOut<Q, A>>,
    most: usize,
}

/// The call ended without an answer: its carrier panicked, or the carrier's runtime was shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call was cut short; whether it was carried out is not known")]
pub struct CutShort;

struct Line<Q, A> {
    waiting: Vec<(Q, oneshot::Sender<A>)>,
    busy: bool,
}

impl<Q: Send + 'static, A: Send + 'static> Together<Q, A> {
    /// Creates a batcher that executes at most `most` calls together with `carry_out`.
    pub fn new(
        most: usize,
        carry_out: impl Fn(Vec<Q>) -> BoxFuture<'static, Vec<A>> + Send + Sync + 'static,
    ) -> Self {
        let line = Line { waiting: Vec::new(), busy: false };
        Self { line: Arc::new(Mutex::new(line)), carry_out: Arc::new(carry_out), most: most.max(1) }
    }

    /// Makes a call. If the caller drops the future, a lone call is cancelled; a call that was sent with others is
    /// still executed.
    pub async fn call(&self, request: Q) -> Result<A, CutShort> {
        let begun = {
            let mut line = locked(&self.line);
            if line.busy {
                let (answer, waits) = oneshot::channel();
                line.waiting.push((request, answer));
                Err(waits)
            } else {
                line.busy = true;
                Ok((request, Busy { line: Arc::clone(&self.line), over: false }))
            }
        };
        match begun {
            Ok((request, busy)) => {
                let _next = Next { together: self, busy: Some(busy) };
                (self.carry_out)(vec![request]).await.pop().ok_or(CutShort)
            }
            Err(waits) => waits.await.map_err(|_| CutShort),
        }
    }

    async fn work(self, mut busy: Busy<Q, A>) {
        loop {
            let batch = {
                let mut line = locked(&self.line);
                if line.waiting.is_empty() {
                    line.busy = false;
                    busy.over = true;
                    return;
                }
                let many = line.waiting.len().min(self.most);
                line.waiting.drain(..many).collect::<Vec<_>>()
            };
            let (requests, waiting): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            // After a panic there are no answers: each caller gets [`CutShort`], and the next calls are executed.
            let carried = AssertUnwindSafe((self.carry_out)(requests)).catch_unwind().await;
            for (answer, waits) in carried.unwrap_or_default().into_iter().zip(waiting) {
                // The caller may have stopped waiting.
                let _ = waits.send(answer);
            }
            // The callers may make another call, which can then join the next batch.
            tokio::task::yield_now().await;
        }
    }
}

/// Executes, after a lone call, the calls that were made during it.
struct Next<'a, Q: Send + 'static, A: Send + 'static> {
    together: &'a Together<Q, A>,
    busy: Option<Busy<Q, A>>,
}

impl<Q: Send + 'static, A: Send + 'static> Drop for Next<'_, Q, A> {
    fn drop(&mut self) {
        let Some(mut busy) = self.busy.take() else { return };
        let mut line = locked(&self.together.line);
        if line.waiting.is_empty() {
            line.busy = false;
            busy.over = true;
            return;
        }
        drop(line);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.together.clone().work(busy));
        }
    }
}

/// Exists while calls are executed. If it is dropped before the end, waiting calls fail, since no task would execute
/// them.
struct Busy<Q, A> {
    line: Arc<Mutex<Line<Q, A>>>,
    over: bool,
}

impl<Q, A> Drop for Busy<Q, A> {
    fn drop(&mut self) {
        if !self.over {
            let mut line = locked(&self.line);
            line.waiting.clear();
            line.busy = false;
        }
    }
}

fn locked<Q, A>(line: &Mutex<Line<Q, A>>) -> MutexGuard<'_, Line<Q, A>> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<Q, A> Clone for Together<Q, A> {
    fn clone(&self) -> Self {
        Self { line: Arc::clone(&self.line), carry_out: Arc::clone(&self.carry_out), most: self.most }
    }
}

impl<Q, A> fmt::Debug for Together<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Together").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Returns for each call how many were executed with it; 13 makes it panic.
    fn counting(most: usize) -> Together<u32, (u32, usize)> {
        Together::new(most, |requests| {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert!(!requests.contains(&13), "thirteen");
                let many = requests.len();
                requests.into_iter().map(|request| (request, many)).collect()
            })
        })
    }

    #[tokio::test]
    async fn who_comes_while_one_is_carried_out_goes_with_the_others() {
        let together = counting(3);
        let first = tokio::spawn({
            let together = together.clone();
            async move { together.call(1).await }
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        let calls = (2..=5).map(|n| together.call(n));
        let answers = futures_util::future::join_all(calls).await;
        assert_eq!(first.await.expect("a call"), Ok((1, 1)));
        assert_eq!(answers, [Ok((2, 3)), Ok((3, 3)), Ok((4, 3)), Ok((5, 1))]);
        assert_eq!(together.call(6).await, Ok((6, 1)));
    }

    #[tokio::test]
    async fn a_panic_is_told_to_those_it_met_and_the_next_have_their_turn() {
        let together = counting(8);
        let calls = [1, 13, 2].map(|n| together.call(n));
        assert_eq!(futures_util::future::join_all(calls).await, [Ok((1, 1)), Err(CutShort), Err(CutShort)]);
        assert_eq!(together.call(3).await, Ok((3, 1)));
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_keeps_nobody_from_theirs() {
        let together = counting(8);
        let given_up = tokio::time::timeout(Duration::from_millis(1), together.call(1)).await;
        assert!(given_up.is_err());
        assert_eq!(together.call(2).await, Ok((2, 1)));
    }

    #[test]
    fn a_runtime_that_ends_leaves_the_place_open_to_the_next() {
        let together = counting(8);
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let first = runtime();
        first.block_on(async {
            let _ = tokio::time::timeout(Duration::from_millis(1), together.call(1)).await;
        });
        drop(first);
        assert_eq!(runtime().block_on(together.call(2)), Ok((2, 1)));
    }
}
