//! Pauses of queues, in the table of all pauses.

use chrono::{SubsecRound, Utc};
use sea_orm::DatabaseConnection;
use syncline_sql::Binds;

use super::notify::Origin;
use crate::backend::Error;

/// The author of a pause when the call names none.
const BY: &str = "queue";

/// Returns the condition that the queue is not paused; used once per statement.
pub(super) fn not_paused(queue: impl std::fmt::Display) -> String {
    format!("NOT EXISTS (SELECT 1 FROM pauses WHERE scope = 'queue' AND subject = {queue})")
}

pub(super) async fn pause(db: &DatabaseConnection, queue: &str) -> Result<bool, Error> {
    let mut binds = Binds::new(db);
    let (queue, by, at) = (binds.bind(queue), binds.bind(BY), binds.bind(Utc::now().trunc_subsecs(6)));
    let text = format!(
        "INSERT INTO pauses (scope, subject, \"by\", \"at\") VALUES ('queue', {queue}, {by}, {at}) \
         ON CONFLICT (scope, subject) DO NOTHING"
    );
    Ok(binds.run(db, text).await? > 0)
}

pub(super) async fn resume(db: &DatabaseConnection, queue: &str, origin: &Origin) -> Result<bool, Error> {
    let mut binds = Binds::new(db);
    let queue = binds.bind(queue);
    let text = format!(
        "DELETE FROM pauses WHERE scope = 'queue' AND subject = {queue} RETURNING id{}",
        origin.resumed(binds.backend)
    );
    Ok(!binds.all(db, text).await?.is_empty())
}

pub(super) async fn is_paused(db: &DatabaseConnection, queue: &str) -> Result<bool, Error> {
    let mut binds = Binds::new(db);
    let queue = binds.bind(queue);
    let text = format!("SELECT {} AS goes_on", not_paused(queue));
    let rows = binds.all(db, text).await?;
    let goes_on: bool = rows.first().map_or(Ok(true), |row| row.try_get("", "goes_on"))?;
    Ok(!goes_on)
}
