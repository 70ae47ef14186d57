//! Listens to other processes: a connection waits for a token, until the future is dropped.
//!
//! There is one token per queue, so that one piece of work wakes one process and not all. A process that claims and
//! leaves work behind puts the token back for the next. A process that takes the token but does not claim, because it
//! is busy, puts it back as well. If a worker of this process waits for the token itself ([`Backend::claim_next`]), the
//! listener leaves the token to it. Tokens are hints: workers also poll at their interval.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use redis::{Cmd, Value};
use tokio::time;
use uuid::Uuid;

use super::{RedisBackend, bump, connection::Connection, keys, reply, script::HEAR};
#[cfg(doc)]
use crate::backend::Backend;
use crate::{backend::Error, health::chain, retry::StoreBackoff};

/// How long one call waits for a token.
const PULSE: Duration = Duration::from_secs(1);
/// How often the listener renews its entry, which expires after thirty seconds.
const SAY: Duration = Duration::from_secs(5);
/// How long a woken worker may take to claim before another process gets the token.
const CEDE: Duration = Duration::from_millis(20);
/// The shortest time between two tokens; while work keeps coming, workers find it by themselves.
const APART: Duration = Duration::from_millis(1);

/// Listens for ever. A failure is logged when it begins.
pub(super) async fn listen(backend: &RedisBackend, queue: &str) {
    let connection = backend.connection.beside(PULSE + backend.config.response_timeout);
    let mut backoff = StoreBackoff::new();
    let mut told = false;
    loop {
        let mut heard = false;
        let error = match hear(backend, &connection, queue, &mut heard).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        if heard {
            backoff.reset();
            told = false;
        }
        // The workers that claim from the server already log that it cannot be reached.
        if told || error.is_temporary() {
            tracing::debug!(error = chain(&error), "other processes are still not heard");
        } else {
            tracing::warn!(error = chain(&error), "jobs of other processes start up to a poll interval late");
            told = true;
        }
        time::sleep(backoff.next()).await;
    }
}

/// Listens until it fails; sets `heard` once it works.
async fn hear(
    backend: &RedisBackend,
    connection: &Connection,
    queue: &str,
    heard: &mut bool,
) -> Result<std::convert::Infallible, Error> {
    let base = backend.base(queue);
    let ear = Uuid::now_v7().simple().to_string();
    let (wake, told) = (keys::wake(&base), keys::told(&base, &ear));
    let waits = [Some(&wake), None].map(|wake| {
        let mut wait = Cmd::new();
        wait.arg("BLPOP").arg(wake).arg(&told).arg(PULSE.as_secs());
        wait
    });
    let mut say = HEAR.call(&base);
    say.arg(&ear);
    HEAR.run(connection, &say).await?;
    let mut said = Instant::now();
    // Jobs may have come while nothing listened: look for them now.
    bump(&backend.wakeups);
    bump(&backend.cancellations);
    *heard = true;
    loop {
        if said.elapsed() >= SAY {
            HEAR.run(connection, &say).await?;
            said = Instant::now();
        }
        let claims = backend.claims.load(Ordering::Relaxed);
        // If a worker of this process waits for the token itself, do not take the token from it.
        let wait = &waits[usize::from(backend.stands_by())];
        let Value::Array(popped) = connection.run(wait).await? else { continue };
        let Some(key) = popped.into_iter().next() else { continue };
        if reply::bytes(key)? == told.as_bytes() {
            bump(&backend.cancellations);
            continue;
        }
        bump(&backend.wakeups);
        time::sleep(APART).await;
        if backend.claims.load(Ordering::Relaxed) == claims {
            time::sleep(CEDE).await;
            if backend.claims.load(Ordering::Relaxed) == claims {
                let mut back = Cmd::new();
                back.arg("RPUSH").arg(&wake).arg("1");
                connection.run(&back).await?;
                // Leave the token to other processes first.
                time::sleep(CEDE * 5).await;
            }
        }
    }
}
