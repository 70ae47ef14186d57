//! One update of an item, announced by a program: its links are synced now, in every sync that has the item.
//!
//! The announcement is a hint. The runs read the item from the system that it names and carry over what is there, so that
//! a false or late announcement changes nothing.

use std::collections::BTreeMap;

use sea_orm::{DatabaseConnection, EntityTrait};
use syncline_engine::Side;
use syncline_entity::{
    sync_history, sync_metadata,
    types::{RunKind, SyncStatus},
};
use syncline_runs::{RunArgs, RunQueue};
use uuid::Uuid;

use crate::{
    Caller, Error, Refusal, Unknown,
    links::{self, LinksQuery},
    runs::{Request, enqueue},
    syncs::{self, StoredSync},
};

/// Links that one announcement reaches.
const MOST: u64 = 100;

/// An announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The item's id in the system.
    pub entity_id: String,
    /// The kind of the item.
    pub entity_type: String,
    /// The platform in which it was changed, in upper or lower case.
    pub system: String,
}

/// A run that an announcement has asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub sync: StoredSync,
    pub link: i64,
    /// The platform at the other side.
    pub system: String,
    /// The run; or why there is none.
    pub run: Result<Uuid, String>,
}

/// What became of an announcement in one system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The result of the link's sync; pending while its run is not over.
    pub status: SyncStatus,
    pub error: Option<String>,
    /// The link's open conflicts.
    pub conflicts: usize,
}

/// Accepts a run for each link of the item.
pub async fn announce(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    announced: &Announced,
) -> Result<Vec<Asked>, Error> {
    let mut asked = Vec::new();
    for side in Side::BOTH {
        let id = Some(announced.entity_id.clone());
        let query =
            LinksQuery { entity_type: Some(announced.entity_type.clone()), ..LinksQuery::first(MOST) };
        let query = match side {
            Side::Source => LinksQuery { entity_id: id, ..query },
            Side::Target => LinksQuery { external_id: id, ..query },
        };
        for link in links::list(db, caller, &query).await?.rows {
            let Some(sync) = syncs::by_id(db, link.sync_config_id).await? else { continue };
            let (own, other) = match side {
                Side::Source => (&sync.source_platform, &sync.target_platform),
                Side::Target => (&sync.target_platform, &sync.source_platform),
            };
            if own.eq_ignore_ascii_case(&announced.system) {
                let system = other.clone();
                let run = run(db, queue, caller, &sync, side, &announced.entity_id).await?;
                asked.push(Asked { sync, link: link.id, system, run });
            }
        }
    }
    if asked.is_empty() {
        let text = format!(
            "no link has a {} {:?} of {:?}",
            announced.entity_type, announced.entity_id, announced.system
        );
        return Err(Error::unknown(Unknown::Link, text));
    }
    Ok(asked)
}

/// A paused sync keeps no other one from running.
async fn run(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    sync: &StoredSync,
    side: Side,
    id: &str,
) -> Result<Result<Uuid, String>, Error> {
    let request = Request {
        kind: RunKind::Sync,
        args: RunArgs::of_items(side, vec![id.to_owned()]),
        priority: None,
        not_before: None,
        fixed_time: false,
        id: None,
        waits_for_pauses: false,
    };
    match enqueue(db, queue, caller, sync, &request).await {
        Ok(enqueued) => Ok(Ok(enqueued.id)),
        Err(Error::Refused { why: Refusal::SyncPaused | Refusal::QueuePaused, message }) => Ok(Err(message)),
        Err(other) => Err(other),
    }
}

/// How the runs went so far, by system. Where several syncs reach one system, the worst result is told.
pub async fn outcomes(db: &DatabaseConnection, asked: &[Asked]) -> Result<BTreeMap<String, Outcome>, Error> {
    let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
    for Asked { link, system, run, .. } in asked {
        let link = sync_metadata::Entity::find_by_id(*link).one(db).await?;
        let open = link.as_ref().and_then(|link| link.conflicts.as_ref()?.as_array()).map_or(0, Vec::len);
        let (status, error) = match run {
            Err(why) => (SyncStatus::Skipped, Some(why.clone())),
            Ok(run) => match sync_history::by_run(db, *run).await? {
                Some(run) if run.completed_at.is_none() => (SyncStatus::Pending, None),
                Some(run) if run.success != Some(true) && run.error_message.is_some() => {
                    (SyncStatus::Failed, run.error_message)
                }
                _ => link.map_or((SyncStatus::Failed, None), |link| (link.sync_status, link.last_error)),
            },
        };
        let new = Outcome { status, error, conflicts: open };
        match outcomes.get(system) {
            Some(known) if rank(known.status) >= rank(new.status) => {}
            _ => {
                outcomes.insert(system.clone(), new);
            }
        }
    }
    Ok(outcomes)
}

/// The worse, the higher.
fn rank(status: SyncStatus) -> u8 {
    match status {
        SyncStatus::Completed => 0,
        SyncStatus::Skipped => 1,
        SyncStatus::Pending | SyncStatus::InProgress => 2,
        SyncStatus::Conflict => 3,
        SyncStatus::Failed => 4,
    }
}
