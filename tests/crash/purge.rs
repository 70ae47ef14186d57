//! A purge killed in the middle, and one beside runs that write: every chain is whole, and nothing is lost or doubled.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use sea_orm::{ColumnTrait, Database, EntityTrait, QueryFilter, QuerySelect};
use syncline_entity::sync_change;
use syncline_support::{
    places::{Table, document, edit_csv, write_csv},
    postgres,
    program::Program,
};
use syncline_worker::store::chain::{self, Chain};

use super::{
    BINARY,
    ledger::{Ledger, check_in_step},
};

const ROWS: usize = 40;
/// Everything that may go at all.
const PURGE: [&str; 6] = ["purge", "--yes", "--keep-changes", "0s", "--keep-runs", "0s"];

#[derive(Debug, Clone, Copy)]
enum On {
    Sqlite,
    Postgres,
}

struct Stage {
    program: Program,
    ledger: Ledger,
    url: String,
    _database: Option<postgres::Database>,
}

impl Stage {
    /// A sync in step.
    async fn new(on: On) -> Result<Stage> {
        let mut program = Program::new(BINARY)?;
        let database = match on {
            On::Sqlite => None,
            On::Postgres => Some(postgres::Database::create().await?),
        };
        let url = match &database {
            Some(database) => database.url(),
            None => format!("sqlite://{}", program.path("syncline.db").display()),
        };
        program.set("DATABASE_URL", &url);
        program.write("sync.yaml", &document(""))?;
        write_csv(&program.path("backlog.csv"), ROWS)?;
        Table::open(&program.path("tasks.db")).await?;
        program.expect(0, &["migrate", "up"])?;
        program.expect(0, &["apply", "-f", "sync.yaml"])?;
        program.expect(0, &["sync", "tasks"])?;
        let ledger = match on {
            On::Sqlite => Ledger::open(&program.path("syncline.db")).await?,
            On::Postgres => Ledger::open_postgres(&url).await?,
        };
        Ok(Stage { program, ledger, url, _database: database })
    }

    /// Edits every item of the file, and syncs.
    fn edit_and_sync(&self, round: usize) -> Result<()> {
        let edit = |cells: &mut Vec<String>| {
            cells[1] = format!("Edited {round} times");
            true
        };
        edit_csv(&self.program.path("backlog.csv"), edit, &[])?;
        self.program.expect(0, &["sync", "tasks"])?;
        Ok(())
    }

    /// Every chain by its hashes, as the program itself makes them. Answers the changes left.
    async fn check_chains(&self) -> Result<u64> {
        let db = Database::connect(&self.url).await?;
        let links: Vec<i64> = sync_change::Entity::find()
            .select_only()
            .column(sync_change::Column::LinkId)
            .distinct()
            .filter(sync_change::Column::Seq.gt(0))
            .into_tuple()
            .all(&db)
            .await?;
        ensure!(links.len() == ROWS, "{} of {ROWS} links have changes", links.len());
        let mut left = 0;
        for link in links {
            match chain::verify(&db, link).await? {
                Chain::Whole { changes, .. } => left += changes,
                broken => anyhow::bail!("link {link}: {broken:?}"),
            }
        }
        Ok(db.close().await.map(|()| left)?)
    }
}

#[rstest]
#[tokio::test]
async fn a_purge_killed_anywhere_leaves_whole_chains_and_the_next_goes_on(
    #[values("purge_removed:1", "purge_removed:2", "purge_batch:1", "purge_batch:2")] step: &str,
    #[values(On::Sqlite, On::Postgres)] on: On,
) -> Result<()> {
    let stage = Stage::new(on).await?;
    for round in 1..=3 {
        stage.edit_and_sync(round)?;
    }
    let before = stage.ledger.changes().await?;
    ensure!(stage.program.kill_at(step, &PURGE)?, "the purge came to its end without {step}");
    stage.check_chains().await?;
    let left = stage.ledger.changes().await?;
    ensure!(left + stage.ledger.purged().await? == before, "{left} of {before} are left");

    stage.edit_and_sync(4)?;
    stage.program.expect(0, &PURGE)?;
    // Of each item the last change stays, and all others went once.
    ensure!(stage.check_chains().await? == ROWS as u64);
    ensure!(stage.ledger.purged().await? == before);
    stage.edit_and_sync(5)?;
    ensure!(stage.check_chains().await? == 2 * ROWS as u64);
    check_in_step(&stage.program, None).await?;
    stage.ledger.check_settled().await
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purges_beside_running_syncs_lose_nothing(#[values(On::Sqlite, On::Postgres)] on: On) -> Result<()> {
    let stage = Arc::new(Stage::new(on).await?);
    let done = Arc::new(AtomicBool::new(false));
    let purges = {
        let (stage, done) = (Arc::clone(&stage), Arc::clone(&done));
        std::thread::spawn(move || -> Result<usize> {
            let mut purges = 0;
            while !done.load(Ordering::SeqCst) {
                stage.program.expect(0, &PURGE)?;
                purges += 1;
            }
            Ok(purges)
        })
    };
    let rounds = (1..=6).try_for_each(|round| stage.edit_and_sync(round));
    done.store(true, Ordering::SeqCst);
    let purges = purges.join().ok().context("the purges' thread")??;
    rounds?;
    ensure!(purges > 0);
    stage.program.expect(0, &PURGE)?;
    ensure!(stage.check_chains().await? == ROWS as u64);
    ensure!(stage.ledger.purged().await? == 6 * ROWS as i64);
    check_in_step(&stage.program, None).await?;
    stage.ledger.check_settled().await
}
