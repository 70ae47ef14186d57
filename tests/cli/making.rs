//! Who makes Syncline's database, and where: a wrong folder or a wrong address makes nothing.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rstest::rstest;
use sqlx::{Connection, SqliteConnection};
use syncline_support::{
    places::{Table, document, write_csv},
    postgres::Database,
    program::Program,
};

use super::common::{ensure_tells, program};

/// The program as a user starts it: no DATABASE_URL, so the database is a file of the working directory.
fn in_a_folder() -> Result<Program> {
    let mut program = program()?;
    program.set("DATABASE_URL", "");
    Ok(program)
}

fn files(program: &Program) -> Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(program.folder())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}

/// Every command that needs a database that is there.
const NEEDS_ONE: [&[&str]; 18] = [
    &["runs"],
    &["jobs"],
    &["dead"],
    &["queues"],
    &["pauses"],
    &["schedules"],
    &["conflicts"],
    &["stats"],
    &["workers"],
    &["plan", "tasks"],
    &["sync", "tasks"],
    &["enqueue", "tasks"],
    &["migrate", "status"],
    &["migrate", "down"],
    &["migrate", "fresh", "--yes"],
    &["worker", "--listen", "127.0.0.1:0"],
    &["api", "--listen", "127.0.0.1:0"],
    &["up", "--migrate", "false", "--listen", "127.0.0.1:0"],
];

#[test]
fn in_a_wrong_folder_a_command_says_where_it_looked_and_makes_nothing() -> Result<()> {
    let program = in_a_folder()?;
    let place = program.path("syncline.db").display().to_string();
    for arguments in NEEDS_ONE {
        let refused = program.expect(2, arguments)?;
        ensure_tells(&refused.stderr, &[&place, "cd to the folder", "syncline apply", "DATABASE_URL"])?;
        ensure!(refused.stdout.is_empty(), "{arguments:?}: {}", refused.stdout);
        ensure!(files(&program)?.is_empty(), "{arguments:?} made {:?}", files(&program)?);
    }
    Ok(())
}

#[tokio::test]
async fn a_database_of_somebody_else_s_is_left_as_it_is() -> Result<()> {
    let mut program = program()?;
    Table::open(&program.path("tasks.db")).await?;
    program.set("DATABASE_URL", "sqlite://tasks.db");
    program.write("sync.yaml", &document(""))?;
    let before = std::fs::read(program.path("tasks.db"))?;
    let beside = files(&program)?;
    for arguments in NEEDS_ONE {
        let refused = program.expect(2, arguments)?;
        ensure_tells(&refused.stderr, &["tasks.db", "not a Syncline database", "(tasks)", "DATABASE_URL"])?;
    }
    for arguments in [&["apply", "sync.yaml"][..], &["migrate", "up"], &["up", "--listen", "127.0.0.1:0"]] {
        let refused = program.expect(2, arguments)?;
        ensure_tells(&refused.stderr, &["tasks.db", "(tasks)", "nothing was made", "--among-other-tables"])?;
    }
    ensure!(files(&program)? == beside, "{:?}", files(&program)?);
    ensure!(std::fs::read(program.path("tasks.db"))? == before, "the file was changed");

    let made = program.expect(0, &["apply", "sync.yaml", "--among-other-tables"])?;
    ensure_tells(&made.stdout, &["made Syncline's tables in", "tasks.db"])?;
    program.expect(0, &["runs"])?;
    Ok(())
}

/// Tables of a PostgreSQL extension do not count as foreign.
#[tokio::test]
async fn a_schema_of_somebody_else_s_is_left_as_it_is() -> Result<()> {
    let database = Database::create().await?;
    database
        .execute("CREATE TABLE projects (id int, name text); INSERT INTO projects VALUES (1, 'mine')")
        .await?;
    let mut program = program()?;
    program.set("DATABASE_URL", &database.url());
    let refused = program.expect(2, &["migrate", "up"])?;
    ensure_tells(&refused.stderr, &["(projects)", "search_path", "--among-other-tables"])?;
    ensure_tells(&program.expect(2, &["runs"])?.stderr, &["not a Syncline database", "projects"])?;
    let refused = program.expect(2, &["migrate", "up", "--among-other-tables"])?;
    ensure_tells(&refused.stderr, &["projects", "already exists", "not made by Syncline", "search_path"])?;
    ensure!(!refused.stderr.contains("at line"), "a line of the server's source: {}", refused.stderr);

    database.execute("CREATE SCHEMA syncline").await?;
    program.set("DATABASE_URL", &format!("{}?options=-c%20search_path%3Dsyncline", database.url()));
    program.expect(0, &["migrate", "up"])?;
    program.expect(0, &["runs"])?;
    Ok(())
}

#[test]
fn a_view_or_an_index_in_the_way_is_somebody_else_s_too() -> Result<()> {
    let program = program()?;
    let file = program.path("syncline.db");
    let sql = "CREATE TABLE mine (id INTEGER); CREATE VIEW accounts AS SELECT id FROM mine";
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut db = SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", file.display())).await?;
        sqlx::raw_sql(sql).execute(&mut db).await?;
        db.close().await
    })?;
    let refused = program.expect(2, &["migrate", "up", "--among-other-tables"])?;
    ensure_tells(&refused.stderr, &["create_accounts", "accounts", "not made by Syncline"])
}

#[test]
fn apply_says_once_what_it_made() -> Result<()> {
    let program = in_a_folder()?;
    program.write("sync.yaml", &document(""))?;
    let made = format!("made syncline.db in {}", program.folder().display());
    ensure_tells(&program.expect(0, &["apply", "sync.yaml"])?.stdout, &[&made])?;
    ensure!(!program.expect(0, &["apply", "sync.yaml"])?.stdout.contains("made"));
    program.expect(0, &["runs"])?;
    Ok(())
}

#[tokio::test]
async fn a_document_is_checked_and_planned_without_a_database() -> Result<()> {
    let program = in_a_folder()?;
    program.write("sync.yaml", &document(""))?;
    write_csv(&program.path("backlog.csv"), 5)?;
    Table::open(&program.path("tasks.db")).await?;
    let before = files(&program)?;
    program.expect(0, &["validate", "sync.yaml"])?;
    let planned = program.expect(0, &["plan", "-f", "sync.yaml"])?;
    ensure_tells(&planned.stdout, &["5 to create"])?;
    let shown = program.expect(0, &["migrate", "up", "--dry-run", "--steps", "1"])?;
    ensure_tells(&shown.stdout, &["CREATE TABLE", "rolled back"])?;
    ensure!(files(&program)? == before, "{:?}", files(&program)?);
    Ok(())
}

#[test]
fn a_folder_that_is_missing_is_named() -> Result<()> {
    let mut program = program()?;
    program.set("DATABASE_URL", "sqlite:///nowhere/at/all.db");
    ensure_tells(&program.expect(2, &["stats"])?.stderr, &["no Syncline database at /nowhere/at/all.db"])?;
    ensure_tells(&program.expect(2, &["migrate", "up"])?.stderr, &["no folder /nowhere/at", "make it"])
}

/// What a server refuses is told at once, in the server's words, with the remedy, and without lines of its source code.
#[rstest]
#[case::a_missing_right("", &["permission denied for schema public", "GRANT USAGE, CREATE ON SCHEMA public TO "])]
#[case::no_such_schema("?options=-c%20search_path%3Dabsent", &["search_path (absent)", "CREATE SCHEMA"])]
#[tokio::test]
async fn a_right_that_is_missing_is_told_at_once(#[case] more: &str, #[case] parts: &[&str]) -> Result<()> {
    let database = Database::create().await?;
    let role = format!("limited_{}", std::process::id() + u32::try_from(more.len())?);
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 's3cret'")).await?;
    let url = with_user(&database.url(), &role, "s3cret");
    let mut program = program()?;
    program.set("DATABASE_URL", &format!("{url}{more}"));
    let began = Instant::now();
    let refused = program.expect(2, &["migrate", "up"])?;
    ensure!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    ensure_tells(&refused.stderr, parts)?;
    ensure!(!refused.stderr.contains("lock") && !refused.stderr.contains("at line"), "{}", refused.stderr);
    database.execute(&format!("DROP ROLE {role}")).await
}

#[rstest]
#[case::an_unknown_database("absent", None, &["\"absent\" does not exist", "CREATE DATABASE"])]
#[case::an_unknown_role("postgres", Some(("nobody", "s3cret")), &["nobody", "correct the user"])]
#[tokio::test]
async fn whom_a_server_does_not_let_in_is_told_at_once(
    #[case] name: &str,
    #[case] user: Option<(&str, &str)>,
    #[case] parts: &[&str],
) -> Result<()> {
    let url = Database::create().await?.url();
    let (before, _) = url.rsplit_once('/').unwrap_or((&url, ""));
    let url = format!("{before}/{name}");
    let url = user.map_or(url.clone(), |(user, password)| with_user(&url, user, password));
    let mut program = program()?;
    program.set("DATABASE_URL", &url);
    let began = Instant::now();
    let refused = program.expect(2, &["stats"])?;
    ensure!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    ensure_tells(&refused.stderr, &[&["DATABASE_URL"], parts].concat())?;
    ensure!(!refused.stderr.contains("at line") && !refused.stderr.contains("s3cret"), "{}", refused.stderr);
    Ok(())
}

fn with_user(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{user}:{password}@{host}")
}
