//! Notifies processes of new rows in tables other than `jobs`.

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DbBackend};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    bump,
    listen::{self, Ears},
};

/// Listens to one channel of PostgreSQL. On SQLite it receives no notices.
#[derive(Debug, Clone)]
pub struct Bell {
    db: DatabaseConnection,
    channel: &'static str,
    late: &'static str,
    rung: Arc<watch::Sender<u64>>,
}

impl Bell {
    /// Creates a bell. `channel` is the channel's name as an expression in SQL. `late` names, for the log, what is
    /// delayed while listening fails.
    pub fn new(db: DatabaseConnection, channel: &'static str, late: &'static str) -> Bell {
        Bell { db, channel, late, rung: Arc::default() }
    }

    /// Changes with each notice, and when listening begins. Notices sent while the connection is broken are lost.
    pub fn rung(&self) -> watch::Receiver<u64> {
        self.rung.subscribe()
    }

    /// Listens on a connection of its own, until the future is dropped.
    pub async fn listen(&self) {
        if self.db.get_database_backend() == DbBackend::Postgres {
            let ring = || bump(&self.rung);
            let hear = |_: &str| bump(&self.rung);
            let ears = Ears {
                db: &self.db,
                channel: self.channel,
                hello: format!("hello {}", Uuid::now_v7().simple()),
                late: self.late,
                begin: &ring,
                hear: &hear,
            };
            listen::listen(&ears, self.db.get_postgres_connection_pool()).await;
        }
        std::future::pending::<()>().await;
    }
}
