//! What the screen shows, read from the database or from a server.

use sea_orm::DatabaseConnection;
use serde_json::Value;
use syncline_api::stats::Stats;
use syncline_runs::RunQueue;
use syncline_service::Caller;

use crate::{
    cli::{DeadGroupsArgs, StatsArgs, SyncsListArgs},
    commands::{dead, queues, stats, syncs, workers},
    fault::Fault,
    output::list,
    remote::{self, Client},
};

/// The most syncs and groups of failures that are read.
const MOST: u64 = 200;

/// Where the numbers come from.
pub(crate) enum Source {
    Database(Box<Own>),
    Server(Box<Client>),
}

/// Syncline's own database and its queue.
pub(crate) struct Own {
    pub(super) db: DatabaseConnection,
    pub(super) queue: RunQueue,
    pub(super) caller: Caller,
}

/// The numbers of one moment, as the commands show them with `--json`.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) queues: Vec<Value>,
    pub(super) workers: Vec<Value>,
    pub(super) syncs: Vec<Value>,
    /// Groups of dead letters.
    pub(super) failures: Vec<Value>,
    /// Of the last hour.
    pub(super) stats: Stats,
}

impl Source {
    /// Names the source in the title.
    pub(super) fn name(&self) -> String {
        match self {
            Source::Database(_) => "database".to_owned(),
            Source::Server(client) => client.shown(),
        }
    }

    pub(super) async fn snapshot(&self) -> Result<Snapshot, Fault> {
        let groups = DeadGroupsArgs::latest(MOST);
        let hour = StatsArgs { window: "1h".to_owned(), ..StatsArgs::default() };
        let all = SyncsListArgs { filter: None, limit: MOST };
        let (queues, workers, syncs, failures, stats) = match self {
            Source::Database(own) => (
                queues::document(&own.db, &own.queue).await?,
                workers::document(&own.db).await?,
                syncs::lines(&own.caller, &own.db, &all).await?.into_iter().map(|line| line.sync).collect(),
                dead::groups(&own.db, &groups).await?,
                stats::collect(&own.db, &hour).await?,
            ),
            Source::Server(client) => (
                remote::queues_document(client).await?,
                remote::workers_document(client).await?,
                remote::documents(client, &all).await?,
                remote::groups(client, &groups).await?,
                remote::stats(client, &hour).await?,
            ),
        };
        Ok(Snapshot {
            queues: list(&queues, "queues").to_vec(),
            workers: list(&workers, "workers").to_vec(),
            syncs,
            failures: list(&failures, "groups").to_vec(),
            stats,
        })
    }
}
