//! Purges events of the live feed, by age and by count. Events are written continuously, so this also runs each minute.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use syncline_entity::event::bounds;
use syncline_sql::statement;

use super::{Count, Kind, Purge, Retention, Watch};

/// Stops a purge after a time limit; the next purge continues.
struct Until(Instant);

impl Watch for Until {
    fn may_go_on(&self) -> bool {
        Instant::now() < self.0
    }
}

/// Removes the events past their limit, for at most this long. Returns their number.
pub async fn events(
    db: &DatabaseConnection,
    now: DateTime<Utc>,
    retention: &Retention,
    at_most: Duration,
) -> Result<u64, DbErr> {
    let until = Until(Instant::now() + at_most);
    let mut purge = Purge::new(db, now, retention, false, "", &until);
    purge.events().await?;
    Ok(purge.report.removed())
}

impl Purge<'_> {
    /// The newest event stays: it marks the position that the feed has reached.
    pub(super) async fn events(&mut self) -> Result<(), DbErr> {
        let Some((_, newest)) = bounds(self.db).await? else { return Ok(()) };
        let pushed_out = match self.retention.events_count {
            Count::All => i64::MIN,
            Count::Newest(count) => newest.saturating_sub(i64::try_from(count).unwrap_or(i64::MAX)),
        };
        let before = self.retention.events.cutoff(self.now).unwrap_or(DateTime::UNIX_EPOCH);
        let mut after = i64::MIN;
        while self.goes_on() {
            let sql = "SELECT seq, time FROM events WHERE seq > ? AND seq < ? ORDER BY seq LIMIT ?";
            let size = self.pace.size();
            let values = [after.into(), newest.into(), (size as i64).into()];
            let rows = self.db.query_all_raw(statement(self.backend(), sql, values)).await?;
            let mut gone: Vec<i64> = Vec::with_capacity(rows.len());
            for row in &rows {
                let (seq, time): (i64, DateTime<Utc>) = (row.try_get("", "seq")?, row.try_get("", "time")?);
                if seq > pushed_out && time >= before {
                    break;
                }
                gone.push(seq);
            }
            let Some(last) = gone.last().copied() else { break };
            if !self.remove_events(last, gone.len() as u64).await? {
                break;
            }
            after = last;
            if gone.len() < size {
                break;
            }
        }
        Ok(())
    }

    /// Removes the events up to this one. Returns false if the purge was stopped.
    async fn remove_events(&mut self, last: i64, count: u64) -> Result<bool, DbErr> {
        if self.is_dry() {
            self.report.remove(Kind::Events, count);
            return Ok(true);
        }
        let Some(tx) = self.begin_alone().await? else { return Ok(false) };
        let begun = Instant::now();
        let sql = "DELETE FROM events WHERE seq <= ?";
        let removed = tx.execute_raw(statement(self.backend(), sql, [last.into()])).await?.rows_affected();
        self.watch.reached("purge_removed").await;
        tx.commit().await?;
        self.report.remove(Kind::Events, removed);
        self.rest(removed, begun.elapsed()).await;
        Ok(true)
    }
}
