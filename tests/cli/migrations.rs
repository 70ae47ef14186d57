//! The schema: up, down, and what is said to a program that does not fit it.

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use syncline_support::program::Program;

use super::common::{Places, ensure_tells, program};

/// Names of all migrations, and how many of them are applied.
fn status(program: &Program) -> Result<(Vec<String>, usize)> {
    let status = program.expect(0, &["--json", "migrate", "status"])?.json()?;
    let rows = status["migrations"].as_array().context("migrations")?;
    let names = rows.iter().filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect();
    Ok((names, rows.iter().filter(|row| row["applied"] == true).count()))
}

async fn open(program: &Program) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(program.path("syncline.db")).create_if_missing(true);
    Ok(SqliteConnection::connect_with(&options).await?)
}

async fn tables(program: &Program) -> Result<Vec<String>> {
    let sql =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    Ok(sqlx::query_scalar(sql).fetch_all(&mut open(program).await?).await?)
}

#[tokio::test]
async fn all_the_way_down_and_up_again() -> Result<()> {
    let program = program()?;
    let mut connection = open(&program).await?;
    sqlx::query("CREATE TABLE of_mine (id INTEGER)").execute(&mut connection).await?;
    program.expect(0, &["migrate", "up", "--among-other-tables"])?;
    let (names, applied) = status(&program)?;
    ensure!(!names.is_empty() && applied == names.len(), "{applied} of {names:?}");
    let full = tables(&program).await?;
    ensure!(full.iter().any(|table| table == "sync_metadata"), "{full:?}");

    program.expect(0, &["migrate", "down", "--yes", "--steps", &names.len().to_string()])?;
    ensure!(status(&program)? == (names.clone(), 0));
    let left = tables(&program).await?;
    ensure!(left.iter().all(|table| table == "of_mine" || table == "syncline_migrations"), "{left:?}");
    ensure!(left.iter().any(|table| table == "of_mine"), "a table that is not ours went");

    program.expect(0, &["migrate", "up"])?;
    ensure!(status(&program)? == (names.clone(), names.len()));
    ensure!(tables(&program).await? == full);
    Ok(())
}

#[test]
fn one_step_at_a_time() -> Result<()> {
    let program = program()?;
    program.expect(0, &["migrate", "up", "--steps", "3"])?;
    ensure!(status(&program)?.1 == 3);
    program.expect(0, &["migrate", "up", "--steps", "2"])?;
    ensure!(status(&program)?.1 == 5);
    program.expect(0, &["migrate", "down"])?;
    ensure!(status(&program)?.1 == 4);
    program.expect(0, &["migrate", "down", "--steps", "2", "--yes"])?;
    ensure!(status(&program)?.1 == 2);
    let last = program.expect(0, &["--json", "migrate", "status", "--steps", "2"])?.json()?;
    let (names, _) = status(&program)?;
    let rows = last["migrations"].as_array().context("migrations")?;
    let shown: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    ensure!(shown == names[names.len() - 2..], "{last}");
    Ok(())
}

#[test]
fn looking_at_a_database_does_not_make_its_tables() -> Result<()> {
    let program = program()?;
    program.write("syncline.db", "")?;
    ensure!(status(&program)?.1 == 0);
    let told = program.expect(0, &["migrate", "status"])?;
    ensure_tells(&told.stdout, &["pending", "create_projects"])?;
    ensure!(!told.stdout.contains("applied  "), "{}", told.stdout);
    Ok(())
}

#[test]
fn migrating_twice_changes_nothing() -> Result<()> {
    let program = program()?;
    program.expect(0, &["migrate", "up"])?;
    let first = program.expect(0, &["--json", "migrate", "status"])?.json()?;
    let again = program.expect(0, &["migrate", "up"])?;
    ensure_tells(&again.stdout, &["nothing to do", "migrations are applied"])?;
    ensure!(again.stdout.lines().count() == 1, "{}", again.stdout);
    ensure!(program.expect(0, &["--json", "migrate", "status"])?.json()? == first);
    Ok(())
}

#[test]
fn processes_that_migrate_at_once_do_not_collide() -> Result<()> {
    let program = program()?;
    let mut children = Vec::new();
    for _ in 0..4 {
        let mut command = program.command(&["migrate", "up"]);
        children
            .push(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn()?);
    }
    for child in children {
        let output = child.wait_with_output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{stderr}");
    }
    let (names, applied) = status(&program)?;
    ensure!(applied == names.len());
    Ok(())
}

#[rstest]
#[case::sync(&["sync", "tasks"])]
#[case::plan(&["plan", "tasks"])]
#[case::apply(&["apply", "sync.yaml"])]
#[case::enqueue(&["enqueue", "tasks"])]
#[case::runs(&["runs"])]
#[case::worker(&["worker", "--listen", "127.0.0.1:0"])]
#[case::api(&["api", "--listen", "127.0.0.1:0"])]
#[tokio::test]
async fn an_older_schema_is_refused_and_the_command_that_mends_it_is_named(
    #[case] arguments: &[&str],
) -> Result<()> {
    let places = Places::new(3, "").await?;
    places.program.expect(0, &["migrate", "down", "--steps", "2", "--yes"])?;
    let before = status(&places.program)?;
    let refused = places.program.expect(2, arguments)?;
    ensure_tells(&refused.stderr, &["lacks 2 migrations", "syncline migrate up"])?;
    ensure!(status(&places.program)? == before, "it migrated all the same");
    places.program.expect(0, &["migrate", "up"])?;
    places.sync(0, &[])?;
    Ok(())
}

#[tokio::test]
async fn up_migrates_by_itself() -> Result<()> {
    let program = program()?;
    program.expect(0, &["migrate", "up", "--steps", "3"])?;
    let up = program.serve(&["up"])?;
    let (names, applied) = status(&program)?;
    ensure!(applied == names.len());
    ensure!(up.terminate()? == Some(0));
    Ok(())
}

#[tokio::test]
async fn a_newer_schema_is_refused() -> Result<()> {
    let program = program()?;
    program.expect(0, &["migrate", "up"])?;
    let sql = "INSERT INTO syncline_migrations (version, applied_at) VALUES ('m29990101_000000_from_the_future', 0)";
    sqlx::query(sql).execute(&mut open(&program).await?).await?;
    for arguments in
        [&["runs"][..], &["up", "--listen", "127.0.0.1:0"], &["worker", "--listen", "127.0.0.1:0"]]
    {
        let refused = program.run(arguments)?;
        ensure!(refused.code == Some(2), "{arguments:?}: {refused:?}");
        ensure_tells(&refused.stderr, &["newer than this program", "m29990101_000000_from_the_future"])?;
    }
    Ok(())
}
