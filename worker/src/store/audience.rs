//! Who may read the sides of a sync, and the pause when that comes to be everyone.

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use serde_json::{Value, json};
use syncline_engine::{Side, ports::StoreError, side::Pair};
use syncline_entity::types::SyncDirection;
use syncline_runs::pause::{AUDIENCE_ALERT, NewPause, Subject, pause_in};
use syncline_service::{
    Caller,
    accounts::BY_ITSELF,
    audit::{self, Entry},
};
use syncline_sql::statement;

use super::{LinkStore, database};

/// Whether everyone may read each side; none where the place does not tell.
type Public = Pair<Option<bool>>;

/// The side that everyone may read while only some may read the other one, from which items are copied there.
fn widened(public: Public, direction: SyncDirection) -> Option<Side> {
    let writes = |to: &Side| match direction {
        SyncDirection::Bidirectional => true,
        SyncDirection::LocalToRemote => *to == Side::Target,
        SyncDirection::RemoteToLocal => *to == Side::Source,
    };
    let widens = |to: &Side| *public.get(*to) == Some(true) && *public.get(to.other()) == Some(false);
    Side::BOTH.into_iter().filter(writes).find(widens)
}

/// The side that makes a run stop: it was not so when a run last asked. What was so from the first run on is meant.
fn stops(before: Public, now: Public, direction: SyncDirection) -> Option<Side> {
    let is_known = Side::BOTH.into_iter().all(|side| before.get(side).is_some());
    widened(now, direction).filter(|_| is_known && widened(before, direction).is_none())
}

impl LinkStore {
    /// Keeps who may read the sides. If that has come to be everyone, pauses the sync in the same transaction; whoever resumes
    /// it agrees.
    pub(super) async fn admit(&self, now: Public) -> Result<(), StoreError> {
        let before = audience(&self.db, self.sync.config_id).await.map_err(database)?;
        if before == now {
            return Ok(());
        }
        let tx = self.fenced().await?;
        let sql = "UPDATE sync_configs SET source_public = ?, target_public = ? WHERE id = ?";
        let values = [now.source.into(), now.target.into(), self.sync.config_id.into()];
        tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await.map_err(database)?;
        let stopped = stops(before, now, self.sync.direction);
        let reason = stopped.map(|to| {
            format!(
                "the {to} has come to be public while the {} is private: everyone may read what is copied there. Make the {to} \
                 private again, or resume the sync if that is meant",
                to.other()
            )
        });
        if let Some(reason) = &reason {
            self.pause(&tx, reason).await.map_err(database)?;
        }
        tx.commit().await.map_err(database)?;
        match reason {
            None => Ok(()),
            Some(reason) => {
                tracing::warn!(
                    sync = self.sync.config_id,
                    reason,
                    "the sync is paused until a person resumes it"
                );
                metrics::counter!("syncline_syncs_paused_total").increment(1);
                Err(StoreError::Paused(reason))
            }
        }
    }

    async fn pause(&self, tx: &DatabaseTransaction, reason: &str) -> Result<(), DbErr> {
        let (id, project) = (self.sync.config_id, self.sync.project_id);
        let caller = Caller { from: "a run".to_owned(), ..Caller::person(BY_ITSELF) };
        let after = json!({ "paused": true, "reason": reason });
        let subject = Some(id.to_string());
        let entry = Entry {
            action: "pause",
            kind: "sync",
            id: subject,
            project: Some(project),
            before: Value::Null,
            after,
        };
        let new = NewPause {
            subject: Subject::Sync(id),
            project_id: Some(project),
            reason: Some(reason.to_owned()),
            by: BY_ITSELF.to_owned(),
            note: Some(audit::row(&caller, entry)),
        };
        pause_in(tx, &new).await?;
        let sql = "INSERT INTO alerts (project_id, rule, subject, level, value, threshold, message, raised_at) \
                   VALUES (?, ?, ?, 'critical', 1, 0, ?, ?) ON CONFLICT (rule, subject) WHERE cleared_at IS NULL DO NOTHING";
        let at: DateTime<Utc> = Utc::now().trunc_subsecs(6);
        let values = [project.into(), AUDIENCE_ALERT.into(), id.to_string().into(), reason.into(), at.into()];
        tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?;
        Ok(())
    }
}

/// Who could read the sides when a run last asked.
async fn audience(db: &impl ConnectionTrait, config: i64) -> Result<Public, DbErr> {
    let sql = "SELECT source_public, target_public FROM sync_configs WHERE id = ?";
    let row = db.query_one_raw(statement(db.get_database_backend(), sql, [config.into()])).await?;
    let Some(row) = row else { return Ok(Public::default()) };
    Ok(Pair::new(row.try_get("", "source_public")?, row.try_get("", "target_public")?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_target_opens((false, false), (false, true), SyncDirection::LocalToRemote, Some(Side::Target))]
    #[case::the_source_closes((true, true), (false, true), SyncDirection::Bidirectional, Some(Side::Target))]
    #[case::the_source_opens((false, false), (true, false), SyncDirection::Bidirectional, Some(Side::Source))]
    #[case::nothing_is_copied_there((false, false), (true, false), SyncDirection::LocalToRemote, None)]
    #[case::both_open((false, false), (true, true), SyncDirection::Bidirectional, None)]
    #[case::it_was_so((false, true), (false, true), SyncDirection::Bidirectional, None)]
    fn case_52_only_what_has_come_to_be_public_stops_a_run(
        #[case] before: (bool, bool),
        #[case] now: (bool, bool),
        #[case] direction: SyncDirection,
        #[case] stopped: Option<Side>,
    ) {
        let pair = |(source, target)| Pair::new(Some(source), Some(target));
        assert_eq!(stops(pair(before), pair(now), direction), stopped);
        assert_eq!(stops(Pair::default(), pair(now), direction), None, "a first run");
    }
}
