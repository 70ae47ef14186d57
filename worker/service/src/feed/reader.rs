//! One reader's way through the feed.

use std::sync::Arc;

use sea_orm::DbErr;
use syncline_entity::event;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use super::{Delivery, Filter, Seat};

/// Events that a reader gets at once.
const BATCH: usize = 64;
/// Events that are looked through at once.
const LOOKED: usize = 256;
/// A reader that has this much before it while its last events are not sent is slow.
const SLOW_EVENTS: usize = 256;
const SLOW_BYTES: usize = 1 << 20;

/// A position in the feed and what is wanted of it.
#[derive(Debug)]
pub struct Reader {
    seat: Seat,
    head: watch::Receiver<Option<i64>>,
    /// What is passed on and not kept.
    passing: broadcast::Receiver<Arc<Delivery>>,
    position: i64,
    pub filter: Filter,
    /// It has come up to the relay.
    live: bool,
}

impl Reader {
    pub(super) fn new(
        seat: Seat,
        head: watch::Receiver<Option<i64>>,
        position: i64,
        filter: Filter,
    ) -> Reader {
        let passing = seat.0.passing.subscribe();
        Reader { seat, head, passing, position, filter, live: false }
    }

    /// The position up to which everything was passed on. A client goes on from here.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Waits for events and returns them. It may be dropped at any time without loss. Empty: nothing for this reader, but
    /// its position is another one.
    pub async fn next(&mut self) -> Result<Vec<Arc<Delivery>>, DbErr> {
        loop {
            let head = self.head.borrow_and_update().unwrap_or(self.position);
            if self.position < head {
                return self.take(head).await;
            }
            self.live = true;
            tokio::select! {
                biased;
                changed = self.head.changed() => {
                    if changed.is_err() {
                        return Err(DbErr::Custom("the live feed has ended".to_owned()));
                    }
                }
                passed = self.passing.recv() => match passed {
                    Ok(event) if self.filter.takes(&event) => return Ok(vec![event]),
                    // One that was missed is out of date by now.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Err(DbErr::Custom("the live feed has ended".to_owned())),
                },
            }
        }
    }

    async fn take(&mut self, head: i64) -> Result<Vec<Arc<Delivery>>, DbErr> {
        let found = self.seat.0.ring().after(self.position, LOOKED);
        let found = match found {
            Some(found) => found,
            None => {
                let feed = &self.seat.0;
                let rows = event::after(&feed.db, self.position, LOOKED as u64).await?;
                feed.names.learn(&feed.db, &rows).await?;
                let rows = rows.into_iter().filter(|row| row.seq <= head);
                rows.map(|row| Arc::new(Delivery::of(row, &feed.names))).collect()
            }
        };
        let Some(last) = found.last().map(|event| event.seq) else {
            // There are only positions without a row.
            self.position = head;
            return Ok(Vec::new());
        };
        let mut taken = Vec::new();
        for event in found {
            if !self.filter.takes(&event) {
                continue;
            }
            if taken.len() == BATCH {
                return Ok(taken);
            }
            self.position = event.seq;
            taken.push(event);
        }
        self.position = last;
        Ok(taken)
    }

    /// Ends when this reader is too slow: while it does not come back, more happens than is kept for it. One that still
    /// reads older events is given the time.
    pub async fn falls_behind(&self) {
        let mut head = self.head.clone();
        loop {
            if self.live && self.is_behind() {
                return;
            }
            if head.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    fn is_behind(&self) -> bool {
        let Some(missed) = self.seat.0.ring().after(self.position, usize::MAX) else { return true };
        let missed = missed.iter().filter(|event| self.filter.takes(event));
        let (events, bytes) =
            missed.fold((0, 0), |(events, bytes), event| (events + 1, bytes + event.text.len()));
        events > SLOW_EVENTS || bytes > SLOW_BYTES
    }
}
