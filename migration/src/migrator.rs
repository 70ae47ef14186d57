//! Applies and reverts migrations: one migrator at a time, each step in a transaction of its own.
//!
//! A step is chosen under the lock that it runs under: if two processes migrate concurrently, one makes a step and the
//! other finds it done. A killed process leaves the database at the version before the step or after it.

use std::time::{Duration, Instant};

use chrono::Utc;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr};
use sea_orm_migration::prelude::*;

use crate::{
    MIGRATION_TABLE,
    check::{self, Difference, Unknown},
    error::MigrateError,
    lock,
    recorder::{Recorder, Rehearsed, StatementHook},
    refused,
    steps::Step,
    tables,
};

/// The migration that adds the `compatible_from` column.
const COMPATIBILITY_NOTED_FROM: &str = "m20261122_000100_note_compatibility";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// To the last step.
    End,
    /// This many steps.
    Steps(u32),
    /// Until this migration is the newest applied: its name, or a part that no other name has.
    At(String),
}

/// How to rebuild the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuild {
    /// Drops Syncline's tables and applies every migration.
    Fresh,
    /// Reverts every migration and applies it again.
    Refresh,
    /// Reverts every migration.
    Reset,
}

/// Applies and reverts the migrations of a program.
pub struct Migrator {
    steps: Vec<Step>,
    hook: Option<StatementHook>,
}

impl std::fmt::Debug for Migrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migrator").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Default for Migrator {
    fn default() -> Self {
        Self::new()
    }
}

/// A direction and the step to take.
enum Move<'a> {
    Up(&'a Step),
    Down(&'a Step),
}

impl Migrator {
    pub fn new() -> Self {
        Self { steps: Step::all(), hook: None }
    }

    /// Returns the migrations of a program whose newest is `newest`.
    pub fn as_of(newest: &str) -> Self {
        let mut migrator = Self::new();
        migrator.steps.retain(|step| step.name() <= newest);
        migrator
    }

    /// Calls the hook after each statement of a migration. For tests that stop in the middle.
    pub fn with_hook(self, hook: StatementHook) -> Self {
        Self { hook: Some(hook), ..self }
    }

    /// Returns the migrations, oldest first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How a database's schema differs from what this program knows.
    pub async fn compare(&self, db: &impl ConnectionTrait) -> Result<Difference, DbErr> {
        let mut applied = check::applied(db).await?;
        let pending = self.steps.iter().filter(|step| applied.remove(step.name()).is_none());
        let pending = pending.map(|step| step.name().to_owned()).collect();
        let unknown = applied
            .into_iter()
            .map(|(name, row)| Unknown { name, compatible_from: row.compatible_from })
            .collect();
        let newest_known = self.steps.last().map(|step| step.name().to_owned()).unwrap_or_default();
        Ok(Difference { pending, unknown, newest_known })
    }

    /// Applies migrations. Returns the names of those that this call applied.
    pub async fn up(&self, db: &DatabaseConnection, until: &Until) -> Result<Vec<String>, MigrateError> {
        self.walk(db, until, true).await
    }

    /// Reverts migrations, newest first. Returns the names of those that this call reverted.
    pub async fn down(&self, db: &DatabaseConnection, until: &Until) -> Result<Vec<String>, MigrateError> {
        self.walk(db, until, false).await
    }

    async fn walk(
        &self,
        db: &DatabaseConnection,
        until: &Until,
        up: bool,
    ) -> Result<Vec<String>, MigrateError> {
        let until = self.resolved(db, until, up).await?;
        let watched = Recorder::default().watch(db, false, self.hook.clone());
        let mut done = Vec::new();
        let mut busy = None;
        loop {
            let tx = lock::begin(&watched).await?;
            let Some(step) = self.next(&tx, &until, up, done.len()).await? else {
                tx.rollback().await?;
                return Ok(done);
            };
            let name = step.name().to_owned();
            let taken = if up { Move::Up(step) } else { Move::Down(step) };
            match make(&tx, taken).await {
                Ok(()) => {
                    tx.commit().await.map_err(|error| MigrateError::Step { step: name.clone(), error })?;
                    tracing::info!(migration = name, "{}", if up { "applied" } else { "taken back" });
                    done.push(name);
                    busy = None;
                }
                Err(error) if lock::is_busy(&error) => {
                    tx.rollback().await?;
                    let since = *busy.get_or_insert_with(Instant::now);
                    if since.elapsed() > Duration::from_secs(60) {
                        return Err(MigrateError::Busy { step: name, waited_s: since.elapsed().as_secs() });
                    }
                    tracing::warn!(migration = name, "waits for a lock that others hold");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => {
                    tx.rollback().await?;
                    return Err(refused::explained(db, &name, error).await);
                }
            }
        }
    }

    /// Returns the names of the migrations that [`Migrator::down`] would revert, newest first.
    pub async fn to_take_back(
        &self,
        db: &DatabaseConnection,
        until: &Until,
    ) -> Result<Vec<String>, MigrateError> {
        let until = self.resolved(db, until, false).await?;
        self.refuse_newer(db).await?;
        let applied = check::applied(db).await?;
        let steps = self.steps.iter().rev().map(Step::name).filter(|name| applied.contains_key(*name));
        let steps = steps.map(str::to_owned);
        Ok(match until {
            Until::End => steps.collect(),
            Until::Steps(count) => steps.take(count as usize).collect(),
            Until::At(to) => steps.take_while(|name| *name > to).collect(),
        })
    }

    /// Does in one transaction what [`Migrator::up`] or [`Migrator::down`] would do, and rolls it back.
    pub async fn rehearse(
        &self,
        db: &DatabaseConnection,
        until: &Until,
        up: bool,
    ) -> Result<Vec<Rehearsed>, MigrateError> {
        let until = self.resolved(db, until, up).await?;
        let recorder = Recorder::default();
        let tx = lock::begin(&recorder.watch(db, true, None)).await?;
        let mut rehearsed: Vec<Rehearsed> = Vec::new();
        while let Some(step) = self.next(&tx, &until, up, rehearsed.len()).await? {
            self.rehearse_step(db, &tx, step, up, &recorder, &mut rehearsed).await?;
        }
        tx.rollback().await?;
        Ok(rehearsed)
    }

    async fn rehearse_step(
        &self,
        db: &DatabaseConnection,
        tx: &DatabaseTransaction,
        step: &Step,
        up: bool,
        recorder: &Recorder,
        rehearsed: &mut Vec<Rehearsed>,
    ) -> Result<(), MigrateError> {
        let name = step.name().to_owned();
        let taken = if up { Move::Up(step) } else { Move::Down(step) };
        if let Err(error) = make(tx, taken).await {
            return Err(stopped(db, &name, error).await);
        }
        rehearsed.push(Rehearsed { name, up, statements: recorder.take() });
        Ok(())
    }

    /// Rebuilds the schema in one transaction: a process killed half-way changes nothing. `commit` false rolls it back.
    /// Returns the steps taken.
    pub async fn rebuild(
        &self,
        db: &DatabaseConnection,
        how: Rebuild,
        commit: bool,
    ) -> Result<Vec<Rehearsed>, MigrateError> {
        let recorder = Recorder::default();
        let tx = lock::begin(&recorder.watch(db, true, self.hook.clone())).await?;
        let mut done = Vec::new();
        self.refuse_newer(&tx).await?;
        if how == Rebuild::Fresh {
            for (table, made_by) in tables::made_by(&tx).await?.into_iter().rev() {
                if let Err(error) = drop_table(&tx, &table).await {
                    return Err(stopped(db, &made_by, error).await);
                }
            }
        } else {
            while let Some(step) = self.next(&tx, &Until::End, false, 0).await? {
                self.rehearse_step(db, &tx, step, false, &recorder, &mut done).await?;
            }
        }
        if check::has_table(&tx, MIGRATION_TABLE).await? {
            drop_table(&tx, MIGRATION_TABLE).await?;
        }
        if how == Rebuild::Fresh {
            done.push(Rehearsed { name: "every table".to_owned(), up: false, statements: recorder.take() });
        }
        if how != Rebuild::Reset {
            while let Some(step) = self.next(&tx, &Until::End, true, 0).await? {
                self.rehearse_step(db, &tx, step, true, &recorder, &mut done).await?;
            }
        }
        if commit {
            tx.commit().await?
        } else {
            tx.rollback().await?
        }
        Ok(done)
    }

    /// Returns the next step, chosen from what is applied now; `None` if the goal is reached.
    async fn next(
        &self,
        tx: &DatabaseTransaction,
        until: &Until,
        up: bool,
        done: usize,
    ) -> Result<Option<&Step>, MigrateError> {
        if matches!(until, Until::Steps(steps) if done >= *steps as usize) {
            return Ok(None);
        }
        let applied = check::applied(tx).await?;
        let step = if up {
            self.steps.iter().find(|step| !applied.contains_key(step.name()))
        } else {
            self.refuse_newer(tx).await?;
            self.steps.iter().rev().find(|step| applied.contains_key(step.name()))
        };
        Ok(step.filter(|step| match until {
            Until::At(name) if up => step.name() <= name.as_str(),
            Until::At(name) => step.name() > name.as_str(),
            _ => true,
        }))
    }

    async fn refuse_newer(&self, db: &impl ConnectionTrait) -> Result<(), MigrateError> {
        let unknown = self.compare(db).await?.unknown;
        if unknown.is_empty() {
            return Ok(());
        }
        Err(MigrateError::Newer(unknown.into_iter().map(|unknown| unknown.name).collect()))
    }

    /// Returns the goal with its migration's full name, after checking that it lies ahead.
    async fn resolved(
        &self,
        db: &DatabaseConnection,
        until: &Until,
        up: bool,
    ) -> Result<Until, MigrateError> {
        if let (Until::Steps(asked), false) = (until, up) {
            let applied = check::applied(db).await?.len();
            if *asked as usize > applied {
                return Err(MigrateError::TooMany { asked: *asked, applied });
            }
        }
        let Until::At(given) = until else { return Ok(until.clone()) };
        let names = || self.steps.iter().map(|step| step.name().to_owned());
        let mut close: Vec<String> = names().filter(|name| name.contains(given.as_str())).collect();
        if let Some(exact) = names().find(|name| name == given) {
            close = vec![exact];
        }
        let [name] = close.as_slice() else {
            return Err(MigrateError::UnknownName { given: given.clone(), close });
        };
        let applied = check::applied(db).await?;
        let newest = applied.keys().next_back();
        let wrong_way = match newest {
            Some(newest) if up => name < newest,
            _ if up => false,
            _ => !applied.contains_key(name),
        };
        if wrong_way {
            return Err(MigrateError::WrongWay { to: name.clone(), up });
        }
        Ok(Until::At(name.clone()))
    }
}

/// Returns the error of one step of several in one transaction. Such a step cannot give up its lock and be retried
/// alone.
async fn stopped(db: &DatabaseConnection, step: &str, error: DbErr) -> MigrateError {
    if lock::is_busy(&error) {
        return MigrateError::Busy { step: step.to_owned(), waited_s: lock::TABLE_LOCK_S };
    }
    refused::explained(db, step, error).await
}

/// Takes a step and records it.
async fn make(tx: &DatabaseTransaction, taken: Move<'_>) -> Result<(), DbErr> {
    let manager = SchemaManager::new(tx);
    match taken {
        Move::Up(step) => {
            if !check::has_table(tx, MIGRATION_TABLE).await? {
                tables::make_migration_table(tx).await?;
            }
            step.migration.up(&manager).await?;
            note(tx, step).await
        }
        Move::Down(step) => {
            step.migration.down(&manager).await?;
            let forget = Query::delete()
                .from_table(MIGRATION_TABLE)
                .and_where(Expr::col("version").eq(step.name()))
                .to_owned();
            tx.execute(&forget).await.map(|_| ())
        }
    }
}

/// Records an applied step, with the programs that may run on it once that column exists.
async fn note(tx: &DatabaseTransaction, step: &Step) -> Result<(), DbErr> {
    let mut insert = Query::insert();
    insert.into_table(MIGRATION_TABLE);
    let at = Utc::now().timestamp();
    if step.name() >= COMPATIBILITY_NOTED_FROM {
        insert.columns(["version", "applied_at", "compatible_from"]).values_panic([
            step.name().into(),
            at.into(),
            step.compatible_from().into(),
        ]);
    } else {
        insert.columns(["version", "applied_at"]).values_panic([step.name().into(), at.into()]);
    }
    tx.execute(&insert).await.map(|_| ())
}

/// Without CASCADE: the drop fails if other objects depend on our table, rather than delete them.
async fn drop_table(tx: &DatabaseTransaction, table: &str) -> Result<(), DbErr> {
    tx.execute(&Table::drop().table(table.to_owned()).to_owned()).await.map(|_| ())
}
