//! Migrators that are killed, and migrators that meet: the schema is at one version or the next, never between.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use syncline_support::{postgres::Database, program::Program};

use super::BINARY;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// The program with an empty database, which lasts as long as the second.
async fn on(kind: Kind) -> Result<(Program, Option<Database>)> {
    let mut program = Program::new(BINARY)?;
    if kind == Kind::Sqlite {
        return Ok((program, None));
    }
    let database = Database::create().await?;
    program.set("DATABASE_URL", &database.url());
    Ok((program, Some(database)))
}

const SQLITE_SCHEMA: &str = "SELECT type || ' ' || name || ': ' || coalesce(sql, '') AS line FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY line";

const POSTGRES_SCHEMA: &str = "\
    SELECT 'column ' || table_name || '.' || column_name || ': ' || data_type || ' ' || is_nullable || ' ' || \
           coalesce(column_default, '') AS line \
    FROM information_schema.columns WHERE table_schema = 'public' \
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' \
    UNION ALL SELECT 'constraint ' || conrelid::regclass || ': ' || pg_get_constraintdef(oid) FROM pg_constraint \
              WHERE connamespace = 'public'::regnamespace \
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal \
    UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
    ORDER BY line";

/// Everything that a migration can make, in lines, and the migrations noted as applied.
async fn schema(program: &Program, database: Option<&Database>) -> Result<Vec<String>> {
    let versions = "SELECT 'version ' || version AS line FROM syncline_migrations ORDER BY 1";
    let mut lines = Vec::new();
    if let Some(database) = database {
        let mut connection = PgConnection::connect(&database.url()).await?;
        for row in sqlx::query(POSTGRES_SCHEMA).fetch_all(&mut connection).await? {
            lines.push(row.try_get("line")?);
        }
        if lines.iter().any(|line: &String| line.contains("syncline_migrations")) {
            for row in sqlx::query(versions).fetch_all(&mut connection).await? {
                lines.push(row.try_get("line")?);
            }
        }
        connection.close().await?;
    } else {
        let url = format!("sqlite://{}?mode=rwc", program.path("syncline.db").display());
        let mut connection = SqliteConnection::connect(&url).await?;
        for row in sqlx::query(SQLITE_SCHEMA).fetch_all(&mut connection).await? {
            lines.push(row.try_get("line")?);
        }
        if lines.iter().any(|line: &String| line.contains("syncline_migrations")) {
            for row in sqlx::query(AssertSqlSafe(versions.to_owned())).fetch_all(&mut connection).await? {
                lines.push(row.try_get("line")?);
            }
        }
        connection.close().await?;
    }
    Ok(lines)
}

/// The names of all migrations and how many statements each has.
fn rehearsed(program: &Program, arguments: &[&str]) -> Result<Vec<(String, usize)>> {
    let told = program.expect(0, &[&["--json", "migrate"], arguments, &["--dry-run"]].concat())?.json()?;
    let steps = told["steps"].as_array().context("steps")?;
    let count = |step: &serde_json::Value| step["statements"].as_array().map_or(0, Vec::len);
    Ok(steps.iter().filter_map(|step| Some((step["name"].as_str()?.to_owned(), count(step)))).collect())
}

/// Takes every migration back. A migrator that was killed early has made nothing to take back.
fn reset(program: &Program) -> Result<()> {
    let reset = program.run(&["migrate", "reset", "--yes"])?;
    let nothing_there = reset.code == Some(2)
        && ["no Syncline schema", "no Syncline database"].iter().any(|words| reset.stderr.contains(words));
    ensure!(reset.code == Some(0) || nothing_there, "{reset:?}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_migration_killed_anywhere_leaves_the_version_before_it(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values(true, false)] up: bool,
) -> Result<()> {
    let (program, database) = on(kind).await?;
    let database = database.as_ref();
    if !up {
        program.expect(0, &["migrate", "up"])?;
    }
    // The first migration makes the default project, a row that goes with it.
    let step: &[&str] = if up { &["up", "--steps", "1"] } else { &["down", "--steps", "1", "--yes"] };
    let all = if up {
        rehearsed(&program, &["up"])?
    } else {
        let told = program.expect(0, &["--json", "migrate", "status"])?.json()?;
        let applied = told["migrations"].as_array().context("migrations")?.len();
        rehearsed(&program, &["down", "--steps", &applied.to_string()])?
    };
    ensure!(all.len() > 20, "{all:?}");
    // All ten are made on the way up; the way down, with fewer statements, takes each once.
    for (name, statements) in all {
        let before = schema(&program, database).await?;
        ensure!(statements > 0, "{name} has no statement");
        for kill in 0..if up { 10 } else { statements } {
            let at = format!("migration_statement:{}", kill % statements + 1);
            let killed = program.kill_at(&at, &[&["migrate"], step].concat())?;
            ensure!(killed, "{name} {step:?} came to its end before statement {at}");
            let after = schema(&program, database).await?;
            ensure!(after == before, "{name} {step:?}, killed at {at}, left something behind: {after:#?}");
        }
        let done = program.expect(0, &[&["--json", "migrate"], step].concat())?.json()?;
        ensure!(done[if up { "applied" } else { "taken_back" }][0] == name.as_str(), "{done}");
        ensure!(schema(&program, database).await? != before, "{name} changed nothing");
    }
    Ok(())
}

/// Killed by the clock instead, wherever that is, also between two steps and in the middle of a commit.
#[rstest]
#[tokio::test]
async fn a_migrator_killed_at_any_time_leaves_a_version(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let (program, database) = on(kind).await?;
    let database = database.as_ref();
    // Every version as it should be, by the newest migration applied.
    let mut versions = BTreeMap::from([(String::new(), schema(&program, database).await?)]);
    for (name, _) in rehearsed(&program, &["up"])? {
        program.expect(0, &["migrate", "up", "--steps", "1"])?;
        versions.insert(name, schema(&program, database).await?);
    }
    for round in 0..10_u64 {
        reset(&program)?;
        let mut running = program.start(&["migrate", "up"])?;
        tokio::time::sleep(Duration::from_millis(15 + round * 17)).await;
        running.kill()?;
        let found = schema(&program, database).await?;
        let newest = found.iter().filter_map(|line| line.strip_prefix("version ")).next_back().unwrap_or("");
        let expected = versions.get(newest).with_context(|| format!("no version {newest:?}"))?;
        ensure!(&found == expected, "killed in round {round}, it is at {newest:?} and differs: {found:#?}");
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn two_migrators_started_together_make_one_version(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let (program, database) = on(kind).await?;
    let database = database.as_ref();
    program.expect(0, &["migrate", "up"])?;
    let whole = schema(&program, database).await?;
    for round in 0..50 {
        reset(&program)?;
        let start = || {
            let mut command = program.command(&["--json", "migrate", "up"]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
        };
        let mut applied = Vec::new();
        for child in [start()?, start()?] {
            let output = child.wait_with_output()?;
            let stderr = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "round {round}: {stderr}");
            let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
            applied.extend(told["applied"].as_array().context("applied")?.iter().map(ToString::to_string));
        }
        applied.sort();
        let mut once = applied.clone();
        once.dedup();
        ensure!(applied == once, "round {round}: a step was made twice: {applied:?}");
        ensure!(schema(&program, database).await? == whole, "round {round}");
    }
    Ok(())
}

/// Whoever reads a table keeps a migration from altering it, and everybody who comes later would stand behind the
/// migration. So it steps aside, says so, and tries again.
#[tokio::test]
async fn a_migration_steps_aside_for_a_long_transaction() -> Result<()> {
    let (program, database) = on(Kind::Postgres).await?;
    let database = database.context("a database")?;
    program.expect(0, &["migrate", "up", "--to", "create_jobs"])?;
    let mut reader = PgConnection::connect(&database.url()).await?;
    let mut reading = reader.begin().await?;
    sqlx::query("LOCK TABLE syncline_migrations IN ACCESS SHARE MODE").execute(&mut *reading).await?;

    let mut command = program.command(&["migrate", "up"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("standard error is piped")?).lines();
    let said = lines.by_ref().map_while(Result::ok).find(|line| line.contains("waits for a lock"));
    ensure!(said.is_some_and(|line| line.contains("note_compatibility")), "it ended without waiting");
    // It holds nothing now, or only stands in line: others get through.
    sqlx::query("SELECT COUNT(*) FROM syncline_migrations")
        .execute(&mut PgConnection::connect(&database.url()).await?)
        .await?;
    reading.commit().await?;
    lines.for_each(drop);
    ensure!(child.wait()?.success());
    Ok(())
}
