//! The events of runs in the live feed.

use sea_orm::{DbErr, QueryResult};
use serde_json::{Value as Json, json};
use syncline_entity::{
    event::NewEvent,
    sync_history,
    types::{EventType, RunStatus},
};
use uuid::Uuid;

use super::{RUN_QUEUE, job::link_of, run::NewRun};

/// The columns of `sync_history` that an event of an ended run needs, beside those of the statistics.
pub(super) const TOLD: &str = "project_id, link_id";

/// The subject of a run's events.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    pub(super) run: Uuid,
    pub(super) project: i64,
    pub(super) sync: i64,
    pub(super) link: Option<i64>,
}

impl About {
    pub(super) fn row(row: &sync_history::Model) -> About {
        About { run: row.run_uid, project: row.project_id, sync: row.sync_config_id, link: row.link_id }
    }

    /// Reads the columns `sync_config_id` and [`TOLD`].
    pub(super) fn returned(run: Uuid, row: &QueryResult) -> Result<About, DbErr> {
        Ok(About {
            run,
            project: row.try_get("", "project_id")?,
            sync: row.try_get("", "sync_config_id")?,
            link: row.try_get("", "link_id")?,
        })
    }

    pub(super) fn event(self, kind: EventType, mut facts: Json) -> NewEvent {
        facts["run"] = json!(self.run);
        facts["sync"] = json!(self.sync);
        if let Some(link) = self.link {
            facts["link"] = json!(link);
        }
        let event = NewEvent::new(kind, Some(self.project), facts).about(self.run).of_sync(self.sync);
        event.of_links(self.link.as_slice()).of_queue(RUN_QUEUE)
    }
}

/// Returns the event of an accepted run.
pub(super) fn accepted(run: Uuid, new: &NewRun) -> NewEvent {
    let about = About { run, project: new.project_id, sync: new.sync_config_id, link: link_of(&new.args) };
    let facts = json!({ "kind": new.kind, "method": new.method, "priority": new.priority.as_str() });
    about.event(EventType::RunAccepted, facts)
}

/// Returns the event of a run that is over. The row has the columns of the statistics and [`TOLD`].
pub(super) fn over(run: Uuid, ended: &QueryResult, error: Option<&str>) -> Result<NewEvent, DbErr> {
    let status: String = ended.try_get("", "status")?;
    let mut facts = json!({
        "kind": ended.try_get::<String>("", "kind")?,
        "status": status,
        "success": ended.try_get::<Option<bool>>("", "success")?,
        "duration_ms": ended.try_get::<Option<i64>>("", "duration_ms")?,
        "has_error": error.is_some(),
    });
    for count in [
        "items_synced",
        "items_failed",
        "items_skipped",
        "created",
        "updated",
        "deleted",
        "conflicts",
        "api_calls",
    ] {
        facts[count] = json!(ended.try_get::<i64>("", count)?);
    }
    let kind = match status.parse() {
        Ok(RunStatus::Completed) => EventType::RunCompleted,
        Ok(RunStatus::Cancelled) => EventType::RunCancelled,
        Ok(RunStatus::Held) => EventType::RunHeld,
        _ => EventType::RunFailed,
    };
    Ok(About::returned(run, ended)?.event(kind, facts))
}

/// Returns the event of a run that waits again. It omits the error's text, which may contain a field's value.
pub(super) fn moved(about: About, why: &str) -> NewEvent {
    about.event(
        EventType::JobMoved,
        json!({ "from": RunStatus::InProgress, "to": RunStatus::Queued, "why": why }),
    )
}

/// Returns the event of a run that was given up.
pub(super) fn dead(about: About) -> NewEvent {
    about.event(EventType::JobDead, json!({}))
}
