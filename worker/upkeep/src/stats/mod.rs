//! Keeps the statistics up to date: adds runs that ended without them, and folds the slots that triggers use in
//! `sync_link_counts`, `sync_conflict_counts` and `dead_letter_counts`.

mod counts;
mod rebuild;

use std::time::Duration;

use sea_orm::{DatabaseConnection, DbErr};
use syncline_runs::{catch_up, sort_letters};
use tokio_util::sync::CancellationToken;

pub use counts::{fold_slots, recount};
pub use rebuild::{Rebuilt, rebuild};

/// How often to look for runs that a replica without statistics has ended.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The most runs added per call.
const AT_ONCE: u64 = 5_000;
/// Keeps the statistics complete until shutdown. An unfinished transaction is then rolled back.
pub async fn run(db: DatabaseConnection, shutdown: CancellationToken) {
    let forever = async {
        loop {
            match tidy(&db).await {
                Ok(AT_ONCE..) => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the statistics could not be brought up to date; trying again");
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    shutdown.run_until_cancelled(forever).await;
}

/// Adds a bounded number of runs that are not in the statistics yet, adds the cause to dead letters that have none, and
/// folds the counts of links, conflicts and dead letters.
/// Returns the number of added runs.
pub async fn tidy(db: &DatabaseConnection) -> Result<u64, DbErr> {
    fold_slots(db).await?;
    sort_letters(db, AT_ONCE).await?;
    let added = catch_up(db, AT_ONCE).await?;
    if added > 0 {
        tracing::info!(runs = added, "added runs to the statistics that ended without them");
        metrics::counter!("sync_stats_caught_up_total").increment(added);
    }
    Ok(added)
}
