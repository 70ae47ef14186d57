//! `syncline migrate` on both databases: what it shows, what it refuses, and whose tables it leaves alone.

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};
use syncline_support::{
    places::{document, write_csv},
    postgres::Database,
    program::Program,
};

use super::common::{ensure_tells, program};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// The program with a database of its own, and a way into it.
struct Stage {
    program: Program,
    database: Option<Database>,
}

impl Stage {
    async fn new(kind: Kind) -> Result<Stage> {
        let mut program = program()?;
        if kind == Kind::Sqlite {
            return Ok(Stage { program, database: None });
        }
        let database = Database::create().await?;
        program.set("DATABASE_URL", &database.url());
        Ok(Stage { program, database: Some(database) })
    }

    /// One with a stored sync that has run once, so that most tables have rows.
    async fn with_rows(kind: Kind) -> Result<Stage> {
        let stage = Stage::new(kind).await?;
        stage.program.write("sync.yaml", &document(""))?;
        write_csv(&stage.program.path("backlog.csv"), 5)?;
        syncline_support::places::Table::open(&stage.program.path("tasks.db")).await?;
        stage.program.expect(0, &["migrate", "up"])?;
        stage.program.expect(0, &["apply", "sync.yaml"])?;
        stage.program.expect(0, &["sync", "tasks"])?;
        Ok(stage)
    }

    fn url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.program.path("syncline.db").display())
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.database {
            Some(database) => {
                let mut connection = PgConnection::connect(&database.url()).await?;
                connection.execute(sqlx::raw_sql(sql)).await?;
                connection.close().await?;
            }
            None => {
                let mut connection = SqliteConnection::connect(&self.url()).await?;
                connection.execute(sqlx::raw_sql(sql)).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }

    /// The first column of a query, as text.
    async fn column(&self, sql: &str) -> Result<Vec<String>> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.database {
            Some(database) => {
                let mut connection = PgConnection::connect(&database.url()).await?;
                let rows = sqlx::query(sql).fetch_all(&mut connection).await?;
                rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
            }
            None => {
                let mut connection = SqliteConnection::connect(&self.url()).await?;
                let rows = sqlx::query(sql).fetch_all(&mut connection).await?;
                rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
            }
        }
    }

    async fn tables(&self) -> Result<Vec<String>> {
        self.column(match self.database {
            Some(_) => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
            None => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
            }
        })
        .await
    }

    fn status(&self) -> Result<Vec<Value>> {
        let status = self.program.expect(0, &["--json", "migrate", "status"])?.json()?;
        Ok(status["migrations"].as_array().context("migrations")?.clone())
    }

    fn applied(&self) -> Result<Vec<String>> {
        let rows = self.status()?;
        let applied = rows.iter().filter(|row| row["applied"] == true);
        Ok(applied.filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect())
    }
}

/// A user's own table beside ours, one of them under a name that ours take only later.
const FOREIGN: &str = "CREATE TABLE of_mine (id integer); INSERT INTO of_mine VALUES (7)";

#[rstest]
#[case::fresh("fresh", true)]
#[case::refresh("refresh", true)]
#[case::reset("reset", false)]
#[tokio::test]
async fn beginning_again_touches_nothing_that_is_not_ours(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[case] how: &str,
    #[case] comes_back: bool,
) -> Result<()> {
    let stage = Stage::with_rows(kind).await?;
    stage.execute(FOREIGN).await?;
    let before = stage.tables().await?;

    let refused = stage.program.expect(2, &["migrate", how])?;
    ensure_tells(&refused.stderr, &["this deletes", "rows", "--yes", "nothing was done"])?;
    ensure_tells(&refused.stdout, &["sync_metadata", "sync_history", "5"])?;
    ensure!(stage.column("SELECT CAST(COUNT(*) AS text) FROM sync_metadata").await? == ["5"]);

    let tried = stage.program.expect(0, &["migrate", how, "--dry-run"])?;
    ensure_tells(&tried.stdout, &["rolled back", "DROP TABLE"])?;
    ensure!(stage.column("SELECT CAST(COUNT(*) AS text) FROM sync_metadata").await? == ["5"]);

    let done = stage.program.expect(0, &["migrate", how, "--yes"])?;
    ensure_tells(&done.stderr, &["sync_metadata went with its 5 rows"])?;
    ensure!(stage.column("SELECT CAST(id AS text) FROM of_mine").await? == ["7"], "a table that is not ours");
    if comes_back {
        ensure!(stage.tables().await? == before);
        ensure!(stage.column("SELECT CAST(COUNT(*) AS text) FROM sync_metadata").await? == ["0"]);
        ensure!(stage.column("SELECT CAST(id AS text) || name FROM projects").await? == ["1Default"]);
    } else {
        ensure!(stage.tables().await? == ["of_mine"], "{:?}", stage.tables().await?);
    }
    // It works afterwards, all the same.
    stage.program.expect(0, &["migrate", "up", "--among-other-tables"])?;
    stage.program.expect(0, &["apply", "sync.yaml"])?;
    stage.program.expect(0, &["sync", "tasks"])?;
    Ok(())
}

/// A table of a name that ours take at a later version belongs to whoever made it.
#[rstest]
#[tokio::test]
async fn a_table_that_only_sounds_like_ours_is_left_alone(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let stage = Stage::new(kind).await?;
    stage.program.expect(0, &["migrate", "up", "--to", "create_jobs"])?;
    stage.execute("CREATE TABLE alerts (id integer); INSERT INTO alerts VALUES (7)").await?;
    stage.program.expect(0, &["migrate", "reset", "--yes"])?;
    ensure!(stage.tables().await? == ["alerts"]);
    // Ours cannot be made beside it; what could be made stays a whole version.
    let refused = stage.program.expect(2, &["migrate", "up"])?;
    ensure_tells(&refused.stderr, &["not Syncline's (alerts)", "--among-other-tables"])?;
    let refused = stage.program.expect(2, &["migrate", "up", "--among-other-tables"])?;
    ensure_tells(
        &refused.stderr,
        &["create_alerts", "already exists", "not made by Syncline", "search_path"],
    )?;
    ensure!(!refused.stderr.contains("at line"), "a line of the database's source: {}", refused.stderr);
    ensure!(stage.column("SELECT CAST(id AS text) FROM alerts").await? == ["7"]);
    stage.execute("DROP TABLE alerts").await?;
    stage.program.expect(0, &["migrate", "up"])?;
    Ok(())
}

/// What somebody hung on our tables stops us, rather than go with them.
#[tokio::test]
async fn what_depends_on_our_tables_is_not_dropped_along() -> Result<()> {
    let stage = Stage::with_rows(Kind::Postgres).await?;
    stage.execute("CREATE VIEW of_mine AS SELECT id FROM sync_metadata").await?;
    for how in ["fresh", "refresh", "reset"] {
        let refused = stage.program.expect(1, &["migrate", how, "--yes"])?;
        ensure_tells(&refused.stderr, &["create_sync_metadata", "depend"])?;
    }
    ensure!(stage.column("SELECT CAST(COUNT(*) AS text) FROM of_mine").await? == ["5"]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn beginning_again_is_refused_beside_workers(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let stage = Stage::with_rows(kind).await?;
    let worker = stage.program.serve(&["worker"])?;
    for arguments in [&["fresh"][..], &["refresh"], &["reset"], &["down"], &["down", "--steps", "44"]] {
        let refused = stage.program.expect(1, &[&["migrate"], arguments, &["--yes"]].concat())?;
        ensure_tells(&refused.stderr, &["a worker is registered", "nothing was done", "Stop"])?;
    }
    ensure!(stage.column("SELECT CAST(COUNT(*) AS text) FROM sync_metadata").await? == ["5"]);
    ensure!(worker.terminate()? == Some(0));
    stage.program.expect(0, &["migrate", "fresh", "--yes"])?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn up_and_down_to_a_migration_by_name(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let stage = Stage::new(kind).await?;
    stage.program.expect(0, &["migrate", "up", "--to", "align_sync_schema"])?;
    ensure!(stage.applied()?.last().is_some_and(|name| name.ends_with("align_sync_schema")));
    let told =
        stage.program.expect(0, &["--json", "migrate", "down", "--to", "create_sync_configs"])?.json()?;
    ensure!(told["taken_back"].as_array().map(Vec::len) == Some(3), "{told}");
    ensure!(stage.applied()?.last().is_some_and(|name| name.ends_with("create_sync_configs")));

    for (arguments, tells) in [
        (&["up", "--to", "create_moons"][..], &["create_moons", "migrate status"][..]),
        (&["up", "--to", "create_sync_c"], &["create_sync_cursors", "create_sync_conflicts", "write more"]),
        (&["up", "--to", "create_projects"], &["applied already", "down --to"]),
        (&["down", "--to", "create_jobs"], &["not applied", "up --to"]),
        (&["up", "--to", "create_jobs", "--steps", "2"], &["--steps"]),
        (&["up", "--steps", "0"], &["--steps"]),
        (&["down", "--steps", "4"], &["--steps 4", "3 migrations", "nothing was done"]),
        (&["down", "--steps", "4", "--dry-run"], &["--steps 4", "3 migrations"]),
        (&["down", "--steps", "99", "--yes"], &["--steps 99", "3 migrations"]),
    ] {
        let refused = stage.program.expect(2, &[&["migrate"], arguments].concat())?;
        ensure_tells(&refused.stderr, tells)?;
    }
    ensure!(stage.applied()?.len() == 3);
    Ok(())
}

/// Whoever has to hand the statements to somebody else needs all of them.
#[rstest]
#[tokio::test]
async fn a_dry_run_changes_nothing_and_shows_every_statement(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let stage = Stage::new(kind).await?;
    let told = stage.program.expect(0, &["--json", "migrate", "up", "--dry-run"])?.json()?;
    ensure!(stage.tables().await?.is_empty(), "{:?}", stage.tables().await?);
    let shown = stage.program.expect(0, &["migrate", "up", "--dry-run", "--steps", "1"])?;
    ensure_tells(&shown.stdout, &["create_projects up", "CREATE TABLE \"projects\"", "rolled back"])?;

    // A step is one transaction: some of its locks are of no use outside.
    for step in told["steps"].as_array().context("steps")? {
        let statements = step["statements"].as_array().context("statements")?;
        let whole: Vec<&str> = statements.iter().filter_map(Value::as_str).collect();
        stage.execute(&format!("BEGIN; {}; COMMIT", whole.join("; "))).await?;
    }
    let by_hand = stage.tables().await?;
    ensure!(stage.status()?.iter().all(|row| row["applied"] == true));
    stage.program.expect(0, &["migrate", "fresh", "--yes"])?;
    ensure!(stage.tables().await? == by_hand);

    let told =
        stage.program.expect(0, &["--json", "migrate", "down", "--dry-run", "--steps", "2"])?.json()?;
    ensure!(told["steps"].as_array().map(Vec::len) == Some(2), "{told}");
    ensure!(stage.tables().await? == by_hand);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn rows_that_go_with_a_step_down_are_named(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let stage = Stage::with_rows(kind).await?;
    let down = ["migrate", "down", "--to", "create_sync_conflicts"];
    let applied = stage.applied()?;
    let refused = stage.program.expect(2, &down)?;
    ensure_tells(&refused.stderr, &["this deletes", "--yes", "nothing was done"])?;
    ensure_tells(&refused.stdout, &["sync_changes", "5"])?;
    ensure!(!refused.stdout.contains("sync_metadata"), "a table that stays: {}", refused.stdout);
    let tried = stage.program.expect(0, &[&down[..], &["--dry-run"]].concat())?;
    ensure_tells(&tried.stdout, &["sync_changes would go with its 5 rows", "rolled back"])?;
    ensure!(stage.applied()? == applied);
    let told = stage.program.expect(0, &[&down[..], &["--yes"]].concat())?;
    ensure_tells(&told.stderr, &["sync_changes went with its 5 rows"])?;
    ensure_tells(&told.stdout, &["took back m20261120_001200_create_sync_changes"])?;
    ensure!(!told.stdout.contains("create_projects"), "what was not done: {}", told.stdout);
    ensure!(stage.column("SELECT CAST(COUNT(*) AS text) FROM sync_metadata").await? == ["5"]);
    Ok(())
}

/// A column comes back empty: a sync would run outside its window for good.
#[rstest]
#[tokio::test]
async fn values_that_go_with_a_step_down_are_named(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let stage = Stage::new(kind).await?;
    let window = "schedule: '*/15 * * * *'\nrun_window: Mon-Fri 06:00-22:00\n";
    stage.program.write("sync.yaml", &document(window))?;
    stage.program.expect(0, &["migrate", "up"])?;
    stage.program.expect(0, &["apply", "sync.yaml"])?;
    let applied = stage.applied()?;
    let down = ["migrate", "down", "--to", "page_unfinished_runs"];
    let refused = stage.program.expect(2, &down)?;
    ensure_tells(&refused.stdout, &["schedules.run_window  1"])?;
    ensure_tells(
        &refused.stderr,
        &["this deletes 1 row in 1 table and 1 value in 1 column", "--yes", "nothing was done"],
    )?;
    let refused = stage.program.expect(2, &[&["--json"], &down[..]].concat())?;
    ensure_tells(&refused.stderr, &["(events 1, schedules.run_window 1)"])?;
    let tried = stage.program.expect(0, &[&down[..], &["--dry-run"]].concat())?;
    ensure_tells(&tried.stdout, &["schedules.run_window would go with its 1 value", "rolled back"])?;
    ensure!(stage.applied()? == applied);
    let told = stage.program.expect(0, &[&["--json"], &down[..], &["--yes"]].concat())?.json()?;
    ensure!(
        told["values_gone"][0]["column"] == "run_window" && told["values_gone"][0]["values"] == 1,
        "{told}"
    );
    // No values are left, so `--yes` is not needed.
    stage.program.expect(0, &["migrate", "up"])?;
    let told = stage.program.expect(0, &down)?;
    ensure!(!told.stderr.contains("went with"), "{}", told.stderr);
    Ok(())
}

/// Replicas of two versions side by side: what the newer one noted of its migrations decides.
#[rstest]
#[tokio::test]
async fn a_program_runs_on_a_newer_schema_that_says_so_and_on_no_other(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let stage = Stage::with_rows(kind).await?;
    let newest = stage.applied()?.pop().context("a migration")?;
    let add = |name: &str, compatible_from: &str| {
        format!(
            "INSERT INTO syncline_migrations (version, applied_at, compatible_from) VALUES ('{name}', 0, {compatible_from})"
        )
    };
    stage.execute(&add("m29990101_000000_adds_a_column", &format!("'{newest}'"))).await?;
    stage.execute(&add("m29990102_000000_adds_a_table", "'m20261122_000100_note_compatibility'")).await?;
    stage.program.expect(0, &["sync", "tasks"])?;
    stage.program.expect(0, &["migrate", "up"])?;
    ensure!(stage.program.serve(&["worker"])?.terminate()? == Some(0));
    ensure!(stage.program.serve(&["up"])?.terminate()? == Some(0));
    let shown = stage.program.expect(0, &["migrate", "status"])?;
    ensure_tells(&shown.stdout, &["m29990102_000000_adds_a_table", "applied by a newer program"])?;
    // It cannot take back what it does not know.
    for arguments in [&["down"][..], &["reset", "--yes"], &["fresh", "--yes"], &["refresh", "--yes"]] {
        let refused = stage.program.expect(2, &[&["migrate"], arguments].concat())?;
        ensure_tells(&refused.stderr, &["m29990101_000000_adds_a_column", "newer program"])?;
    }

    stage.execute(&add("m29990103_000000_drops_a_column", "'m29990102_000000_adds_a_table'")).await?;
    for arguments in
        [&["sync", "tasks"][..], &["worker", "--listen", "127.0.0.1:0"], &["up", "--listen", "127.0.0.1:0"]]
    {
        let refused = stage.program.expect(2, arguments)?;
        ensure_tells(
            &refused.stderr,
            &[
                "newer than this program",
                "m29990103_000000_drops_a_column",
                "programs from m29990102_000000_adds_a_table on",
                &format!("migrate down --to {newest}"),
            ],
        )?;
    }
    ensure!(stage.column("SELECT CAST(COUNT(*) AS text) FROM sync_metadata").await? == ["5"]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn roles_migrate_at_their_start_as_they_are_told(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) -> Result<()> {
    let stage = Stage::new(kind).await?;
    stage.program.expect(0, &["migrate", "up"])?;
    let whole = stage.applied()?.len();
    stage.program.expect(0, &["migrate", "down"])?;
    let refused = stage.program.expect(2, &["up", "--migrate", "false", "--listen", "127.0.0.1:0"])?;
    ensure_tells(&refused.stderr, &["lacks 1 migration;", "syncline migrate up"])?;
    ensure!(stage.applied()?.len() == whole - 1);
    ensure!(stage.program.serve(&["worker", "--migrate"])?.terminate()? == Some(0));
    ensure!(stage.applied()?.len() == whole);
    Ok(())
}
