//! Reads events in order, while somebody listens.

use std::time::{Duration, Instant};

use sea_orm::{DbBackend, DbErr};
use syncline_entity::event;
use syncline_queue::chain;
use tokio::time::{sleep, timeout};

use super::{
    Inner,
    gap::Gap,
    ring::{Delivery, Ring},
};

/// The longest time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The time between two looks for a while after a notice: its transaction may not have ended yet, and those that follow
/// send none for a moment.
const LOOK_SOON: Duration = Duration::from_millis(20);
/// How long that is.
const LIVELY: Duration = Duration::from_millis(300);
/// Rows in one look.
const PAGE: u64 = 512;
/// How many older events are read when somebody begins to listen.
const OLDER: i64 = 512;

pub(super) async fn run(feed: &Inner) {
    let mut readers = feed.readers.subscribe();
    loop {
        if readers.wait_for(|readers| *readers > 0).await.is_err() {
            return;
        }
        let nobody = async {
            // Nobody for a moment is no end: a client that comes back goes on where it was.
            loop {
                let _ = readers.wait_for(|readers| *readers == 0).await;
                if timeout(LOOK_EVERY * 30, readers.wait_for(|readers| *readers > 0)).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = follow(feed) => {}
            () = nobody => {}
        }
        feed.head.send_replace(None);
    }
}

/// Reads for ever. An outage is logged when it begins.
async fn follow(feed: &Inner) {
    let (mut bell, mut own) = (feed.bell.rung(), event::recorded());
    let mut relay = None;
    let mut lively = Instant::now();
    let mut away = false;
    loop {
        let looked = look(feed, &mut relay).await;
        let more = match looked {
            Ok(more) => {
                if std::mem::take(&mut away) {
                    tracing::info!("the live feed reads events again");
                }
                more
            }
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!(error = chain(&error), "the live feed cannot read events; trying again");
                }
                sleep(LOOK_EVERY).await;
                continue;
            }
        };
        if more {
            continue;
        }
        let waits = relay.as_ref().is_some_and(|relay| relay.gap.is_some());
        let soon = waits || lively.elapsed() < LIVELY;
        tokio::select! {
            _ = bell.changed() => lively = Instant::now(),
            _ = own.changed() => lively = Instant::now(),
            () = sleep(if soon { LOOK_SOON } else { LOOK_EVERY }) => continue,
        }
        // Notices come in bursts.
        sleep(LOOK_SOON / 4).await;
    }
}

/// Begins where it is, or takes a look. True: there is more.
async fn look(feed: &Inner, relay: &mut Option<Relay>) -> Result<bool, DbErr> {
    let Some(relay) = relay else {
        let position =
            event::bounds(&feed.db).await?.map_or(0, |(oldest, newest)| (newest - OLDER).max(oldest - 1));
        *feed.ring() = Ring::at(position);
        *relay = Some(Relay { position, settled: position, gap: None });
        return Ok(true);
    };
    let more = relay.step(feed, |row| feed.ring().push(Delivery::of(row, &feed.names))).await?;
    // Readers begin only when the older events have been read.
    if !more || feed.head.borrow().is_some() {
        feed.head.send_if_modified(|head| head.replace(relay.position) != Some(relay.position));
    }
    Ok(more)
}

/// How far the events were read.
struct Relay {
    position: i64,
    /// Up to here a position without a row stays without one.
    settled: i64,
    gap: Option<Gap>,
}

impl Relay {
    /// Passes on what can be. True: there is more to read now.
    async fn step(&mut self, feed: &Inner, mut pass: impl FnMut(event::Model)) -> Result<bool, DbErr> {
        let db = &feed.db;
        if let Some(gap) = &mut self.gap {
            let Some(settled) = gap.settled(db).await? else { return Ok(false) };
            self.settled = settled;
            self.gap = None;
        }
        let rows = event::after(db, self.position, PAGE).await?;
        feed.names.learn(db, &rows).await?;
        let newest = rows.last().map(|row| row.seq);
        let full = rows.len() as u64 == PAGE;
        // One writer at a time: what is missing was never written.
        let in_order = db.get_database_backend() != DbBackend::Postgres;
        for row in rows {
            if !in_order && row.seq != self.position + 1 && row.seq > self.settled {
                self.gap = Some(Gap::found(db, newest.unwrap_or(row.seq)).await?);
                // Mostly there is no writer, and the gap is none.
                return Ok(true);
            }
            self.position = row.seq;
            pass(row);
        }
        Ok(full)
    }
}
