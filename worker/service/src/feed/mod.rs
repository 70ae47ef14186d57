//! The live feed: what happened, in order, for those who listen.
//!
//! Events are rows of the table `events` ([`syncline_entity::event`]). One relay in each process reads them in the order
//! of their positions and keeps the newest in memory; each [`Reader`] has a position of its own and nothing else, so a slow
//! one costs no memory. A reader that begins with an older event reads rows until it has come up to the relay.

mod cloud;
mod gap;
mod names;
mod progress;
mod reader;
mod relay;
mod ring;
mod rooms;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sea_orm::{ConnAcquireErr, DatabaseConnection, DbErr};
use syncline_entity::event;
use syncline_queue::Bell;
use syncline_runs::RunQueue;
use tokio::{
    sync::{broadcast, watch},
    time::timeout,
};

pub use cloud::{CloudEvent, control_event};
use names::Names;
pub use reader::Reader;
pub use ring::Delivery;
use ring::Ring;
pub use rooms::{Filter, MOST_ROOMS, Room, RoomRefused, Types};

/// Events that are passed on and not kept: so many wait for a reader, which misses the oldest.
const PASSING: usize = 256;

/// How long a reader waits for the relay to have looked for the first time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The feed of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: DatabaseConnection,
    bell: Bell,
    ring: Mutex<Ring>,
    /// The position that the relay has come to; none while nobody listens.
    head: watch::Sender<Option<i64>>,
    readers: watch::Sender<usize>,
    names: Names,
    passing: broadcast::Sender<Arc<Delivery>>,
}

/// Where a reader begins.
#[derive(Debug)]
pub enum Start {
    At(Reader),
    /// The position that was asked for is not kept any more, or never was.
    Lost {
        asked: i64,
        /// Begins with what happens from now on.
        reader: Reader,
    },
}

impl Feed {
    pub fn new(db: DatabaseConnection) -> Feed {
        let bell = Bell::new(db.clone(), event::CHANNEL, "the live feed is up to a second late");
        Feed(Arc::new(Inner {
            db,
            bell,
            ring: Mutex::new(Ring::at(0)),
            head: watch::Sender::new(None),
            readers: watch::Sender::new(0),
            names: Names::default(),
            passing: broadcast::Sender::new(PASSING),
        }))
    }

    /// Hears of the events of other processes, until the future is dropped.
    pub async fn listen(&self) {
        self.0.bell.listen().await;
    }

    /// Reads events while somebody listens, until the future is dropped.
    pub async fn relay(&self) {
        relay::run(&self.0).await;
    }

    /// Tells how far the runs of a queue have come while somebody listens, until the future is dropped.
    pub async fn watch_runs(&self, queue: &RunQueue) {
        progress::run(&self.0, queue).await;
    }

    /// Begins to read after the position, or with what happens from now on.
    pub async fn read(&self, after: Option<i64>, filter: Filter) -> Result<Start, DbErr> {
        let seat = Seat::take(&self.0);
        let mut head = self.0.head.subscribe();
        let now = timeout(PATIENCE, head.wait_for(Option::is_some)).await;
        let now = now.ok().and_then(|head| head.ok().and_then(|head| *head));
        let Some(now) = now else {
            return Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
        };
        let reader = |position| Reader::new(seat, head, position, filter);
        let Some(asked) = after else { return Ok(Start::At(reader(now))) };
        let kept = match event::bounds(&self.0.db).await? {
            Some((oldest, newest)) => (oldest - 1..=newest.max(now)).contains(&asked),
            None => asked == now,
        };
        Ok(if kept { Start::At(reader(asked)) } else { Start::Lost { asked, reader: reader(now) } })
    }

    /// The readers of this process.
    pub fn readers(&self) -> usize {
        *self.0.readers.borrow()
    }
}

impl Inner {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader is counted until this is dropped.
#[derive(Debug)]
struct Seat(Arc<Inner>);

impl Seat {
    fn take(feed: &Arc<Inner>) -> Seat {
        feed.readers.send_modify(|readers| *readers += 1);
        Seat(Arc::clone(feed))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.readers.send_modify(|readers| *readers = readers.saturating_sub(1));
    }
}
