//! Describes the pause that keeps a run from beginning, for the CLI and the HTTP API.

use std::fmt;

use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use syncline_entity::{account, sync_config};

use super::{
    RUN_QUEUE,
    pause::{self, Paused, Subject},
};

/// A pause that keeps the runs of a sync from beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    pub paused: Paused,
    /// The paused subject as `syncline resume` takes it: `sync tasks`, `queue default`.
    pub what: String,
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holding { paused, what } = self;
        write!(f, "{what} has been paused since {}", paused.at.format("%Y-%m-%d %H:%M:%S UTC"))?;
        if !paused.by.is_empty() {
            write!(f, " by {}", paused.by)?;
        }
        if let Some(reason) = &paused.reason {
            write!(f, " (\"{reason}\")")?;
        }
        write!(f, "; syncline resume {what}")
    }
}

/// Returns the first pause that applies to a sync: of itself, its queue, its platforms or its accounts.
pub async fn holding(
    db: &impl ConnectionTrait,
    config: &sync_config::Model,
    name: &str,
) -> Result<Option<Holding>, DbErr> {
    let holds = |paused: &Paused| match &paused.subject {
        Subject::Queue(queue) => queue == RUN_QUEUE,
        Subject::Sync(id) => *id == config.id,
        Subject::Account(id) => [config.source_account_id, config.target_account_id].contains(&Some(*id)),
        Subject::Platform(name) => [&config.source_platform, &config.target_platform].contains(&name),
    };
    let Some(paused) = pause::list(db).await?.into_iter().find(holds) else { return Ok(None) };
    let what = match &paused.subject {
        Subject::Sync(_) => format!("sync {name}"),
        Subject::Queue(name) => format!("queue {name}"),
        Subject::Platform(name) => format!("platform {name}"),
        Subject::Account(id) => {
            let account = account::Entity::find_by_id(*id).one(db).await?;
            format!("account {}", account.map_or_else(|| id.to_string(), |account| account.name))
        }
    };
    Ok(Some(Holding { paused, what }))
}
