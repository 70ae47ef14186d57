//! Listens to other processes on a connection, until the future is dropped.
//!
//! Notices are hints. Workers also poll at their interval, so a notice that is lost with its connection only costs
//! latency.

use std::time::Duration;

use sea_orm::{
    DatabaseConnection,
    sqlx::{self, AssertSqlSafe, Executor, PgPool, postgres::PgListener},
};
use tokio::time;

use crate::{health::chain, retry::StoreBackoff};

/// A channel, and the callbacks for its notices.
pub(super) struct Ears<'a> {
    pub(super) db: &'a DatabaseConnection,
    /// The channel's name, as an expression in SQL; null if its table is missing.
    pub(super) channel: &'a str,
    /// The payload that only this listener sends.
    pub(super) hello: String,
    /// What is delayed while listening fails, for the log.
    pub(super) late: &'a str,
    /// Called when listening begins: something may have happened before.
    pub(super) begin: &'a (dyn Fn() + Sync),
    /// Called with each payload.
    pub(super) hear: &'a (dyn Fn(&str) + Sync),
}

/// How long a listener waits for its own greeting.
const HELLO: Duration = Duration::from_secs(5);
/// How often a silent connection is checked; a network may drop one without an error.
const PULSE: Duration = Duration::from_secs(60);
/// How long to wait before a retry where listening does not work.
const LATER: Duration = Duration::from_secs(5 * 60);

/// Why listening failed.
#[derive(Debug, thiserror::Error)]
enum Deaf {
    #[error("the connection could not be used")]
    Failed(#[from] sqlx::Error),
    #[error("the table is not there")]
    NoTable,
    #[error("the connection was closed")]
    Closed,
    #[error("the connection does not answer")]
    Silent,
    #[error(
        "notices do not come through; a pooler in transaction mode does not pass them on: \
         let DATABASE_URL name the server itself, or a pooler in session mode"
    )]
    NotPassedOn,
}

/// Listens for ever. A failure is logged when it begins.
pub(super) async fn listen(ears: &Ears<'_>, shared: &PgPool) {
    let own = shared
        .options()
        .clone()
        .min_connections(0)
        .max_connections(1)
        .acquire_timeout(HELLO * 2)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with((*shared.connect_options()).clone());
    let mut backoff = StoreBackoff::new();
    let mut told = false;
    loop {
        let mut heard = false;
        let deaf = hear(ears, &own, &mut heard).await;
        if heard {
            backoff.reset();
            told = false;
        }
        if told {
            tracing::debug!(error = chain(&deaf), "other processes are still not heard");
        } else if heard {
            tracing::info!(
                error = chain(&deaf),
                "other processes are not heard for a moment; listening anew"
            );
        } else {
            tracing::warn!(error = chain(&deaf), "{}: other processes are not heard", ears.late);
            told = true;
        }
        let wait = if matches!(deaf, Deaf::NotPassedOn) { LATER } else { backoff.next() };
        time::sleep(wait).await;
    }
}

/// Listens on one connection until it fails; sets `heard` once it works.
async fn hear(ears: &Ears<'_>, own: &PgPool, heard: &mut bool) -> Deaf {
    match try_hear(ears, own, heard).await {
        Ok(never) => match never {},
        Err(deaf) => deaf,
    }
}

async fn try_hear(ears: &Ears<'_>, own: &PgPool, heard: &mut bool) -> Result<std::convert::Infallible, Deaf> {
    let mut listener = PgListener::connect_with(own).await?;
    listener.eager_reconnect(false);
    let channel: Option<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT {}", ears.channel)))
        .persistent(false)
        .fetch_one(&mut listener)
        .await?;
    let channel = channel.ok_or(Deaf::NoTable)?;
    listener.listen(&channel).await?;
    // Sent through another connection, as the notices of other processes are.
    greet(ears).await?;
    let hello = async {
        while !next(ears, &mut listener).await? {}
        Ok::<_, Deaf>(())
    };
    time::timeout(HELLO, hello).await.map_err(|_| Deaf::NotPassedOn)??;
    *heard = true;
    tracing::debug!(channel, "listening for other processes");
    // Look for what came before; from now on notices arrive.
    (ears.begin)();
    loop {
        match time::timeout(PULSE, next(ears, &mut listener)).await {
            Ok(notice) => {
                notice?;
            }
            Err(_) => {
                let pulse = listener.execute("SELECT 1");
                time::timeout(HELLO, pulse).await.map_err(|_| Deaf::Silent)??;
            }
        }
    }
}

/// Waits for a notice and passes it on. True: it is the listener's own greeting.
async fn next(ears: &Ears<'_>, listener: &mut PgListener) -> Result<bool, Deaf> {
    let notification = listener.try_recv().await?.ok_or(Deaf::Closed)?;
    let payload = notification.payload();
    let is_hello = payload == ears.hello;
    if !is_hello {
        (ears.hear)(payload);
    }
    Ok(is_hello)
}

async fn greet(ears: &Ears<'_>) -> Result<(), Deaf> {
    let sql = format!("SELECT pg_notify({}, $1) IS NULL", ears.channel);
    let greeting = sqlx::query(AssertSqlSafe(sql)).bind(&ears.hello);
    greeting.execute(ears.db.get_postgres_connection_pool()).await?;
    Ok(())
}
