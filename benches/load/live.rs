//! Measures the live feed: 1,000 WebSocket clients on two API processes over PostgreSQL take 10,000 deliveries a second,
//! and one process is killed meanwhile.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use chrono::{SubsecRound, Utc};
use futures_util::{SinkExt, StreamExt};
use sea_orm::{ConnectOptions, DatabaseConnection, TransactionTrait};
use serde_json::{Value, json};
use syncline_entity::{
    event::{NewEvent, record},
    types::EventType,
};
use syncline_support::{postgres::Database, program::Program};
use tokio::{net::TcpStream, task::JoinSet, time::sleep};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::{
    number,
    report::{Report, ms, percentile},
};

/// How long events are written, before and after the kill.
const STEADY: Duration = Duration::from_secs(20);
const AFTER: Duration = Duration::from_secs(15);
const LONGEST_P99: Duration = Duration::from_millis(250);

/// The writer's clock is not exact: so much of the rate that was asked for is enough.
const SHARE: f64 = 0.98;

/// Fails if any client misses an event or gets one twice.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let (clients, a_second) = (number("LIVE_CLIENTS", 1_000)?, number("LIVE_EVENTS", 10)?);
    let database = Database::create().await?;
    let mut program = Program::new(env!("CARGO_BIN_EXE_syncline"))?;
    program.set("DATABASE_URL", &database.url());
    program.expect(0, &["migrate", "up"])?;
    let (first, second) = (program.serve(&["api"])?, program.serve(&["api"])?);
    let addresses = [first.address, second.address];
    let (born, last) = (Instant::now(), Arc::new(AtomicI64::new(i64::MAX)));
    let mut options = ConnectOptions::new(database.url());
    options.sqlx_logging(false).idle_timeout(None).max_lifetime(None);
    let db = sea_orm::Database::connect(options).await?;
    // Positions to begin with.
    write(&db, born).await?;
    let mut running = JoinSet::new();
    for client in 0..clients {
        let addresses = [addresses[client as usize % 2], addresses[(client as usize + 1) % 2]];
        let client = Client { addresses, born, last: Arc::clone(&last) };
        running.spawn(client.listen());
        sleep(Duration::from_millis(2)).await;
    }
    sleep(Duration::from_secs(2)).await;
    let steady = born.elapsed();
    let began = Instant::now();
    write_for(&db, born, a_second, STEADY).await?;
    let killed = born.elapsed();
    drop(first);
    write_for(&db, born, a_second, AFTER).await?;
    let newest = write(&db, born).await?;
    // This program is the only writer, so the last event has the next position.
    last.store(newest + 1, Ordering::Relaxed);
    write(&db, born).await?;
    let (mut calm, mut rough, mut events) = (Vec::new(), Vec::new(), None);
    while let Some(heard) = running.join_next().await {
        let heard = heard??;
        let seqs: Vec<i64> = heard.iter().map(|one| one.seq).collect();
        ensure!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "an event came twice, or out of order");
        match &events {
            None => events = Some(seqs),
            Some(events) => ensure!(*events == seqs, "a client missed an event"),
        }
        for one in heard.iter().filter(|one| one.sent > steady) {
            let late = one.heard.saturating_sub(one.sent);
            if one.sent < killed { calm.push(late) } else { rough.push(late) }
        }
    }
    let all = events.map_or(0, |events| events.len());
    println!(
        "{:<26} {:>10} {:>12} {:>8} {:>8} {:>8}",
        "", "deliveries", "a second", "p50 ms", "p99 ms", "max ms"
    );
    let p99 = tell("two processes", &mut calm, STEADY);
    let per_second = calm.len() as f64 / STEADY.as_secs_f64();
    tell("one killed", &mut rough, began.elapsed().saturating_sub(STEADY));
    println!("{clients} clients, {all} events each, none missed, none twice");
    report.at_most("live feed, p99 of the time from a write to a client", ms(p99), ms(LONGEST_P99), "ms");
    report.at_least("live feed, deliveries", per_second, f64::from(clients * a_second) * SHARE, "a second");
    drop(second);
    Ok(())
}

fn tell(what: &str, late: &mut [Duration], time: Duration) -> Duration {
    late.sort_unstable();
    println!(
        "{what:<26} {:>10} {:>12.0} {:>8.1} {:>8.1} {:>8.1}",
        late.len(),
        late.len() as f64 / time.as_secs_f64(),
        ms(percentile(late, 0.5)),
        ms(percentile(late, 0.99)),
        ms(percentile(late, 1.0))
    );
    percentile(late, 0.99)
}

async fn write_for(db: &DatabaseConnection, born: Instant, a_second: u32, time: Duration) -> Result<()> {
    let mut beat = tokio::time::interval(Duration::from_secs(1) / a_second);
    let until = Instant::now() + time;
    while Instant::now() < until {
        beat.tick().await;
        write(db, born).await?;
    }
    Ok(())
}

/// Writes an event with its time, in a transaction as the program does. Returns the newest position.
async fn write(db: &DatabaseConnection, born: Instant) -> Result<i64> {
    let tx = db.begin().await?;
    let sent = u64::try_from(born.elapsed().as_micros())?;
    let event = NewEvent::new(EventType::RunStarted, Some(1), json!({ "sent": sent })).of_sync(1);
    record(&tx, Utc::now().trunc_subsecs(6), [event]).await?;
    tx.commit().await?;
    let (_, newest) = syncline_entity::event::bounds(db).await?.context("an event")?;
    Ok(newest)
}

/// An event as a client heard it; times are since the beginning.
struct Heard {
    seq: i64,
    sent: Duration,
    heard: Duration,
}

struct Client {
    /// The one to listen to, and the one to go to after it.
    addresses: [SocketAddr; 2],
    born: Instant,
    /// The position with which it ends.
    last: Arc<AtomicI64>,
}

impl Client {
    async fn listen(self) -> Result<Vec<Heard>> {
        let mut heard: Vec<Heard> = Vec::new();
        for attempt in 0..20 {
            let address = self.addresses[attempt % 2];
            let after = heard.last().map_or(0, |one| one.seq);
            let Ok(mut socket) = open(address, after).await else {
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            while let Some(Ok(message)) = socket.next().await {
                let Message::Text(text) = message else { continue };
                let told: Value = serde_json::from_str(&text)?;
                let Some(seq) = told["seq"].as_i64() else { continue };
                let sent = Duration::from_micros(told["event"]["data"]["sent"].as_u64().context("a time")?);
                heard.push(Heard { seq, sent, heard: self.born.elapsed() });
                if seq >= self.last.load(Ordering::Relaxed) {
                    return Ok(heard);
                }
            }
        }
        bail!("no server answers")
    }
}

async fn open(address: SocketAddr, after: i64) -> Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let (mut socket, _) = client_async(format!("ws://{address}/ws"), stream).await?;
    socket.send(Message::text(json!({ "op": "subscribe", "after": after }).to_string())).await?;
    Ok(socket)
}
