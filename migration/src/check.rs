//! Compares the schema with the migrations of this binary, and decides if the binary may run on it. Writes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::prelude::*;

use crate::{MIGRATION_TABLE, lock::plain, migrator::Migrator};

/// A migration, and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Names sort by age.
    pub name: String,
    pub applied: bool,
    /// Precise to the second.
    pub applied_at: Option<DateTime<Utc>>,
    /// True if this program knows it; otherwise a newer program applied it.
    pub known: bool,
    /// A program must know at least this migration to run on the resulting schema; none if that was not recorded.
    pub compatible_from: Option<String>,
}

/// A migration that the database has and this program does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    pub name: String,
    /// See [`MigrationStatus::compatible_from`].
    pub compatible_from: Option<String>,
}

/// How a database's schema differs from what a program knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The migrations that the database lacks, oldest first.
    pub pending: Vec<String>,
    /// The migrations of the database that the program does not know, oldest first.
    pub unknown: Vec<Unknown>,
    /// The newest migration that the program knows.
    pub newest_known: String,
}

/// Whether a program may run on a database's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The schema is exactly the one that the program knows.
    Exact,
    /// The schema is newer, and the program may run on it.
    Newer,
    /// The schema lacks this many migrations.
    TooOld(usize),
    /// The schema is newer than the program may run on.
    TooNew {
        /// The newest migration that excludes the program.
        name: String,
        /// The program must know at least this migration.
        compatible_from: Option<String>,
    },
}

impl Difference {
    /// Decides whether the program may run.
    pub fn fit(&self) -> Fit {
        let refused = self.unknown.iter().rev().find(|unknown| {
            // Names sort by age.
            unknown.compatible_from.as_ref().is_none_or(|least| *least > self.newest_known)
        });
        match refused {
            Some(unknown) => {
                Fit::TooNew { name: unknown.name.clone(), compatible_from: unknown.compatible_from.clone() }
            }
            None if !self.pending.is_empty() => Fit::TooOld(self.pending.len()),
            None if self.unknown.is_empty() => Fit::Exact,
            None => Fit::Newer,
        }
    }
}

/// Returns every migration that this program knows or the database has, oldest first.
pub async fn status(db: &impl ConnectionTrait) -> Result<Vec<MigrationStatus>, DbErr> {
    let mut applied = applied(db).await?;
    let mut all: Vec<MigrationStatus> = Migrator::new()
        .steps()
        .iter()
        .map(|step| {
            let row = applied.remove(step.name());
            MigrationStatus {
                name: step.name().to_owned(),
                applied: row.is_some(),
                applied_at: row.map(|row| row.at),
                known: true,
                compatible_from: Some(step.compatible_from().to_owned()),
            }
        })
        .collect();
    all.extend(applied.into_iter().map(|(name, row)| MigrationStatus {
        name,
        applied: true,
        applied_at: Some(row.at),
        known: false,
        compatible_from: row.compatible_from,
    }));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// Returns the migrations that the database lacks, oldest first.
pub async fn pending(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    Ok(compare(db).await?.pending)
}

/// How the schema differs from what this program knows.
pub async fn compare(db: &impl ConnectionTrait) -> Result<Difference, DbErr> {
    Migrator::new().compare(db).await
}

/// The record of an applied migration.
#[derive(Clone, Debug)]
pub(crate) struct AppliedRow {
    pub(crate) at: DateTime<Utc>,
    pub(crate) compatible_from: Option<String>,
}

/// Returns the applied migrations by name; empty if the table does not exist.
pub(crate) async fn applied(db: &impl ConnectionTrait) -> Result<BTreeMap<String, AppliedRow>, DbErr> {
    if !has_table(db, MIGRATION_TABLE).await? {
        return Ok(BTreeMap::new());
    }
    let noted = has_compatibility(db).await?;
    let mut query = Query::select();
    query.columns(["version", "applied_at"]).from(MIGRATION_TABLE);
    if noted {
        query.column("compatible_from");
    }
    db.query_all(&query)
        .await?
        .iter()
        .map(|row| {
            let seconds: i64 = row.try_get("", "applied_at")?;
            let applied = AppliedRow {
                at: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
                compatible_from: if noted { row.try_get("", "compatible_from")? } else { None },
            };
            Ok((row.try_get("", "version")?, applied))
        })
        .collect()
}

/// True if the table of applied migrations has the `compatible_from` column, which was added later.
async fn has_compatibility(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let query = match db.get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT 1 AS one FROM pg_catalog.pg_attribute WHERE attrelid = '{MIGRATION_TABLE}'::regclass \
             AND attname = 'compatible_from' AND NOT attisdropped"
        ),
        _ => format!(
            "SELECT 1 AS one FROM pragma_table_info('{MIGRATION_TABLE}') WHERE name = 'compatible_from'"
        ),
    };
    Ok(db.query_one_raw(plain(db, query)).await?.is_some())
}

/// True if the schema of unqualified names has this table.
pub async fn has_table(db: &impl ConnectionTrait, table: &str) -> Result<bool, DbErr> {
    let query = match db.get_database_backend() {
        DbBackend::Postgres => Query::select()
            .expr(Expr::val(1))
            .from(("pg_catalog", "pg_tables"))
            .and_where(Expr::col("tablename").eq(table))
            .and_where(Expr::cust("schemaname = current_schema()"))
            .to_owned(),
        _ => Query::select()
            .expr(Expr::val(1))
            .from("sqlite_master")
            .and_where(Expr::col("type").eq("table"))
            .and_where(Expr::col("name").eq(table))
            .to_owned(),
    };
    Ok(db.query_one(&query).await?.is_some())
}
